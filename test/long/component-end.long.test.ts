// Components that die within a reconcile, as a user sees it: the resource says that its operator cannot work, what ended and on what it worked.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { endComponents } from '../../src/compute/instance-records.ts';
import { temporaryFolder } from '../support/children.ts';
import { datasetOf, mustApply } from '../support/manifests.ts';
import { leakGuard, root } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const data = temporaryFolder();
let instance: RunningInstance;

before(async () => {
  instance = await startInstance({
    env: { OPSTREAM_COMPUTES: 'runnable-default=process', OPSTREAM_DATA: data.path, OPSTREAM_CRASH_LOOP_AFTER: '1' },
  });
});
after(async () => {
  await instance.stop();
  await endComponents(data.path, 500);
  data.remove();
});

/** What the resource says once its component has died of it. */
const toldAfter = async (name: string, spec: Readonly<Record<string, string | number>>): Promise<string> => {
  await mustApply(
    instance.client,
    supervisedOperator(name, {
      command: [
        ...['node', '--max-old-space-size=64', '--import', import.meta.resolve('tsx')],
        join(root, 'test', 'support', 'stuck-program.ts'),
      ],
      environmentVars: { ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${name}.dataset` },
    }),
  );
  await mustApply(instance.client, datasetOf(name, `of-${name}`, spec));
  let seen: unknown;
  return waitFor(
    async () => {
      const answer = await instance.client.query('get', { type: 'resource', workspace: 'public', name: `of-${name}` });
      seen = answer;
      const status = answer.ok && answer.value.type === 'resource' ? answer.value.status : undefined;
      const told = status?.conditions.find(({ reason }) => reason === 'OperatorNotReady')?.message;
      return told?.includes('while it worked on') === true ? told : undefined;
    },
    { what: 'what the resource says', timeoutMs: 60_000 },
  ).catch((error: unknown) => assert.fail(`${String(error)} ${JSON.stringify(seen)}`));
};

test('an exit', async () => {
  const told = await toldAfter('exits', { does: 'exit', code: 3 });
  assert.match(
    told,
    /^operator exits: CrashLoopBackOff, component worker: replica 0 ended with exit code 3, while it worked on public\.of-exits; .*, since \d{4}-/,
  );
});

test('a heap that is full', async () => {
  const told = await toldAfter('fills', { does: 'fill' });
  assert.match(told, /replica 0 ran out of memory and was ended by SIGABRT, while it worked on public\.of-fills;/);
});
