// P8 and P12 on a real server with a component of the SDK: whatever happens to the operator-runtime, the component ends at what is wanted;
// deletions have two phases, and an operator does not go before its resources.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import type { EntityCommand, StatusEvent } from '../../src/messages/entity.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { startDatasetComponent, type DatasetComponent } from '../support/dataset-component.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
let component: DatasetComponent;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 2, 'operator-runtime': 2 } });
  await mustApply(instance.client, operatorNamed('op'));
  component = startDatasetComponent(instance, 'op');
});
after(async () => {
  await component.stop();
  await instance.stop();
});

const get = async (name: string, type = 'resource') => {
  const where = type === 'resource' ? { workspace: 'public' } : {};
  const answer = await instance.client.query('get', { type, name, ...where });
  if (!answer.ok) assert.equal(answer.error.code, 'NOT_FOUND');
  return answer.ok ? answer.value : undefined;
};
const untilStatus = (name: string, status: string, type?: string) =>
  waitFor(async () => (await get(name, type))?.summary.status === status, {
    what: `${name} ${status}`,
    timeoutMs: 15_000,
  });
const untilGone = (name: string, type?: string) =>
  waitFor(async () => (await get(name, type)) === undefined, { what: `${name} gone`, timeoutMs: 15_000 });

const wantedSequences = async (): Promise<ReadonlyMap<string, number>> => {
  const stored = await instance.messages(instance.names.streams.events, ['opstream.event.*.resource.>']);
  return new Map(stored.map((message) => [String(eventIn(message)['subject']), message.sequence]));
};

describe('P8 the operator-runtime and its component', () => {
  it('P8 killed under load: the last command and the last status of each resource are about its last event', async () => {
    let isStopped = false;
    let turns = 0;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isStopped) {
          turns += 1;
          await mustApply(instance.client, datasetOf('op', `r-${turns % 30}`, { turn: turns }));
        }
      }),
    );
    for (let kills = 1; kills <= 3; kills += 1) {
      await waitFor(() => turns >= kills * 150, { what: 'turns', timeoutMs: 30_000 });
      const active = await waitFor(
        () => instance.of('operator-runtime').find((copy) => copy.lines.some(({ msg }) => msg === 'lease acquired')),
        { what: 'an active operator-runtime' },
      );
      await instance.kill9('operator-runtime', active);
      await instance.start('operator-runtime');
    }
    isStopped = true;
    await load;
    // What comes while no operator-runtime runs is never changed again: a command that is missed stays missed.
    for (const copy of [...instance.of('operator-runtime')]) await instance.kill9('operator-runtime', copy);
    for (let index = 0; index < 30; index += 1) {
      await mustApply(instance.client, datasetOf('op', `r-${index}`, { last: true }));
      await mustApply(instance.client, datasetOf('op', `unattended-${index}`, {}));
    }
    await Promise.all([instance.start('operator-runtime'), instance.start('operator-runtime')]);

    const wanted = await wantedSequences();
    const lastOf = async (stream: string, filter: string, read: (event: JsonObject) => readonly [string, number]) => {
      const stored = await instance.messages(stream, [filter]);
      return new Map(stored.map((message) => read(eventIn(message))));
    };
    const reached = (found: ReadonlyMap<string, number>): boolean =>
      [...wanted].every(([subject, sequence]) => found.get(subject) === sequence);
    await waitFor(
      async () =>
        reached(
          await lastOf('op-channel', 'op.dataset', (event) => {
            const { subject, data } = event as unknown as EntityCommand;
            return [subject, data.entity.sequence];
          }),
        ),
      { what: 'the last commands', timeoutMs: 15_000, intervalMs: 200 },
    );
    await waitFor(
      async () =>
        reached(
          await lastOf(instance.names.streams.status, 'opstream.status.*.op.public.*', (event) => {
            const { data } = event as unknown as StatusEvent;
            return [`resource.${data.key}`, data.observedSequence];
          }),
        ),
      { what: 'the last statuses', timeoutMs: 15_000, intervalMs: 200 },
    );
  });

  it('P8 commands that come again, late and out of order change nothing', async () => {
    const commands = await instance.messages('op-channel', ['op.dataset']);
    const before = await wantedSequences();
    const appender = createAppender(instance.connection, 'op-channel');
    const again = [...commands].reverse().slice(-120);
    const messages = again.map(({ data }, index) => ({ subject: 'op.dataset', id: `again-${index}`, data }));
    for (const message of messages) await appender.append([message]);
    await appender.close();
    const marker = await mustApply(instance.client, datasetOf('op', 'marker', {}));
    await untilStatus('marker', 'active');
    const statuses = await instance.messages(instance.names.streams.status, ['opstream.status.*.op.public.*']);
    const observed = new Map(
      statuses.map((message) => {
        const { data } = eventIn(message) as unknown as StatusEvent;
        return [`resource.${data.key}`, data.observedSequence];
      }),
    );
    for (const [subject, sequence] of before) assert.equal(observed.get(subject), sequence, subject);
    assert.ok(marker.accepted);
  });
});

describe('P12 deletion', () => {
  it('P12 of a resource waits for the word of its component, and only then the name is free', async () => {
    await mustApply(instance.client, datasetOf('op', 'two-phase', { value: 1 }));
    await untilStatus('two-phase', 'active');
    component.holdsDeletions = true;
    assert.equal((await instance.client.send('delete', { name: 'two-phase' })).accepted, true);
    await untilStatus('two-phase', 'deleting');
    // Nothing can be wanted of it now, and the operator still has it.
    assert.equal((await instance.client.send('apply', datasetOf('op', 'two-phase', { value: 2 }))).accepted, false);
    const refused = await instance.client.send('delete', { type: 'operator', name: 'op' });
    assert.equal(refused.accepted, false);
    assert.equal((await get('two-phase'))?.summary.status, 'deleting');
    component.holdsDeletions = false;
    await untilGone('two-phase');
    const events = await instance.messages(instance.names.streams.events, [
      'opstream.event.*.resource.public.two-phase',
    ]);
    assert.deepEqual(
      events.map((message) => String(eventIn(message)['type']).split('.').at(-2)),
      ['declared', 'deletion-requested', 'deleted'],
    );
    const again = await mustApply(instance.client, datasetOf('op', 'two-phase', { value: 3 }));
    await untilStatus('two-phase', 'active');
    // A generation never comes twice.
    assert.ok((again.entity?.generation ?? 0) > 1);
  });

  it('P12 of an operator with resources is refused and lists them; without them it is finished', async () => {
    await mustApply(instance.client, operatorNamed('leaving'));
    const own = startDatasetComponent(instance, 'leaving');
    try {
      await untilStatus('leaving', 'active', 'operator');
      for (const name of ['stay-a', 'stay-b']) await mustApply(instance.client, datasetOf('leaving', name, {}));
      const refused = await instance.client.send('delete', { type: 'operator', name: 'leaving' });
      assert.equal(refused.accepted, false);
      const said = JSON.stringify(refused.rejection);
      for (const name of ['stay-a', 'stay-b']) assert.match(said, new RegExp(name));
      for (const name of ['stay-a', 'stay-b']) await instance.client.send('delete', { name });
      for (const name of ['stay-a', 'stay-b']) await untilGone(name);
      assert.equal((await instance.client.send('delete', { type: 'operator', name: 'leaving' })).accepted, true);
      await untilGone('leaving', 'operator');
      assert.equal((await instance.client.send('apply', datasetOf('leaving', 'stay-a', {}))).accepted, false);
    } finally {
      await own.stop();
    }
  });

  it(
    'P12 at the same moment as thirty applies: no resource is left without its operator',
    { timeout: 60_000 },
    async () => {
      const races = Array.from({ length: 4 }, async (_, race) => {
        const operator = `race-${race}`;
        await mustApply(instance.client, operatorNamed(operator));
        await untilStatus(operator, 'active', 'operator');
        const applies = Array.from({ length: 30 }, async (_unused, index) => {
          const untilMs = performance.now() + index * race;
          await waitFor(() => performance.now() >= untilMs, { intervalMs: 1, what: 'the moment' });
          return instance.client.send('apply', datasetOf(operator, `${operator}-${index}`, {}));
        });
        const deletion = instance.client.send('delete', { type: 'operator', name: operator });
        const accepted = (await Promise.all(applies)).filter((receipt) => receipt.accepted).length;
        const isDeleting = (await deletion).accepted;
        // A deletion that was accepted is decided again after a grace of 5 s.
        const end = await waitFor(
          async () => {
            const stored = await instance.messages(instance.names.streams.events, [
              `opstream.event.*.operator._.${operator}`,
            ]);
            const isGone = stored.some((message) => String(eventIn(message)['type']).includes('operator.deleted'));
            if (!isDeleting || isGone) return { isGone };
            const found = await get(operator, 'operator');
            const reasons = found?.type === 'operator' ? found.status?.conditions.map(({ reason }) => reason) : [];
            return reasons?.includes('OPERATOR_HAS_RESOURCES') === true ? { isGone } : undefined;
          },
          { what: `the end of ${operator}`, timeoutMs: 25_000, intervalMs: 100 },
        );
        assert.equal(end.isGone, isDeleting && accepted === 0, `${operator}: ${accepted} accepted`);
        const late = await instance.client.send('apply', datasetOf(operator, `${operator}-late`, {}));
        assert.equal(late.accepted, !isDeleting);
      });
      await Promise.all(races);
    },
  );
});

describe('the channel of an operator', () => {
  it('goes to one of several that are applied at the same moment, through two command-handlers', async () => {
    for (let round = 0; round < 10; round += 1) {
      const shared = operatorNamed(`shared-${round}`);
      const receipts = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) => instance.client.send('apply', { ...shared, name: `${name}-${round}` })),
      );
      const codes = receipts.map(({ rejection }) => rejection?.code ?? 'won').sort();
      assert.deepEqual(codes, ['CHANNEL_TAKEN', 'CHANNEL_TAKEN', 'CHANNEL_TAKEN', 'won']);
    }
  });
});
