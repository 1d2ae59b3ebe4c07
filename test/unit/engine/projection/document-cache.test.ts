// What a projection works on. Held against a plain model of a bucket: whatever comes in whatever order, with a cache far too small, each
// write must expect the revision that the bucket has, and nothing may be lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeJson, encodeJson } from '../../../../src/core/decode.ts';
import { createDocumentCache } from '../../../../src/engine/projection/document-cache.ts';
import type { KeyValueEntry, KeyValueStore, KeyValueWrite } from '../../../../src/engine/ports/buckets.ts';
import type { ViewDocument } from '../../../../src/views/projection.ts';

const documentAt = (sequence: number): ViewDocument => ({ sequence });

const parse = ({ data }: KeyValueEntry): ViewDocument => decodeJson(data) as unknown as ViewDocument;

/** A bucket: what is under a key, and its last revision, also of a delete marker. */
const memoryBucket = () => {
  const entries = new Map<string, { readonly data: Uint8Array | undefined; readonly revision: number }>();
  let revision = 0;
  let reads = 0;
  let meanwhile = (): void => undefined;
  const entryOf = (key: string) => {
    const found = entries.get(key);
    return found?.data === undefined ? undefined : { key, revision: found.revision, data: found.data };
  };
  const store = {
    getMany: async (keys: readonly string[]) => {
      reads += keys.length;
      const entries = keys.map(entryOf);
      meanwhile();
      return entries;
    },
  } as unknown as KeyValueStore;
  /** The markers' revisions are found by the store itself: an expected 0 is good for a key without a document. */
  const commit = (writes: readonly KeyValueWrite[]): readonly number[] =>
    writes.map(({ key, data, expectedRevision }) => {
      const found = entries.get(key);
      const isExpected = expectedRevision === found?.revision || (expectedRevision === 0 && found?.data === undefined);
      assert.ok(isExpected, `${key}: expects revision ${expectedRevision}, the bucket has ${found?.revision}`);
      revision += 1;
      entries.set(key, { data, revision });
      return revision;
    });
  const documents = () =>
    Object.fromEntries(
      [...entries].flatMap(([key, { data }]) => (data === undefined ? [] : [[key, decodeJson(data)]])),
    );
  return {
    store,
    commit,
    documents,
    reads: () => reads,
    /** What else goes on while the bucket is read. */
    whileReading: (work: () => void) => {
      meanwhile = work;
    },
  };
};

describe('the documents of a projection', () => {
  it('are written as they were put, by any schedule, with the revisions that the bucket has', async () => {
    const key = fc.integer({ min: 0, max: 9 }).map((number) => `k${number}`);
    const change = fc.tuple(key, fc.boolean());
    const step = fc.oneof(
      fc.record({ kind: fc.constant('batch' as const), changes: fc.array(change, { minLength: 1, maxLength: 4 }) }),
      fc.record({ kind: fc.constantFrom('take' as const, 'written' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isKnowing) => {
        const bucket = memoryBucket();
        const cache = createDocumentCache(bucket.store, 2, isKnowing ? new Set() : undefined, parse);
        const truth = new Map<string, ViewDocument>();
        let sequence = 0;
        let taken: readonly KeyValueWrite[] | undefined;
        const finish = () => {
          if (taken !== undefined) cache.written(taken, bucket.commit(taken));
          taken = undefined;
        };
        const take = () => {
          taken ??= cache.takeWrites();
        };
        let isWritingMeanwhile = false;
        bucket.whileReading(() => {
          isWritingMeanwhile = !isWritingMeanwhile;
          if (isWritingMeanwhile) take();
          else finish();
        });
        for (const one of steps) {
          if (one.kind === 'take') take();
          if (one.kind === 'written') finish();
          if (one.kind === 'batch') {
            await cache.load(one.changes.map(([name]) => name));
            for (const [name, isThere] of one.changes) {
              assert.deepEqual(cache.get(name), truth.get(name));
              sequence += 1;
              if (isThere) truth.set(name, documentAt(sequence));
              else truth.delete(name);
              cache.put(name, truth.get(name));
            }
            cache.trim();
          }
        }
        finish();
        take();
        finish();
        assert.equal(cache.dirtyCount, 0);
        assert.deepEqual(bucket.documents(), Object.fromEntries(truth));
      }),
    );
  });

  it('are not looked for when the bucket is known not to have them', async () => {
    const bucket = memoryBucket();
    bucket.commit([{ key: 'old', data: encodeJson(documentAt(1)) }]);
    const cache = createDocumentCache(bucket.store, 10, new Set(['old']), parse);
    await cache.load(['new', 'old', undefined]);
    assert.equal(bucket.reads(), 1);
    assert.deepEqual(cache.get('old'), documentAt(1));
    assert.equal(cache.get('new'), undefined);
  });

  it('that were never there are not written when they are deleted', async () => {
    const bucket = memoryBucket();
    const cache = createDocumentCache(bucket.store, 10, new Set(), parse);
    await cache.load(['a']);
    cache.put('a', undefined);
    assert.deepEqual(cache.takeWrites(), []);
    assert.throws(() => cache.put('b', undefined), /not loaded/);
  });
});
