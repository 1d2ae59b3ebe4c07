// P2, P3 and P4 on a real server with two command-handlers: a command is carried out once, whole, and on what was there before it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import { outcomeOf, publishDurably } from '../support/durable-door.ts';
import { datasetOf, mustApply, operatorNamed, together } from '../support/manifests.ts';
import { api } from '../support/jetstream.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 2 } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

/** A handler hears of an outcome that another one has stored a moment later; waits until each has. */
const untilOutcomesAreKnown = async (): Promise<void> => {
  const { connection, names } = instance;
  const stored = (await instance.messages(names.streams.outcomes)).at(-1)?.sequence ?? 0;
  await waitFor(
    async () => {
      const { consumers } = await api(connection, `CONSUMER.LIST.${names.streams.outcomes}`, {});
      const positions = (consumers as readonly { delivered: { stream_seq: number }; num_pending: number }[]).filter(
        ({ num_pending: waiting, delivered }) => waiting === 0 && delivered.stream_seq >= stored,
      );
      return positions.length >= 2;
    },
    { what: 'the handlers to know the outcomes' },
  );
};

const eventsOf = async (name: string, workspace = 'public') =>
  (await instance.messages(instance.names.streams.events, [instance.names.event(resourceRef(workspace, name))])).map(
    (message) => ({ sequence: message.sequence, event: eventIn(message) }),
  );

describe('P2 a command is applied once', () => {
  const results: { readonly what: string; prepare(name: string): Promise<unknown>; readonly body: JsonObject }[] = [
    {
      what: 'accepted',
      prepare: async () => undefined,
      body: { value: 1 },
    },
    {
      what: 'unchanged',
      prepare: (name) => mustApply(instance.client, datasetOf('op', name, { value: 1 })),
      body: { value: 1 },
    },
  ];

  for (const { what, prepare, body } of results) {
    it(`P2 ${what}: the same receipt after other changes, from a cold handler, and through the other door`, async () => {
      const name = `once-${what}`;
      await prepare(name);
      const commandId = `id-${name}`;
      const first = await instance.client.send('apply', datasetOf('op', name, body), { commandId });
      assert.equal(first.accepted, true);
      assert.equal(first.unchanged === true, what === 'unchanged');
      await mustApply(instance.client, datasetOf('op', name, { value: 2 }));
      const stored = await eventsOf(name);
      for (let times = 0; times < 4; times += 1) {
        assert.deepEqual(await instance.client.send('apply', datasetOf('op', name, body), { commandId }), first);
      }
      await instance.replace('command-handler');
      await instance.replace('command-handler');
      assert.deepEqual(await instance.client.send('apply', datasetOf('op', name, body), { commandId }), first);
      await publishDurably(instance, 'apply', datasetOf('op', name, body), commandId);
      assert.deepEqual(await outcomeOf(instance, commandId), first);
      assert.deepEqual(await eventsOf(name), stored);
    });
  }

  it('P2 refused: the same refusal although it would be accepted by now', async () => {
    const body = datasetOf('late-op', 'once-refused', { value: 1 });
    const first = await instance.client.send('apply', body, { commandId: 'id-refused' });
    assert.equal(first.accepted, false);
    await mustApply(instance.client, operatorNamed('late-op'));
    await untilOutcomesAreKnown();
    assert.deepEqual(await instance.client.send('apply', body, { commandId: 'id-refused' }), first);
    await instance.replace('command-handler');
    await instance.replace('command-handler');
    assert.deepEqual(await instance.client.send('apply', body, { commandId: 'id-refused' }), first);
    assert.deepEqual(await eventsOf('once-refused'), []);
    assert.equal((await instance.client.send('apply', body)).accepted, true);
  });

  it('P2 durable first, then by request: the same receipt', async () => {
    const body = datasetOf('op', 'durable-first', { value: 1 });
    await publishDurably(instance, 'apply', body, 'id-durable-first');
    const first = await outcomeOf(instance, 'id-durable-first');
    assert.equal(first.accepted, true);
    assert.deepEqual(await instance.client.send('apply', body, { commandId: 'id-durable-first' }), first);
    assert.equal((await eventsOf('durable-first')).length, 1);
  });

  it('P2 an id that was refused before is not taken for something else', async () => {
    await instance.client.send('delete', { type: 'resource', name: 'nothing-here' }, { commandId: 'id-reused' });
    await untilOutcomesAreKnown();
    const other = await instance.client.send('apply', datasetOf('op', 'other', {}), { commandId: 'id-reused' });
    assert.equal(other.rejection?.code, 'COMMAND_ID_REUSED');
    assert.deepEqual(await eventsOf('other'), []);
  });

  it('P2 the same id on two new things at the same moment: both are stored, once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const names = [`twin-a-${round}`, `twin-b-${round}`];
      const commandId = `twin-${round}`;
      const send = () =>
        Promise.all(names.map((name) => instance.client.send('apply', datasetOf('op', name, {}), { commandId })));
      const receipts = await send();
      assert.deepEqual(await send(), receipts);
      for (const [index, name] of names.entries()) {
        const [stored, ...more] = await eventsOf(name);
        assert.deepEqual(more, []);
        assert.equal(receipts[index]?.events[0]?.sequence, stored?.sequence);
      }
    }
  });

  it('P2 one id sent twenty times at once to both handlers gives one event', async () => {
    for (let round = 0; round < 10; round += 1) {
      const body = datasetOf('op', `crowd-${round}`, { round });
      const receipts = await Promise.all(
        Array.from({ length: 20 }, () => instance.client.send('apply', body, { commandId: `crowd-${round}` })),
      );
      assert.equal((await eventsOf(`crowd-${round}`)).length, 1);
      for (const receipt of receipts) assert.deepEqual(receipt, receipts[0]);
    }
  });
});

describe('P3 several documents', () => {
  const documents = (operator: string, count: number): JsonObject[] => [
    operatorNamed(operator),
    ...Array.from({ length: count }, (_, index) =>
      datasetOf(operator, `${operator}-${index}`, { index }, index % 2 === 0 ? 'public' : 'sandbox'),
    ),
  ];
  const storedOf = async (operator: string) =>
    (await instance.messages(instance.names.streams.events)).filter(({ subject }) => subject.includes(`.${operator}`));

  it('P3 over an operator and two workspaces are stored together, in consecutive sequences', async () => {
    const receipt = await mustApply(instance.client, together(documents('whole', 40)));
    assert.equal(receipt.events.length, 41);
    const stored = await storedOf('whole');
    assert.deepEqual(
      stored.map(({ sequence }) => sequence),
      receipt.events.map(({ sequence }) => sequence),
    );
    const [first = 0] = stored.map(({ sequence }) => sequence);
    assert.deepEqual(
      stored.map(({ sequence }) => sequence - first),
      stored.map((_, index) => index),
    );
  });

  it('P3 are stored not at all when one is refused, and the refusal names each that is wrong', async () => {
    const wrong = documents('partly', 10);
    wrong[3] = datasetOf('partly', 'partly-2', {}, 'nowhere');
    wrong[7] = { ...datasetOf('partly', 'partly-6', {}), unknownField: 1 };
    const byForm = await instance.client.send('apply', together(wrong));
    assert.equal(byForm.accepted, false);
    wrong[7] = datasetOf('partly', 'partly-6', {}, 'elsewhere');
    const byState = await instance.client.send('apply', together(wrong));
    assert.deepEqual([...new Set(byState.rejection?.details.map((detail) => detail.document))].sort(), [3, 7]);
    assert.deepEqual(await storedOf('partly'), []);
  });

  it('P3 of which another handler has changed one: all are stored, behind each other', async () => {
    const all = (spec: JsonObject) => [1, 2, 3, 4, 5].map((index) => datasetOf('op', `stale-${index}`, spec));
    await mustApply(instance.client, together(all({ round: -1 })));
    for (let round = 0; round < 16; round += 1) {
      await mustApply(instance.client, datasetOf('op', `stale-${(round % 5) + 1}`, { between: round }));
      const { events } = await mustApply(instance.client, together(all({ round })));
      assert.equal(events.length, 5);
      assert.equal((events[4]?.sequence ?? 0) - (events[0]?.sequence ?? 0), 4);
    }
  });

  it('P3 with a conflict on one while others write: whole receipts or nothing', async () => {
    await mustApply(instance.client, together(documents('busy', 8)));
    const writers = Array.from({ length: 6 }, (_, writer) => async () => {
      for (let turn = 0; turn < 8; turn += 1) {
        const spec = { writer, turn };
        const body = together([0, 2, 4, 6].map((index) => datasetOf('busy', `busy-${index}`, spec)));
        const receipt = await mustApply(instance.client, body);
        assert.equal(receipt.events.length, 4);
      }
    });
    await Promise.all(writers.map((write) => write()));
    const stored = (await storedOf('busy')).slice(9);
    assert.equal(stored.length, 6 * 8 * 4);
    for (let start = 0; start < stored.length; start += 4) {
      const group = stored.slice(start, start + 4);
      assert.equal(new Set(group.map((message) => eventIn(message)['commandid'])).size, 1);
      assert.equal((group[3]?.sequence ?? 0) - (group[0]?.sequence ?? 0), 3);
    }
  });
});
