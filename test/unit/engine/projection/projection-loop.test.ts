import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../../../../src/core/fault.ts';
import { runProjection } from '../../../../src/engine/projection/projection-loop.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { namesFor, resourceRef } from '../../../../src/messages/subjects.ts';
import { entities } from '../../../../src/views/desired-state.ts';
import type { NewEvent } from '../../../../src/messages/events.ts';
import type { KeyValueWrite } from '../../../../src/engine/ports/buckets.ts';
import type { StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { dated, resourceManifest } from '../../../support/fixtures.ts';
import { arrayFollower, manualClock, memoryStore, stored, type MemoryStore } from '../../../support/memory-ports.ts';

const names = namesFor('opstream');
const projection = entities(names);
const CHECKPOINT = 'checkpoint.OPSTREAM_EVENTS.all';

const declared = (name: string, generation: number): NewEvent => ({
  type: 'io.opstream.resource.declared.v1',
  generation,
  data: { uid: `${name}-${generation}`, manifest: resourceManifest({ n: 0 }, { name }), runnable: false },
});
const changed = (generation: number): NewEvent => ({
  type: 'io.opstream.resource.changed.v1',
  generation,
  data: { patch: [{ op: 'replace', path: '/resource/spec/n', value: generation }] },
});
const deleted = (generation: number): NewEvent => ({ type: 'io.opstream.resource.deleted.v1', generation, data: {} });

const message = (sequence: number, name: string, event: NewEvent): StoredMessage =>
  stored(sequence, names.event(resourceRef('public', name)), dated(event, sequence, `resource.public.${name}`));

const run = async (
  messages: readonly StoredMessage[],
  store: MemoryStore,
  options: { batchSize?: number; maxUnwritten?: number } = {},
) => {
  const dead: string[] = [];
  await runProjection({
    projection,
    follower: arrayFollower(messages, options.batchSize ?? 3),
    store,
    history: {
      readSubject: async (subject) => messages.filter((one) => one.subject === subject),
      lastSequence: async () => messages.at(-1)?.sequence ?? 0,
    },
    clock: manualClock(),
    log: silentLog,
    signal: new AbortController().signal,
    deadLetter: async (_message, reason) => {
      dead.push(reason);
    },
    maxUnwritten: options.maxUnwritten ?? 1000,
  });
  return dead;
};

const contents = (store: MemoryStore): Record<string, string> =>
  Object.fromEntries([...store.entries].sort().map(([key, { data }]) => [key, new TextDecoder().decode(data)]));

describe('the projection loop', () => {
  it('writes documents and the checkpoint', async () => {
    const store = memoryStore();
    await run(
      [message(1, 'a', declared('a', 1)), message(2, 'a', changed(2)), message(3, 'b', declared('b', 1))],
      store,
    );
    assert.deepEqual([...store.entries.keys()].sort(), [CHECKPOINT, 'entity.public.a', 'entity.public.b']);
    const a = JSON.parse(contents(store)['entity.public.a'] ?? '') as { generation: number; sequence: number };
    assert.deepEqual([a.generation, a.sequence], [2, 2]);
    assert.equal(contents(store)[CHECKPOINT], '{"stream":"OPSTREAM_EVENTS","sequence":3}');
  });

  it('lets a document that is alone say how far the view is, and writes the checkpoint after it', async () => {
    const store = memoryStore();
    const written: KeyValueWrite[] = [];
    store.beforeWrite = (write) => written.push(write);
    await run([message(1, 'a', declared('a', 1))], store);
    assert.deepEqual(
      written.map(({ key, reached }) => [key, reached]),
      [
        ['entity.public.a', { stream: 'OPSTREAM_EVENTS', sequence: 1 }],
        [CHECKPOINT, undefined],
      ],
    );
    assert.equal(contents(store)[CHECKPOINT], '{"stream":"OPSTREAM_EVENTS","sequence":1}');
  });

  it('sets aside what it cannot read and goes on', async () => {
    const store = memoryStore();
    const bad = stored(2, names.event(resourceRef('public', 'a')), 'not json');
    const dead = await run([message(1, 'a', declared('a', 1)), bad, message(3, 'a', changed(2))], store);
    assert.deepEqual(dead, ['not a JSON object']);
    assert.match(contents(store)['entity.public.a'] ?? '', /"generation":2/);
  });

  it("sets aside what lies on a subject that is nobody's, and what is of another shard", async () => {
    const store = memoryStore();
    const own = message(1, 'a', declared('a', 1));
    const moved = { ...own, sequence: 2, subject: own.subject.replace(/event\.\d\d/, 'event.99') };
    const strange = stored(3, 'opstream.event.00.bundle.public.a', 'x');
    const dead = await run([own, moved, strange], store);
    assert.equal(dead.length, 2);
    assert.match(dead[0] ?? '', /shard/);
    assert.match(contents(store)['entity.public.a'] ?? '', /"sequence":1/);
  });

  it('stops before a hole in the stream, and before a stream that ends before its checkpoint', async () => {
    const store = memoryStore();
    const messages = [message(1, 'a', declared('a', 1)), message(4, 'a', changed(2))];
    await assert.rejects(
      run(messages, store),
      (error) => isFault(error, 'STREAM_DAMAGED') && /lacks #2 to #3/.test(error.message),
    );
    assert.equal(store.entries.has('entity.public.a'), false);
    store.entries.set(CHECKPOINT, { key: CHECKPOINT, revision: 9, data: new TextEncoder().encode('{"sequence":5}') });
    await assert.rejects(
      run(messages, store),
      (error) => isFault(error, 'VIEW_DAMAGED') && /#5.*ends at #4.*opstream rebuild/.test(error.message),
    );
  });

  it('makes a document anew of its events when it was lost, and leaves alone what never was', async () => {
    const messages = [message(1, 'a', declared('a', 1)), message(2, 'a', changed(2))];
    const later = [message(3, 'a', changed(3)), message(4, 'never', changed(2))];
    const whole = memoryStore();
    await run([...messages, ...later], whole);
    const store = memoryStore();
    await run(messages, store);
    store.entries.delete('entity.public.a');
    await run([...messages, ...later], store);
    assert.deepEqual(contents(store), contents(whole));
    assert.match(contents(store)['entity.public.a'] ?? '', /"generation":3/);
  });

  it('is refused when another projector has written the checkpoint', async () => {
    const store = memoryStore();
    let isOther = true;
    store.beforeWrite = ({ key }) => {
      if (key !== CHECKPOINT || !isOther) return;
      isOther = false;
      store.entries.set(CHECKPOINT, {
        key: CHECKPOINT,
        revision: 99,
        data: new TextEncoder().encode('{"sequence":1}'),
      });
    };
    await assert.rejects(run([message(1, 'a', declared('a', 1))], store), (error) => isFault(error, 'LEASE_LOST'));
  });

  // P5: whatever the batches, the flushes and the crashes, the documents are the fold of the stream.
  it('gives the same bytes however it is cut, flushed and interrupted', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      kind: fc.constantFrom('declare', 'change', 'delete'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 40 }),
        async (steps, batchSize, maxUnwritten, failAt) => {
          const messages = steps.map(({ name, kind }, index) =>
            message(
              index + 1,
              name,
              kind === 'declare'
                ? declared(name, index + 1)
                : kind === 'change'
                  ? changed(index + 1)
                  : deleted(index + 1),
            ),
          );
          const whole = memoryStore();
          await run(messages, whole, { batchSize: 1000 });

          const crashing = memoryStore();
          let writes = 0;
          crashing.beforeWrite = () => {
            writes += 1;
            if (writes === failAt) throw new Error('crash');
          };
          for (let tries = 0; tries < 3; tries += 1) {
            const isDone = await run(messages, crashing, { batchSize, maxUnwritten }).then(
              () => true,
              () => false,
            );
            if (isDone) break;
          }
          assert.deepEqual(contents(crashing), contents(whole));
        },
      ),
      { numRuns: 200 },
    );
  });
});
