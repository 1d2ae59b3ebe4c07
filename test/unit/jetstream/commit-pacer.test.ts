import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCommitPacer, TRIAL_SINGLES, type CommitPacer } from '../../../src/jetstream/commit-pacer.ts';

type Server = { readonly singleMs: number; readonly batchMs: (count: number) => number };
const syncAlways: Server = { singleMs: 0.17, batchMs: (count) => 2.4 + 0.01 * count };
const syncLater: Server = { singleMs: 0.011, batchMs: (count) => 2.4 + 0.01 * count };

/** Sends `rounds` times `waiting` messages as the pacer says; returns how many went in batches and what the trials cost. */
const run = (pacer: CommitPacer, server: Server, waiting: number, rounds: number) => {
  let batched = 0;
  let totalMs = 0;
  let trialMs = 0;
  for (let round = 0; round < rounds; round += 1) {
    let left = waiting;
    while (left > 0) {
      const way = pacer.choose(left);
      const count = way === 'single' && pacer.isTrial ? Math.min(left, TRIAL_SINGLES) : left;
      const elapsedMs = way === 'batch' ? server.batchMs(count) : count * server.singleMs;
      totalMs += elapsedMs;
      if (pacer.isTrial) trialMs += elapsedMs;
      if (way === 'batch') batched += count;
      pacer.observe(way, count, elapsedMs);
      left -= count;
    }
  }
  return { batched, totalMs, trialMs };
};

describe('commit pacer', () => {
  it('never batches fewer than twelve', () => {
    const pacer = createCommitPacer();
    for (let round = 0; round < 50; round += 1) pacer.observe('single', 8, 80);
    for (let round = 0; round < 5000; round += 1) assert.equal(pacer.choose(11), 'single');
  });

  it('batches when each single costs an fsync', () => {
    const pacer = createCommitPacer();
    run(pacer, syncAlways, 100, 500);
    const { batched } = run(pacer, syncAlways, 100, 100);
    assert.ok(batched > 9500, `${batched} of 10,000 in batches`);
    assert.ok(pacer.breakEven > 12 && pacer.breakEven < 40, `break-even ${pacer.breakEven}`);
  });

  it('sends singles when they are cheap', () => {
    const pacer = createCommitPacer();
    run(pacer, syncLater, 256, 50);
    const { batched } = run(pacer, syncLater, 256, 500);
    assert.ok(batched < 128_000 * 0.03, `${batched} of 128,000 in batches`);
  });

  it('bounds what trials cost', () => {
    for (const server of [syncAlways, syncLater]) {
      const pacer = createCommitPacer();
      const { totalMs, trialMs } = run(pacer, server, 100, 3000);
      assert.ok(trialMs > 0, 'the other way is tried');
      assert.ok(trialMs < totalMs * 0.04, `trials ${trialMs.toFixed(0)} ms of ${totalMs.toFixed(0)}`);
    }
  });

  it('heals from an estimate that has grown wrong, both ways', () => {
    const pacer = createCommitPacer();
    run(pacer, syncAlways, 100, 200);
    run(pacer, syncLater, 100, 3000);
    assert.equal(run(pacer, syncLater, 100, 20).batched <= 200, true);
    run(pacer, syncAlways, 100, 300);
    assert.equal(run(pacer, syncAlways, 100, 20).batched >= 1800, true);
  });

  it('learns nothing from a handful of singles', () => {
    const pacer = createCommitPacer();
    const before = pacer.estimates;
    for (let round = 0; round < 100; round += 1) pacer.observe('single', 7, 700);
    assert.deepEqual(pacer.estimates, before);
  });

  it('is not thrown by one long pause', () => {
    const pacer = createCommitPacer();
    run(pacer, syncLater, 100, 200);
    pacer.observe('single', 100, 5000);
    assert.ok(pacer.estimates.singleMs < 0.03, `single ${pacer.estimates.singleMs}`);
  });
});
