// An instance with one operator without code from its shipped manifest, for tests against a real platform: what a user does, by commands and queries.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endComponents } from '../../src/compute/instance-records.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { EntityStatus } from '../../src/messages/entity.ts';
import { temporaryFolder } from './children.ts';
import { mustApply } from './manifests.ts';
import { root } from './processes.ts';
import { startInstance } from './running-instance.ts';
import { componentOf } from './supervised-operator.ts';
import { waitFor } from './wait-for.ts';

const timeoutMs = 180_000;

/** `operator`: name of the manifest's file and of the operator. `edits`: what is replaced in its text; each must be there. */
export const startLane = async (operator: string, edits: readonly (readonly [string, string])[]) => {
  const data = temporaryFolder();
  const instance = await startInstance({
    env: { OPSTREAM_COMPUTES: 'runnable-default=process', OPSTREAM_DATA: data.path },
  });
  const { client } = instance;
  let text = readFileSync(join(root, 'src', 'operators', 'http', 'manifests', `${operator}.yaml`), 'utf8');
  for (const [from, to] of edits) {
    assert.ok(text.includes(from), from);
    text = text.replaceAll(from, to);
  }
  const applied = await client.send('apply', new TextEncoder().encode(text));
  assert.ok(applied.accepted, JSON.stringify(applied.rejection));
  await waitFor(async () => (await componentOf(client, operator))?.state === 'Running', {
    ...{ what: 'the component', timeoutMs },
  });

  const statusOf = async (name: string): Promise<EntityStatus | undefined> => {
    const answer = await client.query('get', { type: 'resource', name, workspace: 'public' });
    return answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
  };
  return {
    client,
    statusOf,
    declare: (name: string, type: string, spec: JsonObject) =>
      mustApply(client, { name, version: 'v1', type: 'resource', resource: { operator, type, spec } }),
    send: async (verb: 'run' | 'cancel' | 'delete', name: string, more: JsonObject = {}): Promise<void> => {
      const body = new TextEncoder().encode(JSON.stringify({ name, workspace: 'public', ...more }));
      const receipt = await client.send(verb, body);
      assert.ok(receipt.accepted, JSON.stringify(receipt.rejection));
    },
    until: async (name: string, isReached: (status: EntityStatus) => boolean, what: string): Promise<EntityStatus> => {
      let seen: EntityStatus | undefined;
      await waitFor(
        async () => {
          seen = await statusOf(name);
          return seen !== undefined && isReached(seen);
        },
        { what, timeoutMs, intervalMs: 200 },
      ).catch((error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(seen)}`));
      return seen as EntityStatus;
    },
    gone: (name: string) =>
      waitFor(
        async () => {
          const answer = await client.query('get', { type: 'resource', name, workspace: 'public' });
          return !answer.ok && answer.error.code === 'NOT_FOUND';
        },
        { what: `${name} to be gone`, timeoutMs },
      ),
    stop: async (): Promise<void> => {
      await instance.stop();
      await endComponents(data.path, 500);
      data.remove();
    },
  };
};

export type Lane = Awaited<ReturnType<typeof startLane>>;

export const changeIn = ({ conditions }: EntityStatus): string =>
  conditions.find(({ type }) => type === 'LastChange')?.reason ?? '';
