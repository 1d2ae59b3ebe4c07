import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createApiClock } from '../../../src/sdk/index.ts';

const nowMs = Date.parse('2026-01-01T12:00:00.400Z');
const clockOf = (clockOffsetMs?: number) => {
  const clock = createApiClock();
  clock.heard(clockOffsetMs === undefined ? {} : { clockOffsetMs });
  return clock;
};

describe('the clock of an API', () => {
  it('is ours as long as it has not said, and when it differs by less than an answer takes', () => {
    for (const clock of [clockOf(), clockOf(-1400), clockOf(900)]) {
      assert.deepEqual([clock.theirs(nowMs), clock.earliest(nowMs), clock.offsetMs()], [nowMs, nowMs, 0]);
    }
  });

  it('is its own when it is behind; when it is ahead, the earlier of the two is ours', () => {
    const [behind, ahead] = [clockOf(-45_000), clockOf(45_000)];
    assert.deepEqual([behind.theirs(nowMs), behind.earliest(nowMs)], [nowMs - 45_000, nowMs - 45_000]);
    assert.deepEqual([ahead.theirs(nowMs), ahead.earliest(nowMs)], [nowMs + 45_000, nowMs]);
  });

  it('that an answer shows to be further behind than was believed is asked again, once', async () => {
    const clock = createApiClock();
    const asked: number[] = [];
    const ask = (sinceMs: number): Promise<number> => {
      asked.push(sinceMs - nowMs);
      clock.heard({ clockOffsetMs: -600_000 });
      return Promise.resolve(asked.length);
    };
    assert.equal(await clock.since(nowMs, ask), 2);
    assert.equal(await clock.since(nowMs, ask), 3);
    assert.deepEqual(asked, [0, -600_000, -600_000]);
  });
});
