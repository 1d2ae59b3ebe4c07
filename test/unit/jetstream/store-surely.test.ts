import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, isFault, type FaultCode } from '../../../src/core/fault.ts';
import { storeSurely, type SureWrite } from '../../../src/jetstream/store-surely.ts';

/** A write whose attempts end as `ends` says, one after the other; the last of them stays. */
const writeThat = (ends: readonly (FaultCode | number)[], given: Partial<SureWrite<number>> = {}) => {
  const calls: string[] = [];
  let next = 0;
  const options: SureWrite<number> = {
    what: 'S',
    write: async () => {
      const end = ends[Math.min(next, ends.length - 1)] ?? 'JS_REFUSED';
      next += 1;
      calls.push('write');
      if (typeof end === 'number') return end;
      throw new Fault(end, `attempt ${next}`);
    },
    findOwn: async (unanswered) => {
      calls.push(`find ${unanswered}`);
      return undefined;
    },
    isCalledOff: () => false,
    endMs: performance.now() + 60_000,
    attempts: { failures: 0 },
    ...given,
  };
  return { calls, stored: storeSurely(options) };
};

const failsWith = (code: FaultCode) => (error: unknown) => isFault(error, code);

describe('storing surely', () => {
  it('tries again until there is an answer', async () => {
    const { calls, stored } = writeThat(['NATS_TIMEOUT', 'JS_UNAVAILABLE', 7]);
    assert.equal(await stored, 7);
    assert.deepEqual(calls, ['write', 'write', 'write']);
  });

  it('believes a refusal when nothing of its own is stored', async () => {
    for (const code of ['JS_CONFLICT', 'JS_DUPLICATE'] as const) {
      const { calls, stored } = writeThat([code]);
      await assert.rejects(stored, failsWith(code));
      assert.deepEqual(calls, ['write', 'find 0']);
    }
  });

  it('finds what an attempt without an answer has stored', async () => {
    const asked: number[] = [];
    const findOwn = async (unanswered: number): Promise<number> => {
      asked.push(unanswered);
      return 3;
    };
    assert.equal(await writeThat(['NATS_TIMEOUT', 'JS_CONFLICT'], { findOwn }).stored, 3);
    assert.equal(await writeThat([1], { findOwn, earlier: new Fault('JS_DUPLICATE', 'before') }).stored, 3);
    assert.deepEqual(asked, [1, 0]);
  });

  it('asks for another attempt where there is one, after it has looked', async () => {
    const { calls, stored } = writeThat(['JS_CONFLICT', 9], { adjust: async () => true });
    assert.equal(await stored, 9);
    assert.deepEqual(calls, ['write', 'find 0', 'write']);
  });

  it('begins no attempt that it has no time for', async () => {
    const { calls, stored } = writeThat(['NATS_TIMEOUT'], { endMs: performance.now() });
    await assert.rejects(stored, { message: 'attempt 1' });
    assert.deepEqual(calls, ['write']);
    const outOfTime = (last: Fault): Fault => new Fault('NATS_TIMEOUT', `after ${last.message}`);
    await assert.rejects(writeThat(['JS_UNAVAILABLE'], { endMs: performance.now(), outOfTime }).stored, {
      message: 'after attempt 1',
    });
  });

  it('begins no attempt once it is called off', async () => {
    const { calls, stored } = writeThat([1], { isCalledOff: () => true });
    await assert.rejects(stored, failsWith('NATS_TIMEOUT'));
    assert.deepEqual(calls, []);
  });
});
