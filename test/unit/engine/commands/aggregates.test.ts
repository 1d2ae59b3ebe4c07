// Aggregates in memory: exclusive, in the order of the calls, without deadlock; and what is read of damaged streams.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { encodeJson } from '../../../../src/core/decode.ts';
import { isFault } from '../../../../src/core/fault.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json.ts';
import { absorb, createAggregates } from '../../../../src/engine/commands/aggregates.ts';
import type { StreamReader } from '../../../../src/engine/ports/streams.ts';
import type { DomainEvent } from '../../../../src/messages/events.ts';
import { namesFor, operatorRef, resourceRef } from '../../../../src/messages/subjects.ts';
import { dated, resourceManifest } from '../../../support/fixtures.ts';
import { datasetOf, operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';
import { manualClock } from '../../../support/memory-ports.ts';

const names = namesFor('opstream');
const [a, b, c] = ['a', 'b', 'c'].map((name) => resourceRef('public', name)) as [
  ReturnType<typeof resourceRef>,
  ReturnType<typeof resourceRef>,
  ReturnType<typeof resourceRef>,
];

/** The first declares a resource that runs, the others ask for runs. */
const eventAt = (index: number): DomainEvent => {
  const run = { id: `run-${index}`, number: index, requestedAt: '2026-01-01T00:00:00.000Z' };
  const declared = { uid: 'uid-1', manifest: resourceManifest(), runnable: true, run };
  return index === 1
    ? dated({ type: 'io.opstream.resource.declared.v1', generation: 1, data: declared }, index)
    : dated({ type: 'io.opstream.resource.run-requested.v1', generation: 1, data: { run, ifRunning: 'queue' } }, index);
};

const aggregatesOn = (events = memoryEvents(), maxCached?: number) => {
  const clock = manualClock();
  const options = { names, reader: events.reader, clock, ...(maxCached === undefined ? {} : { maxCached }) };
  return { aggregates: createAggregates(options), events, clock };
};

describe('what is loaded while a command of the same process stores on it', () => {
  it('has each event once', async () => {
    const events = memoryEvents();
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let isHeld = false;
    const reader: StreamReader = {
      ...events.reader,
      // What is read is known before the command is, and arrives after it.
      readSubject: async (...of) => {
        const found = await events.reader.readSubject(...of);
        if (isHeld) await held;
        return found;
      },
    };
    const aggregates = createAggregates({ names, reader, clock: manualClock() });
    const ref = resourceRef('public', 'run-1');
    const subject = names.event(ref);
    const store = (index: number): void => {
      const data = encodeJson(eventAt(index) as unknown as JsonObject);
      events.store([{ subject, id: `event-${index}`, data }]);
    };
    store(1);
    const known = await aggregates.load(ref);
    isHeld = true;
    store(2);
    const loading = aggregates.load(ref, -1);
    await turn();
    absorb(known, eventAt(2), 2);
    answer();
    const loaded = await loading;
    assert.deepEqual(loaded.commands.get('command-2')?.events.length, 1);
    assert.equal(loaded.resource.entity?.waitingRuns?.length, 1);
  });
});

describe('exclusively', () => {
  it('runs what shares a thing one after the other, in the order of the calls, and the rest at once', async () => {
    const { aggregates } = aggregatesOn();
    const log: string[] = [];
    const work = (name: string, turns: number) => async (): Promise<void> => {
      log.push(`+${name}`);
      for (let index = 0; index < turns; index += 1) await turn();
      log.push(`-${name}`);
    };
    await Promise.all([
      aggregates.exclusively([a], work('1', 6)),
      aggregates.exclusively([a, b], work('2', 1)),
      aggregates.exclusively([b], work('3', 1)),
      aggregates.exclusively([c], work('4', 1)),
    ]);
    assert.deepEqual(log.slice(0, 3), ['+1', '+4', '-4']);
    assert.deepEqual(log.slice(3), ['-1', '+2', '-2', '+3', '-3']);
  });

  it('does not deadlock on things named in different orders, and goes on after a failure', async () => {
    const { aggregates } = aggregatesOn();
    let running = 0;
    const ends = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) =>
        aggregates.exclusively(index % 2 === 0 ? [a, b, c] : [c, a, a], async () => {
          running += 1;
          assert.equal(running, 1);
          await turn();
          running -= 1;
          if (index % 7 === 0) throw new Error('no luck');
        }),
      ),
    );
    assert.equal(ends.filter(({ status }) => status === 'rejected').length, 9);
  });
});

describe('loading', () => {
  it('reads once, and looks again when what is known is too old', async () => {
    const { aggregates, events, clock } = aggregatesOn();
    const handler = memoryHandler(events);
    await handler.send('apply', operatorNamed('op'));
    const known = await aggregates.load(operatorRef('op'));
    const reads = events.reads;
    assert.equal(await aggregates.load(operatorRef('op')), known);
    assert.equal(events.reads, reads);
    clock.advance(2000);
    assert.equal(await aggregates.load(operatorRef('op'), 1000), known);
    assert.equal(events.reads, reads + 1);
    await handler.send('apply', { ...operatorNamed('op'), tags: ['new'] });
    clock.advance(2000);
    assert.equal((await aggregates.load(operatorRef('op'), 1000)).operator.generation, 2);
  });

  it('keeps a bounded number', async () => {
    const { aggregates, events } = aggregatesOn(memoryEvents(), 2);
    for (const ref of [a, b, c]) await aggregates.load(ref);
    const reads = events.reads;
    await aggregates.load(c);
    assert.equal(events.reads, reads);
    await aggregates.load(a);
    assert.equal(events.reads, reads + 1);
  });

  /** What anybody with the right to publish can store on the subject of `a`, of which `last` is the last event. */
  const foreign = (last: JsonObject): readonly (readonly [string, unknown])[] => [
    ['text', 'garbage'],
    ['nothing', ''],
    ['an event of another kind', { ...last, type: 'io.opstream.operator.registered.v1' }],
    ['an event of another thing', { ...last, subject: 'resource.public.b' }],
    ['a declaration of another thing', declarationOf(last, 'b')],
    ['a patch that does not fit', changeOf(last, [{ op: 'remove', path: '/x/y' }])],
    ['a patch that makes it another thing', changeOf(last, [{ op: 'replace', path: '/name', value: 'b' }])],
    ['an unknown type', { ...last, type: 'io.opstream.resource.exploded.v1' }],
  ];
  const declarationOf = (last: JsonObject, name: string): JsonObject => {
    const data = last['data'] as JsonObject;
    return { ...last, data: { ...data, manifest: { ...(data['manifest'] as JsonObject), name } } };
  };
  const changeOf = (last: JsonObject, patch: JsonValue): JsonObject => ({
    ...last,
    type: 'io.opstream.resource.changed.v1',
    generation: 2,
    commandid: 'forged',
    data: { patch },
  });

  it('sets aside what is not ours and goes on behind it: apply, patch, delete', async () => {
    const probe = memoryEvents();
    const given = memoryHandler(probe);
    await given.send('apply', operatorNamed('op'));
    await given.send('apply', datasetOf('op', 'a', {}));
    for (const [what, value] of foreign(probe.json().at(-1) ?? {})) {
      const { aggregates, events } = aggregatesOn();
      const handler = memoryHandler(events);
      await handler.send('apply', operatorNamed('op'));
      await handler.send('apply', datasetOf('op', 'a', {}));
      const garbage = (): void => {
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        events.store([{ subject: names.event(a), id: what, data: new TextEncoder().encode(text) }]);
      };
      garbage();
      const loaded = await aggregates.load(a);
      assert.deepEqual([loaded.lastSequence, loaded.resource.generation], [3, 1], what);
      assert.equal(loaded.commands.has('forged'), false, what);
      // One that was in memory, and one that is read anew.
      for (const copy of [handler, memoryHandler(events)]) {
        const target = { type: 'resource', workspace: 'public', name: 'a' };
        const patch = [{ op: 'add', path: '/tags/-', value: 'new' }];
        const patched = await copy.send('patch', { ...target, patch });
        assert.deepEqual([patched.accepted, patched.events.length], [true, 1], what);
        garbage();
      }
      const applied = await handler.send('apply', datasetOf('op', 'a', { x: 1 }));
      assert.equal(applied.entity?.generation, 4, what);
      garbage();
      const deleted = await handler.send('delete', { type: 'resource', workspace: 'public', name: 'a' });
      assert.equal(deleted.events[0]?.type, 'io.opstream.resource.deletion-requested.v1', what);
    }
  });

  it('lets a thing be declared whose subject holds only garbage', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events);
    await handler.send('apply', operatorNamed('op'));
    events.store([{ subject: names.event(a), id: 'garbage', data: new TextEncoder().encode('garbage') }]);
    const receipt = await handler.send('apply', datasetOf('op', 'a', {}));
    assert.deepEqual([receipt.accepted, receipt.entity?.generation], [true, 1]);
  });
});

describe('a replica that is behind', () => {
  /** Reads see all but the last `missing` messages, so many times; the leader has them all. */
  const lagging = async (missing: number, times: number) => {
    const events = memoryEvents();
    const writer = memoryHandler(events);
    await writer.send('apply', operatorNamed('op'));
    await writer.send('apply', datasetOf('op', 'a', { value: 1 }));
    let left = 0;
    const seen = <T extends { readonly sequence: number }>(message: T): boolean =>
      left <= 0 || message.sequence <= events.kept.length - missing;
    const clock = manualClock();
    const reads: StreamReader = {
      ...events.reader,
      readSubject: async (subject, options) => {
        const found = (await events.reader.readSubject(subject, options)).filter(seen);
        left -= 1;
        return found;
      },
    };
    const aggregates = createAggregates({
      ...{ names, reader: reads },
      clock: { ...clock, sleep: () => Promise.resolve() },
      lastOnLeader: async (subject) => events.kept.findLast((message) => message.subject === subject)?.sequence ?? 0,
    });
    return { aggregates, writer, lag: () => (left = times) };
  };

  it('is asked again until it has what the leader has', async () => {
    const { aggregates, writer, lag } = await lagging(1, 3);
    assert.equal((await aggregates.load(a)).resource.generation, 1);
    await writer.send('apply', datasetOf('op', 'a', { value: 2 }));
    lag();
    assert.equal((await aggregates.load(a, -1)).resource.generation, 2);
  });

  it('is a fault when it stays behind, and no older thing', async () => {
    const { aggregates, writer, lag } = await lagging(1, 1000);
    await aggregates.load(a);
    await writer.send('apply', datasetOf('op', 'a', { value: 2 }));
    lag();
    await assert.rejects(aggregates.load(a, -1), (error) => isFault(error, 'JS_UNAVAILABLE'));
  });
});
