import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSeenIds, seenIdsFrom } from '../../../../src/engine/history/seen-ids.ts';

const sizeOf = (value: unknown): number => JSON.stringify(value).length;

test('40,000 ids: each is found where it is, one in a hundred of others is perhaps there, in some 130 KB', () => {
  const seen = createSeenIds();
  const ids = Array.from({ length: 40_000 }, (_, index) => (index % 2 === 0 ? randomUUID() : `command-${index}`));
  for (const [index, id] of ids.entries()) seen.add(id, index + 1);
  for (const [index, id] of ids.entries()) {
    const sequence = index + 1;
    assert.ok(
      seen.find(id).some(({ from, to }) => from <= sequence && sequence <= to),
      id,
    );
  }
  const others = Array.from({ length: 20_000 }, (_, index) =>
    index % 2 === 0 ? randomUUID() : `command-${index + 50_000}`,
  );
  const wrong = others.filter((id) => seen.find(id).length > 0).length;
  assert.ok(wrong < 300, `${wrong} of 20,000`);
  assert.ok(sizeOf(seen.toJson()) < 170_000, `${sizeOf(seen.toJson())} bytes`);
});

test('half a million ids fit a message, none is missed, and most others are still told apart', () => {
  const seen = createSeenIds();
  for (let index = 0; index < 500_000; index += 1) seen.add(`id-${index}`, index + 1);
  assert.ok(sizeOf(seen.toJson()) < 640_000, `${sizeOf(seen.toJson())} bytes`);
  for (let index = 0; index < 500_000; index += 997) assert.ok(seen.find(`id-${index}`).length > 0);
  const wrong = Array.from({ length: 5000 }, (_, index) => seen.find(`other-${index}`).length > 0).filter(
    Boolean,
  ).length;
  assert.ok(wrong < 2500, `${wrong} of 5,000`);
});

test('property: what is written is read back, and what is not is nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 700 }), (ids) => {
      const seen = createSeenIds();
      for (const [index, id] of ids.entries()) seen.add(id, index + 1);
      const again = seenIdsFrom(JSON.parse(JSON.stringify(seen.toJson())) as never);
      assert.equal(again?.count, ids.length);
      for (const id of ids) assert.ok((again?.find(id).length ?? 0) > 0);
      again?.add('one more', ids.length + 1);
      assert.ok((again?.find('one more').length ?? 0) > 0);
    }),
    { numRuns: 30 },
  );
  for (const value of [undefined, null, {}, [1], [{ bits: 'AA', count: 1, from: 1, to: 1 }], [{}], 'x'])
    assert.equal(seenIdsFrom(value as never), undefined);
});
