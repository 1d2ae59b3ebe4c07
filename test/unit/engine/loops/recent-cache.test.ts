import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createGenerations } from '../../../../src/engine/loops/recent-cache.ts';

describe('a bounded memory of what was used lately', () => {
  it('knows the last half of its limit, and never gives a value that was replaced or deleted', () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), kind: fc.constantFrom('set', 'get', 'delete') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const memory = createGenerations<{ readonly at: number }>(10);
        const truth = new Map<string, number>();
        for (const [at, { key: number, kind }] of steps.entries()) {
          const key = String(number);
          if (kind === 'set') {
            memory.set(key, { at });
            truth.delete(key);
            truth.set(key, at);
          } else if (kind === 'delete') {
            memory.delete(key);
            truth.delete(key);
          } else {
            const found = memory.get(key);
            if (found !== undefined) assert.equal(found.at, truth.get(key));
          }
        }
        for (const [key, at] of [...truth].slice(-4)) assert.equal(memory.get(key)?.at, at);
      }),
    );
  });

  it('forgets what is beyond the limit', () => {
    const memory = createGenerations<number>(10);
    for (let key = 1; key <= 1000; key += 1) memory.set(String(key), key);
    const kept = Array.from({ length: 1000 }, (_, index) => memory.get(String(index + 1))).filter(Boolean);
    assert.ok(kept.length >= 5 && kept.length <= 10, `keeps ${kept.length}`);
  });
});
