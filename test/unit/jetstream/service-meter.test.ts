import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createServiceMeter } from '../../../src/jetstream/service-meter.ts';

const rig = () => {
  const seen: { way: string; count: number; elapsedMs: number }[] = [];
  let nowMs = 1000;
  let turn: (() => void)[] = [];
  const meter = createServiceMeter(
    { observe: (way, count, elapsedMs) => seen.push({ way, count, elapsedMs: Math.round(elapsedMs * 1000) / 1000 }) },
    () => nowMs,
    (work) => turn.push(work),
  );
  const times = (count: number, work: () => void): void => {
    for (let index = 0; index < count; index += 1) work();
  };
  return {
    seen,
    meter,
    send: (count: number) => times(count, meter.singleSent),
    settle: (count: number) => times(count, () => meter.singleSettled(true)),
    /** The event loop turns, then time passes. */
    pass: (ms: number) => {
      const work = turn;
      turn = [];
      for (const one of work) one();
      nowMs += ms;
    },
  };
};

describe('service meter', () => {
  it('measures singles by their throughput while many are in flight', () => {
    const { seen, send, settle, pass } = rig();
    send(100);
    pass(4);
    settle(40);
    send(40);
    pass(4);
    settle(40);
    send(40);
    pass(4);
    assert.deepEqual(seen, [
      { way: 'single', count: 40, elapsedMs: 4 },
      { way: 'single', count: 40, elapsedMs: 4 },
    ]);
  });

  it('measures a burst that is answered at once', () => {
    const { seen, send, settle, pass } = rig();
    send(32);
    pass(1.6);
    settle(32);
    pass(0);
    assert.deepEqual(seen, [{ way: 'single', count: 32, elapsedMs: 1.6 }]);
  });

  it('learns nothing from a trickle, however long', () => {
    const { seen, send, settle, pass } = rig();
    for (let round = 0; round < 100; round += 1) {
      send(2);
      pass(5);
      settle(2);
      pass(5);
    }
    assert.deepEqual(seen, []);
  });

  it('measures a batch from when it was sent, or from the one before when there was no pause', () => {
    const { seen, meter, pass } = rig();
    const first = meter.batchSent(100);
    const second = meter.batchSent(100);
    pass(3);
    first(true);
    pass(2);
    second(true);
    pass(0);
    const third = meter.batchSent(100);
    pass(4);
    third(true);
    pass(0);
    pass(0);
    pass(50);
    const fourth = meter.batchSent(100);
    pass(6);
    fourth(true);
    assert.deepEqual(
      seen.map(({ elapsedMs }) => elapsedMs),
      [3, 2, 4, 6],
    );
  });

  it('observes nothing while both ways are in flight', () => {
    const { seen, meter, send, settle, pass } = rig();
    send(50);
    const batch = meter.batchSent(100);
    pass(5);
    settle(50);
    pass(5);
    batch(true);
    pass(0);
    assert.deepEqual(seen, []);
  });
});
