// Which fields of a manifest are never stored in the clear, and the place that each one's sealed value is bound to. Pure: the vault does not
// know manifests, and manifests do not know keys.

import { toPointer } from '../core/json.ts';
import type { ComponentSpec, Manifest, OperatorSpec } from '../messages/manifest-types.ts';

export type Sealable = {
  readonly value: string;
  /** What the sealed value is bound to. */
  readonly place: string;
  /** Where it stands in the manifest. */
  readonly pointer: string;
};

export const secretValuePlace = (workspace: string, name: string, key: string): string =>
  `secret/${workspace}/${name}/${key}`;
export const componentApiKeyPlace = (operator: string, component: string): string =>
  `operator/${operator}/component/${component}/runAsApiKey`;
export const clusterApiKeyPlace = (operator: string): string => `operator/${operator}/natsClusterConfig/runAsApiKey`;

type Change = (sealable: Sealable) => string;

const changeComponent = (component: ComponentSpec, operator: string, index: number, change: Change): ComponentSpec => {
  const { runAsApiKey } = component;
  if (runAsApiKey === undefined) return component;
  const pointer = toPointer(['operator', 'components', index, 'runAsApiKey']);
  const place = componentApiKeyPlace(operator, component.name);
  return { ...component, runAsApiKey: change({ value: runAsApiKey, place, pointer }) };
};

const changeOperator = (spec: OperatorSpec, name: string, change: Change): OperatorSpec => {
  const { natsClusterConfig: cluster } = spec;
  const pointer = '/operator/natsClusterConfig/runAsApiKey';
  const components = spec.components.map((component, index) => changeComponent(component, name, index, change));
  if (cluster?.runAsApiKey === undefined) return { ...spec, components };
  const runAsApiKey = change({ value: cluster.runAsApiKey, place: clusterApiKeyPlace(name), pointer });
  return { ...spec, natsClusterConfig: { ...cluster, runAsApiKey }, components };
};

/** The manifest with every such value replaced; the very same one when it has none. */
export const changeSealables = (manifest: Manifest, change: Change): Manifest => {
  switch (manifest.type) {
    case 'resource':
      return manifest;
    case 'operator': {
      const { components, natsClusterConfig } = manifest.operator;
      const isWithout =
        natsClusterConfig?.runAsApiKey === undefined && components.every((one) => one.runAsApiKey === undefined);
      return isWithout ? manifest : { ...manifest, operator: changeOperator(manifest.operator, manifest.name, change) };
    }
    case 'secret': {
      const { workspace, name, secret } = manifest;
      const data = Object.fromEntries(
        Object.entries(secret.data).map(([key, value]) => {
          const pointer = toPointer(['secret', 'data', key]);
          return [key, change({ value, place: secretValuePlace(workspace, name, key), pointer })];
        }),
      );
      return { ...manifest, secret: { ...secret, data } };
    }
  }
};

export const sealablesOf = (manifest: Manifest): readonly Sealable[] => {
  const found: Sealable[] = [];
  changeSealables(manifest, (sealable) => {
    found.push(sealable);
    return sealable.value;
  });
  return found;
};
