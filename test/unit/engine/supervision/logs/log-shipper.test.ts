// The shipper on a driver and a stream in memory: whatever is killed, refused or lost in between, each line is in the stream once and in order.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Fault } from '../../../../../src/core/fault.ts';
import { createLogShipper } from '../../../../../src/engine/supervision/logs/log-shipper.ts';
import type { ComputeDriver, InstanceState, LogLine } from '../../../../../src/engine/supervision/ports.ts';
import type { Appender } from '../../../../../src/engine/ports/streams.ts';
import { decodeLogMessage, MAX_LINE_CHARACTERS, type LogMessage } from '../../../../../src/messages/component-log.ts';
import { namesFor } from '../../../../../src/messages/subjects.ts';
import { drivenClock, type DrivenClock } from '../../../../../src/testing/driven-clock.ts';
import { memoryStream } from '../../../../support/memory-component.ts';
import { silentLog } from '../../../../support/silent-log.ts';

const ID = 'op.worker.0.abc';
const NEXT = 'op.worker.0.def';
const names = namesFor('opstream');

/** Instances that print what a test says, and keep it. */
const memoryDriver = () => {
  const printed = new Map<string, string[]>();
  const ended = new Set<string>();
  const wakes = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of [...wakes]) wake();
  };
  const driver = {
    name: 'memory',
    async *followLog(id: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<LogLine> {
      let next = after === undefined ? 0 : Number(after) + 1;
      signal.addEventListener('abort', wakeAll, { once: true });
      while (!signal.aborted) {
        const text = printed.get(id)?.[next];
        if (text !== undefined) {
          const position = String(next).padStart(6, '0');
          next += 1;
          yield { position, output: 'stdout', timeMs: 0, text };
          continue;
        }
        if (ended.has(id)) return;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            wakes.delete(wake);
            resolve();
          };
          wakes.add(wake);
        });
      }
    },
  } as unknown as ComputeDriver;
  return {
    driver,
    print: (id: string, ...texts: readonly string[]): void => {
      printed.set(id, [...(printed.get(id) ?? []), ...texts]);
      wakeAll();
    },
    end: (id: string): void => {
      ended.add(id);
      wakeAll();
    },
    printed: (id: string): readonly string[] => printed.get(id) ?? [],
  };
};

const seen = (id: string, state: InstanceState['state'] = 'running') => ({
  ...{ id, state, isReady: true, startedMs: 0, handle: '1', addresses: {}, driver: 'memory' },
});

type World = ReturnType<typeof createWorld>;
const createWorld = () => ({ clock: drivenClock(), stream: memoryStream(), memory: memoryDriver() });

/** One runtime, until `kill`. */
const runtime = (world: World, appender: Appender = world.stream.appender, hidden: readonly string[] = []) => {
  const dying = new AbortController();
  const { clock, stream, memory } = world;
  const shipper = createLogShipper({
    ...{ drivers: [memory.driver], names, clock, log: silentLog, signal: dying.signal },
    ...{ appender, reader: stream.reader },
  });
  shipper.learn([{ operator: 'op', component: 'worker', hidden }]);
  return {
    shipper,
    kill: async (): Promise<void> => {
      dying.abort();
      await shipper.idle();
    },
  };
};

const messagesIn = ({ stream }: World): readonly LogMessage[] =>
  stream.kept.map(({ message }) => {
    const decoded = decodeLogMessage(message.data);
    assert.ok(decoded);
    return decoded;
  });
const textsIn = (world: World, id = ID): readonly string[] =>
  messagesIn(world)
    .filter(({ instance }) => instance === id)
    .flatMap(({ lines }) => lines.map(({ text }) => text));
const pass = async (clock: DrivenClock, ms = 1000): Promise<void> => {
  await clock.advance(ms);
  for (let index = 0; index < 20; index += 1) await turn();
};

describe('logs of components', () => {
  it('come as batches on the subject of the replica', async () => {
    const world = createWorld();
    const { shipper, kill } = runtime(world);
    world.memory.print(ID, 'one', 'two');
    shipper.attend([seen(ID)]);
    await pass(world.clock);
    world.memory.print(ID, 'three');
    await pass(world.clock);
    await kill();
    assert.deepEqual(
      world.stream.kept.map(({ message }) => message.subject),
      ['opstream.log.op.worker.0', 'opstream.log.op.worker.0'],
    );
    const [first, second] = messagesIn(world);
    assert.deepEqual(first, {
      ...{ instance: ID, revision: 'abc', replica: 0, positions: { [ID]: '000001' } },
      lines: [
        { time: '1970-01-01T00:00:00.000Z', output: 'stdout', text: 'one' },
        { time: '1970-01-01T00:00:00.000Z', output: 'stdout', text: 'two' },
      ],
    });
    assert.deepEqual(
      second?.lines.map(({ text }) => text),
      ['three'],
    );
  });

  it('go on where a killed runtime stopped, for both instances of a change', async () => {
    const world = createWorld();
    const first = runtime(world);
    world.memory.print(ID, 'a1');
    world.memory.print(NEXT, 'b1', 'b2');
    first.shipper.attend([seen(ID), seen(NEXT)]);
    await pass(world.clock);
    await first.kill();
    world.memory.print(ID, 'a2');
    world.memory.end(ID);
    const second = runtime(world);
    second.shipper.attend([seen(ID, 'exited'), seen(NEXT)]);
    await pass(world.clock);
    world.memory.print(NEXT, 'b3');
    await pass(world.clock);
    // Read to its end: nothing is read again, however often it is seen.
    for (let index = 0; index < 3; index += 1) {
      second.shipper.attend([seen(ID, 'exited'), seen(NEXT)]);
      await pass(world.clock, 10_000);
    }
    await second.kill();
    assert.deepEqual(textsIn(world), ['a1', 'a2']);
    assert.deepEqual(textsIn(world, NEXT), ['b1', 'b2', 'b3']);
  });

  it('are in the stream once when two runtimes believe to lead', async () => {
    const world = createWorld();
    const [left, right] = [runtime(world), runtime(world)];
    for (let index = 0; index < 40; index += 1) {
      world.memory.print(ID, `line ${index}`);
      left.shipper.attend([seen(ID)]);
      right.shipper.attend([seen(ID)]);
      await pass(world.clock, 150);
    }
    await pass(world.clock, 60_000);
    await Promise.all([left.kill(), right.kill()]);
    assert.deepEqual(textsIn(world), world.memory.printed(ID));
  });

  it('are masked and cut, and wait until it is known what is secret', async () => {
    const world = createWorld();
    const { shipper, kill } = runtime(world, undefined, ['hunter2!', 'a b+c']);
    world.memory.print(ID, 'password=hunter2! ok', `url?x=${encodeURIComponent('a b+c')}`, 'x'.repeat(20_000));
    world.memory.print('other.worker.0.abc', 'nobody has said');
    shipper.attend([seen(ID), seen('other.worker.0.abc')]);
    await pass(world.clock);
    await kill();
    const [message] = messagesIn(world);
    const lines = message?.lines ?? [];
    assert.deepEqual(
      lines.slice(0, 2).map(({ text }) => text),
      ['password=*** ok', 'url?x=***'],
    );
    assert.equal(lines[2]?.text.length, MAX_LINE_CHARACTERS);
    assert.equal(lines[2]?.cut, 20_000 - MAX_LINE_CHARACTERS);
    assert.deepEqual(textsIn(world, 'other.worker.0.abc'), []);
  });

  it('repeat their positions once a day, so that a quiet instance is not read again', async () => {
    const world = createWorld();
    const { shipper, kill } = runtime(world);
    world.memory.print(ID, 'once');
    shipper.attend([seen(ID)]);
    await pass(world.clock);
    for (let hour = 0; hour < 30; hour += 1) {
      shipper.attend([seen(ID)]);
      await pass(world.clock, 3_600_000);
    }
    await kill();
    assert.deepEqual(
      messagesIn(world).map(({ lines, positions }) => [lines.length, positions]),
      [
        [1, { [ID]: '000000' }],
        [0, { [ID]: '000000' }],
      ],
    );
  });

  it('lose and double nothing whatever happens', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      let state = seed;
      const chance = (): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return ((state >>> 8) % 1000) / 1000;
      };
      const world = createWorld();
      /** Refuses, stores and loses the answer, or works. */
      const shaky: Appender = {
        pending: 0,
        append: async (messages) => {
          const luck = chance();
          if (luck < 0.15) throw new Fault('NATS_TIMEOUT', 'not sent');
          const stored = await world.stream.appender.append(messages);
          if (luck < 0.3) throw new Fault('NATS_TIMEOUT', 'stored, and the answer lost');
          return stored;
        },
      };
      let current = runtime(world, shaky);
      let count = 0;
      for (let step = 0; step < 60; step += 1) {
        const id = chance() < 0.5 ? ID : NEXT;
        for (let lines = 0; lines < chance() * 5; lines += 1) world.memory.print(id, `line ${(count += 1)}`);
        if (chance() < 0.1) {
          await current.kill();
          current = runtime(world, shaky);
        }
        current.shipper.attend([seen(ID), seen(NEXT)]);
        await pass(world.clock, chance() * 500);
      }
      await pass(world.clock, 120_000);
      await current.kill();
      current = runtime(world);
      current.shipper.attend([seen(ID), seen(NEXT)]);
      await pass(world.clock, 60_000);
      await current.kill();
      for (const id of [ID, NEXT])
        assert.deepEqual(textsIn(world, id), world.memory.printed(id), `seed ${seed}, instance ${id}`);
    }
  });
});
