// A component in another language, run for real: the operator of test/components/python applied with a compute that starts processes, its
// two programs started by the operator-runtime with what it gives every component, a note and a tally that become real, and a component
// that is killed and comes back to what was wanted meanwhile.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { endComponents } from '../../src/compute/instance-records.ts';
import type { EntityStatus } from '../../src/messages/entity.ts';
import { temporaryFolder } from '../support/children.ts';
import { mustApply } from '../support/manifests.ts';
import { leakGuard, root } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { statusOf } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const program = join(root, 'test', 'components', 'python', 'notes.py');
const OPERATOR = 'notes-operator';
const data = temporaryFolder();
const outside = temporaryFolder();

const python = (() => {
  const { status } = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  return status === 0 ? {} : { skip: 'there is no python3 of at least 3.9 here' };
})();

/** The manifest of the folder, but for what says how and where its programs are started. */
const manifest = (): Uint8Array => {
  const text = readFileSync(join(root, 'test', 'components', 'python', 'operator.yaml'), 'utf8')
    .replaceAll('compute: external', 'compute: runnable-default')
    .replaceAll('replicas: 2', 'replicas: 1')
    .replaceAll('command: [python3, notes.py]', `command: [python3, -B, ${JSON.stringify(program)}]`)
    .replaceAll(
      '      environmentVars:\n',
      `      environmentVars:\n        METRIC_PORT: 0\n        NOTES_DIR: ${JSON.stringify(outside.path)}\n`,
    );
  return new TextEncoder().encode(text);
};

const declare = (instance: RunningInstance, name: string, type: string, spec: Record<string, string | number>) =>
  mustApply(instance.client, {
    ...{ name, version: 'v1alpha', type: 'resource' },
    resource: { operator: OPERATOR, type, spec },
  });

const observed = (
  instance: RunningInstance,
  name: string,
  isMeant: (status: EntityStatus) => boolean,
): Promise<EntityStatus> => {
  let seen: unknown;
  return waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'resource', name, workspace: 'public' });
      seen = answer;
      const status = answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
      return status !== undefined && isMeant(status) ? status : undefined;
    },
    { what: `status of ${name}`, timeoutMs: 30_000 },
  ).catch((error: unknown) => assert.fail(`${String(error)} ${JSON.stringify(seen)}`));
};

describe('a component in Python that the operator-runtime starts', python, () => {
  let instance: RunningInstance;

  before(async () => {
    instance = await startInstance({
      env: { OPSTREAM_COMPUTES: 'runnable-default=process', OPSTREAM_DATA: data.path, OPSTREAM_LEASE_TTL: '2s' },
    });
    await mustApply(instance.client, manifest());
  });
  after(async () => {
    await instance.stop();
    await endComponents(data.path, 500);
    data.remove();
    outside.remove();
  });

  const pids = async (): Promise<readonly number[]> =>
    ((await statusOf(instance.client, OPERATOR))?.components ?? []).flatMap(({ instances }) =>
      instances.filter(({ state }) => state === 'ready').map(({ handle }) => Number(handle)),
    );

  it('gets ready', { timeout: 60_000 }, async () => {
    await waitFor(async () => (await pids()).length === 2, { what: 'both components', timeoutMs: 40_000 });
  });

  it('makes a note and runs a tally', { timeout: 60_000 }, async () => {
    await declare(instance, 'shopping', 'note', { text: 'bread' });
    await declare(instance, 'visitors', 'tally', { steps: 2 });
    await observed(instance, 'shopping', ({ status }) => status === 'active');
    const { run } = await observed(instance, 'visitors', ({ runtime }) => runtime === 'succeeded');
    assert.equal(run?.state, 'succeeded');
  });

  it('comes back after a kill -9 to what was wanted meanwhile', { timeout: 90_000 }, async () => {
    const before = await pids();
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await declare(instance, 'shopping', 'note', { text: 'bread and milk' });
    const { observedGeneration } = await observed(instance, 'shopping', (status) => status.observedGeneration === 2);
    assert.equal(observedGeneration, 2);
    const now = await waitFor(
      async () => {
        const ready = await pids();
        return ready.length === 2 && ready.every((pid) => !before.includes(pid)) ? ready : undefined;
      },
      { what: 'new instances', timeoutMs: 40_000 },
    );
    assert.equal(now.length, 2);
  });
});
