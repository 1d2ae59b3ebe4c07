import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRecent } from '../../../src/sdk/recent.ts';

test('property: never a wrong value, never more than the limit, and the last one set is there', () => {
  const step = fc.record({
    kind: fc.constantFrom('set' as const, 'get' as const, 'delete' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    weight: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const recent = createRecent<number>({ count: 6, weight: 200 });
      const truth = new Map<string, number>();
      steps.forEach(({ kind, key, weight }, index) => {
        if (kind === 'set') {
          recent.set(key, index, weight);
          truth.set(key, index);
          assert.equal(recent.get(key), index);
        } else if (kind === 'delete') {
          recent.delete(key);
          truth.delete(key);
          assert.equal(recent.get(key), undefined);
        } else {
          const value = recent.get(key);
          if (value !== undefined) assert.equal(value, truth.get(key));
        }
        assert.ok(recent.size <= 7, `${recent.size} kept`);
      });
    }),
  );
});

test('what is used again and again stays', () => {
  const recent = createRecent<number>({ count: 10, weight: 1000 });
  recent.set('busy', 1, 1);
  for (let index = 0; index < 100; index += 1) {
    recent.set(`k${index}`, index, 1);
    assert.equal(recent.get('busy'), 1);
  }
  assert.equal(recent.get('k0'), undefined);
});
