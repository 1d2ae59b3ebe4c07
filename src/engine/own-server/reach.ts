// Which components cannot reach their operator's own server, and why: it listens on 127.0.0.1 of the machine, which inside a network of its
// own is something else. They are not started, and their state says so, like that of a server whose compute cannot run it.

import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { EXTERNAL, PROCESS } from '../supervision/drivers.ts';
import { isServer, serverWish } from './place.ts';

export type Reach = {
  /** Compute to driver. */
  readonly computes: ReadonlyMap<string, string>;
  /** Drivers whose instances are not on the network of this machine. */
  readonly isolated: ReadonlySet<string>;
};

/** Why the component cannot reach the server of its operator, with what to do. Undefined: it can, or there is no such server. */
export const reachProblem = (
  operator: OperatorDocument,
  component: ComponentSpec,
  { computes, isolated }: Reach,
): string | undefined => {
  const { compute } = component;
  if (!isolated.has(computes.get(compute) ?? '')) return undefined;
  if (serverWish(operator, computes)?.location !== 'own' || isServer(operator, component)) return undefined;
  return `compute "${compute}" means containers in a network of their own, which do not reach the operator's own NATS server at 127.0.0.1 of the machine: put them on its network (--network host in OPSTREAM_CONTAINER_RUN_FLAGS), name a compute that means "${PROCESS}", or one that means "${EXTERNAL}" in natsClusterConfig.compute, for the shared server`;
};
