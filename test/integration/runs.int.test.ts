// Every run that was accepted has an end that can be seen, on a real server with a component of the SDK: in the order of the requests, each
// once, whatever is killed meanwhile.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitTargetsOf } from '../../src/cli/reporting.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import type { RunRow } from '../../src/messages/queries.ts';
import { resourceManifest } from '../support/fixtures.ts';
import { mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { startRunningComponent, type RunningComponent } from '../support/running-component.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
let component: RunningComponent;
before(async () => {
  instance = await startInstance();
  const operator = operatorNamed('op') as JsonObject & { operator: { resources: JsonObject[] } };
  const [runnable = {}] = operator.operator.resources;
  const careful = { ...runnable, name: 'careful', ifRunning: 'skip', natsApi: channel('careful') };
  await mustApply(instance.client, {
    ...operator,
    operator: { ...operator.operator, resources: [...operator.operator.resources, careful] },
  });
  component = startRunningComponent(instance, 'op');
});
after(async () => {
  await component.stop();
  await instance.stop();
});

const channel = (type: string): JsonObject => ({
  command: { stream: 'op-channel', subject: `op.${type}` },
  query: { subject: `op.${type}.query`, replySubject: `op.${type}.reply` },
});
const pipeline = (name: string, pipelineName = 'p', type = 'pipeline-run') =>
  resourceManifest({}, { name, resource: { operator: 'op', type, spec: { pipelineName } } }) as unknown as JsonObject;
const run = (name: string, ifRunning?: string): Promise<Receipt> =>
  instance.client.send('run', { name, ...(ifRunning === undefined ? {} : { ifRunning }) });
const runsOf = async (name: string): Promise<readonly RunRow[]> => {
  const answer = await instance.client.query('runs', { name });
  assert.ok(answer.ok, JSON.stringify(answer));
  return [...answer.value.items].reverse();
};
const statesOf = async (name: string) => (await runsOf(name)).map(({ state }) => state);
const untilStates = (name: string, states: readonly string[]) =>
  waitFor(async () => JSON.stringify(await statesOf(name)) === JSON.stringify(states), {
    what: `${name}: ${states.join(' ')}`,
    timeoutMs: 30_000,
  });
const startsOf = (name: string): readonly string[] =>
  component.started.filter(({ key }) => key === `public.${name}`).map(({ runId }) => runId);

describe('runs', () => {
  it('asked for while one goes on are all done, one after the other, in their order', async () => {
    component.holdsRuns = true;
    await mustApply(instance.client, pipeline('queued'));
    await waitFor(() => startsOf('queued').length === 1, { what: 'the first run' });
    for (let asked = 0; asked < 3; asked += 1) assert.equal((await run('queued')).accepted, true);
    assert.deepEqual(await statesOf('queued'), ['inprogress', 'queued', 'queued', 'queued']);
    component.holdsRuns = false;
    await untilStates('queued', ['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    const rows = await runsOf('queued');
    assert.deepEqual(
      startsOf('queued'),
      rows.map(({ id }) => id),
    );
    assert.ok(rows.every((row) => row.requestedBy !== '' && row.finishedAt !== undefined));
    const history = await instance.client.query('history', { type: 'resource', name: 'queued' });
    const ends = history.ok ? history.value.entries.filter(({ event }) => /run-ended/.test(String(event['type']))) : [];
    assert.equal(ends.length, 4);
  });

  it('replace what goes on, or are refused, as the request says', async () => {
    component.holdsRuns = true;
    await mustApply(instance.client, pipeline('replaced'));
    await waitFor(() => startsOf('replaced').length === 1, { what: 'the first run' });
    await run('replaced');
    assert.equal((await run('replaced', 'skip')).rejection?.code, 'RUN_IN_PROGRESS');
    assert.equal((await run('replaced', 'replace')).accepted, true);
    component.holdsRuns = false;
    await untilStates('replaced', ['replaced', 'replaced', 'succeeded']);
    assert.equal(startsOf('replaced').length, 2);
    assert.equal((await run('replaced', 'skip')).accepted, true);
    await untilStates('replaced', ['replaced', 'replaced', 'succeeded', 'succeeded']);
  });

  it('are waited for one by one: no earlier end counts, for a run, a change or a deletion', async () => {
    const wait = async (receipt: Receipt, untilGone = false) => {
      const [target] = waitTargetsOf(receipt);
      assert.ok(target);
      const { identity, generation, run: _run, ...which } = target;
      const run = untilGone || target.run === undefined ? {} : { run: target.run };
      return (await instance.client.waitReady(identity, generation, { ...which, ...run, untilGone, timeoutMs: 20_000 }))
        .outcome;
    };
    component.holdsRuns = true;
    const declared = await mustApply(instance.client, pipeline('waited'));
    await waitFor(() => startsOf('waited').length === 1, { what: 'the first run' });
    const second = await run('waited');
    await instance.client.send('cancel', { name: 'waited' });
    assert.equal(await wait(declared), 'failed');
    component.holdsRuns = false;
    assert.equal(await wait(second), 'ready');
    component.holdsRuns = true;
    await run('waited');
    await instance.client.send('cancel', { name: 'waited' });
    await untilStates('waited', ['cancelled', 'succeeded', 'cancelled']);
    const described = await mustApply(instance.client, { ...pipeline('waited'), description: 'other' });
    assert.equal(await wait(described), 'ready');
    component.holdsRuns = false;
    assert.equal(await wait(await run('waited')), 'ready');
    const deletion = await instance.client.send('delete', { name: 'waited' });
    assert.equal(await wait(deletion, true), 'ready');
  });

  it('of a type that says skip are not done for a change while one goes on, and are listed', async () => {
    await mustApply(instance.client, pipeline('skipped', 'p', 'careful'));
    await mustApply(instance.client, pipeline('skipped', 'q', 'careful'));
    assert.deepEqual(await statesOf('skipped'), ['pending', 'skipped']);
    assert.equal((await run('skipped')).rejection?.code, 'RUN_IN_PROGRESS');
    assert.equal((await run('skipped', 'queue')).accepted, true);
    assert.equal((await instance.client.send('cancel', { name: 'skipped', all: true })).accepted, true);
    assert.deepEqual(await statesOf('skipped'), ['pending', 'skipped', 'cancelled']);
  });

  it('are neither lost nor done twice while everything is killed', async () => {
    const names = ['storm-1', 'storm-2', 'storm-3'];
    for (const name of names) await mustApply(instance.client, pipeline(name));
    let isOver = false;
    const load = Promise.all(
      names.map(async (name) => {
        let asked = 0;
        while (!isOver || asked < 12) {
          const receipt = await run(name);
          if (receipt.accepted) asked += 1;
          else assert.equal(receipt.rejection?.code, 'RUN_QUEUE_FULL');
        }
        return asked;
      }),
    );
    for (const program of ['operator-runtime', 'command-handler', 'query-responder', 'operator-runtime'] as const) {
      await instance.replace(program);
    }
    isOver = true;
    const asked = await load;
    for (const [index, name] of names.entries()) {
      await untilStates(
        name,
        Array.from({ length: (asked[index] ?? 0) + 1 }, () => 'succeeded'),
      );
      assert.deepEqual(
        startsOf(name),
        (await runsOf(name)).map(({ id }) => id),
      );
    }
    const events = (await instance.messages(instance.names.streams.events)).map(eventIn);
    const ended = events.filter(({ type }) => type === 'io.opstream.resource.run-ended.v1');
    const ids = ended.map(({ data }) => (data as JsonObject)['runId']);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('are settled for nobody who only says so: the status decides', async () => {
    component.holdsRuns = true;
    await mustApply(instance.client, pipeline('forged'));
    await waitFor(() => startsOf('forged').length === 1, { what: 'the run' });
    const [row] = await runsOf('forged');
    const body = { name: 'forged', uid: row?.uid ?? '', runId: row?.id ?? '', statusSequence: 1 };
    assert.equal((await instance.client.send('settle', body)).rejection?.code, 'COMMAND_INVALID');
    assert.deepEqual(await statesOf('forged'), ['inprogress']);
    component.holdsRuns = false;
    await untilStates('forged', ['succeeded']);
  });
});
