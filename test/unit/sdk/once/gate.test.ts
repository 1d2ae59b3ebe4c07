import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGate } from '../../../../src/sdk/index.ts';
import { isFault, type Fault } from '../../../../src/sdk/index.ts';

const gateAt = (limit?: { readonly requests: number; readonly perMs: number }) => {
  let nowMs = 1000;
  const gate = createGate(limit, () => nowMs);
  const refusal = (enter: () => void = gate.pass): Fault | undefined => {
    try {
      enter();
      return undefined;
    } catch (error) {
      assert.ok(isFault(error));
      return error;
    }
  };
  return { gate, refusal, wait: (ms: number) => (nowMs += ms) };
};
const afterMs = (fault: Fault | undefined): number => {
  assert.ok(fault !== undefined && typeof fault.retry === 'object');
  return fault.retry.afterMs;
};

describe('the gate', () => {
  it('is open without a limit', () => {
    const { refusal } = gateAt();
    for (let count = 0; count < 1000; count += 1) assert.equal(refusal(), undefined);
  });

  it('lets through so many in a time, and no more over any length of it', () => {
    const { refusal, wait } = gateAt({ requests: 5, perMs: 1000 });
    let passed = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      if (refusal() === undefined) passed += 1;
      wait(10);
    }
    assert.ok(passed >= 50 && passed <= 55, `${passed} in ten seconds, and the burst at the beginning`);
  });

  it('sends those that come meanwhile away until different times', () => {
    const { refusal, wait } = gateAt({ requests: 2, perMs: 1000 });
    assert.equal(refusal(), undefined);
    assert.equal(refusal(), undefined);
    const times = [refusal(), refusal(), refusal()].map(afterMs);
    assert.deepEqual(times, [500, 1000, 1500]);
    wait(10_000);
    assert.equal(refusal(), undefined);
    assert.equal(refusal(), undefined);
    assert.equal(afterMs(refusal()), 500, 'old promises are over');
  });

  it('can be looked at without taking a place', () => {
    const { gate, refusal } = gateAt({ requests: 1, perMs: 1000 });
    for (let count = 0; count < 5; count += 1) assert.equal(refusal(gate.look), undefined);
    assert.equal(refusal(), undefined);
    assert.ok(refusal(gate.look));
  });

  it('closes for all after "too many", for the longest time that was said, with no effect', () => {
    const { gate, refusal, wait } = gateAt();
    gate.close(3000);
    gate.close(1000);
    const fault = refusal();
    assert.deepEqual(fault?.retry, { afterMs: 3000, scope: 'operator' });
    assert.deepEqual([fault.code, fault.details['outcome']], ['COMPONENT_RETRYABLE', 'none']);
    wait(2999);
    assert.equal(afterMs(refusal()), 1);
    wait(1);
    assert.equal(refusal(), undefined);
    gate.close(10 ** 12);
    assert.equal(afterMs(refusal()), 3_600_000, 'an hour at most');
  });
});
