// Which NATS server an operator's channel is in: the instance's own (shared by all), or one that is run for this operator alone
// (`natsClusterConfig`). The server is run like a component: same driver, restarts, report and log. Pure.

import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { instanceId } from '../supervision/instance-id.ts';
import { EXTERNAL, PROCESS } from '../supervision/drivers.ts';
import type { InstanceSpec } from '../supervision/ports.ts';
import { SERVER_IMAGE, type ServerPlace } from './ports.ts';

/** What `natsClusterConfig` comes to here. Undefined: there is none. */
export type ServerWish = {
  readonly location: 'own' | 'shared';
  readonly name: string;
  readonly compute: string;
};

/** `external` means: nobody starts anything, so the shared server it is. */
export const serverWish = (
  { manifest }: OperatorDocument,
  computes: ReadonlyMap<string, string>,
): ServerWish | undefined => {
  const { natsClusterConfig: config } = manifest.operator;
  if (config === undefined) return undefined;
  const { name, compute } = config;
  return { location: computes.get(compute) === EXTERNAL ? 'shared' : 'own', name, compute };
};

/** Why the compute of an own server cannot run it, with what to do. */
export const serverProblem = (compute: string, computes: ReadonlyMap<string, string>): string | undefined => {
  const driver = computes.get(compute);
  if (driver === PROCESS) return undefined;
  const found = driver === undefined ? 'is not known' : `means the driver "${driver}"`;
  return `the NATS server of an operator's own runs as a process, and compute "${compute}" ${found}: name one that means "${PROCESS}" in natsClusterConfig.compute (OPSTREAM_COMPUTES), or "${EXTERNAL}" for the shared server`;
};

const componentFor = ({ name, compute }: ServerWish): ComponentSpec => ({
  ...{ name, compute, type: 'service', image: SERVER_IMAGE, replicas: 1 },
});

/** The operator with its server among the components, as the supervisor is to see it. */
export const withServer = (operator: OperatorDocument, wish: ServerWish | undefined): OperatorDocument => {
  if (wish?.location !== 'own') return operator;
  const { manifest } = operator;
  const components = [...manifest.operator.components, componentFor(wish)];
  return { ...operator, manifest: { ...manifest, operator: { ...manifest.operator, components } } };
};

export const isServer = (operator: OperatorDocument, component: ComponentSpec): boolean =>
  component.image === SERVER_IMAGE && component.name === operator.manifest.operator.natsClusterConfig?.name;

/** The operator as it is stored: what its components are given to read. */
export const withoutServer = (operator: OperatorDocument): OperatorDocument => {
  const { manifest } = operator;
  const components = manifest.operator.components.filter((component) => !isServer(operator, component));
  return { ...operator, manifest: { ...manifest, operator: { ...manifest.operator, components } } };
};

/** Never a second revision: two servers cannot share a port and a folder, so there is nothing to roll. */
const REVISION = 'server';

export const serverInstance = (
  operator: OperatorDocument,
  name: string,
  { configPath, port }: Pick<ServerPlace, 'configPath' | 'port'>,
): InstanceSpec => ({
  id: instanceId({ operator: operator.name, component: name, replica: 0, revision: REVISION }),
  ...{ operator: operator.name, component: name, replica: 0, revision: REVISION },
  ...{ type: 'service', image: SERVER_IMAGE, command: [], arguments: ['-c', configPath] },
  ...{ environment: {}, files: [], ports: [{ name: 'nats', servicePort: port, targetPort: port }] },
});
