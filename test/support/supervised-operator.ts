// An operator whose component is the small one of this folder, supervised by the runtime, and what can be seen of it: by query, and in the
// operating system.

import type { JsonObject } from '../../src/core/json.ts';
import type { Client } from '../../src/client/types.ts';
import type { ComponentStatus, Condition, OperatorStatus } from '../../src/messages/entity.ts';
import { operatorNamed } from './manifests.ts';
import { root } from './processes.ts';
import { join } from 'node:path';

export const smallComponent = join(root, 'test', 'support', 'small-component.mjs');

export const supervisedOperator = (name: string, change: JsonObject = {}): JsonObject => {
  const manifest = operatorNamed(name) as { operator: JsonObject };
  const component = {
    ...{ name: 'worker', type: 'worker', compute: 'runnable-default', image: 'none', replicas: 1 },
    ...{ command: ['node', smallComponent], environmentVars: { METRIC_PORT: 0 } },
    ...change,
  };
  return { ...manifest, operator: { ...manifest.operator, components: [component] } } as JsonObject;
};

export const statusOf = async (client: Client, name: string): Promise<OperatorStatus | undefined> => {
  const answer = await client.query('get', { type: 'operator', name });
  return answer.ok && answer.value.type === 'operator' ? answer.value.status : undefined;
};

export const componentOf = async (client: Client, name: string): Promise<ComponentStatus | undefined> =>
  (await statusOf(client, name))?.components?.[0];

export const conditionOf = async (client: Client, name: string, type: string): Promise<Condition | undefined> =>
  (await statusOf(client, name))?.conditions.find((one) => one.type === type);

/** Process ids of the instances that are ready. */
export const readyPids = async (client: Client, name: string): Promise<readonly number[]> =>
  ((await componentOf(client, name))?.instances ?? [])
    .filter(({ state }) => state === 'ready')
    .map(({ handle }) => Number(handle));
