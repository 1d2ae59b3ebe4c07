// Durable commands on what is damaged: they wait, those behind them on the same things wait in order, and nobody else does. The real executor on
// streams in memory, with a clock that the test drives.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { encodeJson } from '../../../../src/core/decode.ts';
import { streamDamaged, unreadableIn } from '../../../../src/core/stream-holes.ts';
import { createCommandDoors } from '../../../../src/engine/commands/command-doors.ts';
import type { Delivery } from '../../../../src/engine/ports/streams.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { keptMetrics } from '../../../../src/testing/kept-metrics.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { keptLog } from '../../../support/jetstream.ts';
import { datasetOf, operatorNamed, together } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const set = (value: number, name: string): JsonObject => datasetOf('op', name, { value });

/** Things whose events cannot be read; `hole`: none can. */
type Damage = { readonly names: Set<string>; hole: boolean; other?: Error | undefined };

const setUp = async () => {
  const events = memoryEvents();
  const outcomes = memoryEvents();
  const damage: Damage = { names: new Set<string>(), hole: false };
  const handler = memoryHandler(events, outcomes);
  for (const name of ['op', 'leaving']) await handler.send('apply', operatorNamed(name));
  for (const name of ['a', 'b', 'c']) await handler.send('apply', set(0, name));
  const before = events.kept.length;
  events.beforeRead = async (subject) => {
    if (damage.hole) throw streamDamaged('EVENTS', '1 of 9 messages are missing');
    if (damage.other !== undefined) throw damage.other;
    if (damage.names.has(subject.split('.').at(-1) ?? '')) throw unreadableIn('EVENTS', subject);
  };
  const clock = drivenClock();
  const metrics = keptMetrics();
  const { log, lines } = keptLog();
  const [settled, tried, working, letters]: [string[], string[], number[], string[]] = [[], [], [], []];
  // Nothing in memory helps: each command looks at the stream.
  const cold = memoryHandler(events, outcomes, {
    dependentsOf: async () => {
      if (damage.names.has('view')) throw new Fault('VIEW_DAMAGED', 'a document cannot be read');
      return { total: 0, items: [] };
    },
  });
  const doors = createCommandDoors({
    executor: {
      execute: (request, how) => {
        tried.push(request.commandId);
        return cold.executor.execute(request, how);
      },
    },
    outcomes: { find: async () => undefined, record: async (_origin, receipt) => receipt },
    ids: { next: () => 'id' },
    ...{ clock, log, metrics },
    deadLetters: async ({ code }) => {
      letters.push(code);
      damage.other = undefined;
    },
    commandStream: 'COMMANDS',
    erase: async () => undefined,
  });
  const done = new AbortController();
  const waiting: Delivery[] = [];
  let deliver: ((delivery: Delivery) => void) | undefined;
  let rounds = 0;
  const consuming = doors.consumeDurable(
    {
      consume: ({ signal, onDelivery }) =>
        new Promise((resolve) => {
          rounds += 1;
          deliver = onDelivery;
          signal.addEventListener('abort', () => {
            deliver = undefined;
            resolve();
          });
          for (const one of [...waiting]) onDelivery(one);
        }),
    },
    done.signal,
  );
  let sequence = 0;
  return {
    ...{ events, damage, clock, metrics, lines, settled, tried, working, letters },
    rounds: () => rounds,
    again: (at: number) => deliver?.(waiting[at] as Delivery),
    parked: () => metrics.value('opstream_commands_parked'),
    /** Ids `<verb>-<sequence>`, from 1. */
    publish: (verb: string, body: JsonObject | Uint8Array): string => {
      const id = `${verb}-${(sequence += 1)}`;
      const delivery: Delivery = {
        ...{ sequence, subject: `opstream.cmd.${verb}`, timeMs: 0, attempt: 1 },
        header: (name) => (name === 'Opstream-Command-Id' ? id : undefined),
        data: body instanceof Uint8Array ? body : encodeJson(body),
        ack: () => {
          waiting.splice(waiting.indexOf(delivery), 1);
          settled.push(id);
        },
        nak: () => undefined,
        working: () => working.push(delivery.sequence),
      };
      waiting.push(delivery);
      deliver?.(delivery);
      return id;
    },
    stored: () =>
      events
        .json()
        .slice(before)
        .map(({ commandid }) => commandid),
    stop: async () => {
      done.abort();
      await consuming;
    },
  };
};

describe('a durable command on what is damaged', () => {
  it('waits with those behind it on the same thing; others are carried out; all are when it is mended', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    door.publish('apply', set(2, 'a'));
    door.publish('apply', set(1, 'b'));
    await door.clock.settle();
    door.publish('delete', { type: 'resource', workspace: 'public', name: 'a' });
    door.publish('apply', set(2, 'b'));
    await door.clock.advance(60_000);
    assert.deepEqual(door.settled, ['apply-3', 'apply-5']);
    assert.equal(door.parked(), 3);
    assert.equal(door.rounds(), 1);
    door.damage.names.clear();
    await door.clock.advance(30_000);
    assert.deepEqual(door.settled, ['apply-3', 'apply-5', 'apply-1', 'apply-2', 'delete-4']);
    assert.deepEqual(door.stored(), ['apply-3', 'apply-5', 'apply-1', 'apply-2', 'delete-4']);
    assert.equal(door.parked(), 0);
    await door.stop();
  });

  it('holds back one on several things, which holds back those behind it on each of these', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    door.publish('apply', together([set(2, 'a'), set(2, 'b')]));
    door.publish('apply', set(3, 'b'));
    door.publish('apply', set(3, 'c'));
    door.publish('apply', together([set(4, 'b'), set(4, 'c')]));
    door.publish('apply', set(5, 'c'));
    await door.clock.settle();
    assert.deepEqual(door.settled, ['apply-4']);
    door.damage.names.clear();
    await door.clock.advance(1000);
    assert.deepEqual(door.settled, ['apply-4', 'apply-1', 'apply-2', 'apply-3', 'apply-5', 'apply-6']);
    await door.stop();
  });

  it('is tried again after growing pauses, told once, and kept in flight', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    door.publish('apply', set(2, 'a'));
    await door.clock.settle();
    const tries = (): number => door.tried.filter((id) => id === 'apply-1').length;
    assert.equal(tries(), 1);
    await door.clock.advance(500);
    assert.equal(tries(), 2);
    await door.clock.advance(999);
    assert.equal(tries(), 2);
    await door.clock.advance(1);
    assert.equal(tries(), 3);
    await door.clock.advance(600_000);
    const [late] = [tries()];
    await door.clock.advance(300_000);
    assert.equal(tries() - late, 10);
    assert.equal(door.tried.filter((id) => id === 'apply-2').length, 1);
    const told = door.lines.filter(({ level }) => level === 'warn').map(({ fields, message }) => [fields, message]);
    assert.deepEqual(told, [
      [{ commandId: 'apply-1', sequence: 1, code: 'STREAM_DAMAGED' }, 'durable command parked'],
      [{ commandId: 'apply-2', sequence: 2, behind: 1 }, 'durable command parked'],
    ]);
    assert.equal(door.metrics.value('opstream_deliveries_total', 'parked'), 2);
    assert.equal(door.metrics.value('opstream_deliveries_total', 'repeated'), 0);
    // Once when it is parked, then every ten seconds of fifteen minutes.
    for (const sequence of [1, 2]) assert.equal(door.working.filter((one) => one === sequence).length, 91);
    await door.stop();
  });

  it('stays parked whatever it fails with then; a bug is set aside, and those behind it go on', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    door.publish('apply', set(2, 'b'));
    await door.clock.settle();
    door.damage.other = new Fault('NATS_TIMEOUT', 'no answer');
    await door.clock.advance(5000);
    assert.deepEqual([door.rounds(), door.parked()], [1, 1]);
    door.damage.other = new Error('a bug');
    await door.clock.advance(20_000);
    door.publish('apply', set(3, 'a'));
    await door.clock.settle();
    assert.deepEqual(door.letters, []);
    await door.clock.advance(120_000);
    assert.deepEqual(door.letters, ['INTERNAL']);
    assert.deepEqual(door.settled, ['apply-2', 'apply-1']);
    door.damage.names.clear();
    await door.clock.advance(30_000);
    assert.deepEqual(door.settled, ['apply-2', 'apply-1', 'apply-3']);
    await door.stop();
  });

  it('on operators holds back all that are on operators, and none on resources', async () => {
    const door = await setUp();
    door.damage.names.add('view');
    door.publish('delete', { type: 'operator', name: 'leaving' });
    await door.clock.settle();
    door.publish('apply', operatorNamed('coming'));
    door.publish('apply', set(1, 'a'));
    await door.clock.settle();
    assert.deepEqual(door.settled, ['apply-3']);
    assert.equal(door.parked(), 2);
    door.damage.names.clear();
    await door.clock.advance(1000);
    assert.deepEqual(door.settled, ['apply-3', 'delete-1', 'apply-2']);
    await door.stop();
  });

  it('that comes again while it waits is carried out once', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    await door.clock.settle();
    door.again(0);
    await door.clock.settle();
    assert.equal(door.parked(), 1);
    door.damage.names.clear();
    await door.clock.advance(1000);
    assert.deepEqual([door.settled, door.stored(), door.parked()], [['apply-1'], ['apply-1'], 0]);
    await door.stop();
  });
});

describe('the durable door halts', () => {
  it('at a hole in the stream, and begins anew with the oldest', async () => {
    const door = await setUp();
    door.damage.hole = true;
    door.publish('apply', set(1, 'a'));
    await door.clock.settle();
    door.publish('apply', set(1, 'b'));
    assert.equal(door.parked(), 0);
    await door.clock.advance(3000);
    assert.ok(door.rounds() > 1);
    assert.deepEqual(door.settled, []);
    door.damage.hole = false;
    await door.clock.advance(10_000);
    assert.deepEqual(door.stored(), ['apply-1', 'apply-2']);
    await door.stop();
  });

  it('when 128 are parked and one more has to wait; in order still, and the next round parks them again', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    for (let value = 1; value <= 128; value += 1) door.publish('apply', set(value, 'a'));
    await door.clock.settle();
    assert.deepEqual([door.parked(), door.rounds()], [128, 1]);
    door.publish('apply', set(1, 'b'));
    await door.clock.settle();
    assert.deepEqual(door.settled, ['apply-129']);
    door.publish('apply', set(129, 'a'));
    await door.clock.settle();
    assert.equal(door.parked(), 0);
    await door.clock.advance(1000);
    assert.ok(door.rounds() > 1);
    door.damage.names.clear();
    await door.clock.advance(30_000);
    const wanted = Array.from({ length: 128 }, (_, index) => `apply-${index + 1}`);
    assert.deepEqual(door.stored(), ['apply-129', ...wanted, 'apply-130']);
    assert.equal(door.lines.filter(({ message }) => message === 'durable command parked').length, 128);
    await door.stop();
  });

  it('when the lease is lost: nothing that waits is begun any more', async () => {
    const door = await setUp();
    door.damage.names.add('a');
    door.publish('apply', set(1, 'a'));
    door.publish('apply', set(2, 'a'));
    await door.clock.settle();
    const tries = door.tried.length;
    await door.stop();
    door.damage.names.clear();
    await door.clock.advance(60_000);
    assert.deepEqual([door.tried.length, door.settled, door.parked(), door.clock.sleepers], [tries, [], 0, 0]);
  });
});
