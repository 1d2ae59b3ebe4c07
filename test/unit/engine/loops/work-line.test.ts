import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backOffMs } from '../../../../src/engine/loops/back-off.ts';
import { createWorkLine, type WorkLine, type WorkOutcome } from '../../../../src/engine/loops/work-line.ts';
import { drivenClock, type DrivenClock } from '../../../../src/testing/driven-clock.ts';

type Run = { readonly key: string; readonly attempt: number; readonly atMs: number; end(outcome?: WorkOutcome): void };

/** A line whose work ends when the test says so. */
const bench = (maxWorkers: number, random = () => 1 - Number.EPSILON) => {
  const clock = drivenClock(0);
  const runs: Run[] = [];
  const line = createWorkLine({
    clock,
    maxWorkers,
    backOff: { baseMs: 100, capMs: 1000 },
    random,
    work: (key, attempt) =>
      new Promise((resolve) => {
        runs.push({ key, attempt, atMs: clock.nowMs(), end: (outcome = { kind: 'done' }) => resolve(outcome) });
      }),
  });
  const keys = (): readonly string[] => runs.map(({ key }) => key);
  const last = (): Run => {
    const run = runs.at(-1);
    assert.ok(run, 'expected a run');
    return run;
  };
  return { clock, line, runs, keys, last };
};

test('keys are worked on in the order in which they came, each waiting once', async () => {
  const { line, runs, keys, clock } = bench(1);
  for (const key of ['a', 'b', 'c', 'b', 'c']) line.changed(key);
  for (let index = 0; index < 3; index += 1) {
    runs[index]?.end();
    await clock.settle();
  }
  assert.deepEqual(keys(), ['a', 'b', 'c']);
  assert.equal(line.waiting, 0);
});

test('a key touched while it is worked on is worked on once more, after it ended', async () => {
  const { line, keys, last, clock } = bench(4);
  line.changed('a');
  line.changed('a');
  line.changed('a');
  assert.deepEqual(keys(), ['a']);
  last().end({ kind: 'stuck' });
  await clock.settle();
  assert.deepEqual(keys(), ['a', 'a'], 'the change came after what it was stuck on');
  last().end();
  await clock.settle();
  assert.equal(line.working, 0);
});

test('failures back off exponentially up to the cap, and a change ends the waiting and the counting', async () => {
  const { line, runs, last, clock } = bench(1);
  line.changed('a');
  for (let failure = 0; failure < 6; failure += 1) {
    last().end({ kind: 'failed' });
    await clock.advance(1000);
  }
  const gaps = runs.slice(1).map(({ atMs }, index) => atMs - (runs[index]?.atMs ?? 0));
  assert.deepEqual(
    runs.map(({ attempt }) => attempt),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.deepEqual(gaps.slice(0, 1), [100]);
  assert.ok(line.working === 1);
  last().end({ kind: 'failed' });
  await clock.settle();
  const before = runs.length;
  line.due('a');
  assert.equal(runs.length, before, 'a resync does not cut a back-off short');
  line.changed('a');
  assert.equal(runs.length, before + 1);
  assert.equal(last().attempt, 1);
});

test('the back-off is full jitter under an exponential ceiling', () => {
  const policy = { baseMs: 500, capMs: 300_000 };
  const whole = () => 1;
  assert.deepEqual(
    [1, 2, 3, 10, 11, 1000].map((attempt) => backOffMs(attempt, policy, whole)),
    [500, 1000, 2000, 256_000, 300_000, 300_000],
  );
  assert.equal(
    backOffMs(5, policy, () => 0),
    0,
  );
});

test('what asks to be looked at again is, when it is due, on one timer', async () => {
  const { line, runs, keys, clock } = bench(1000);
  for (let index = 0; index < 500; index += 1) line.changed(`k${index}`);
  runs.forEach((run, index) => run.end({ kind: 'done', againAfterMs: 1000 + index }));
  await clock.settle();
  assert.equal(clock.sleepers, 1);
  assert.equal(line.delayed, 500);
  await clock.advance(999);
  assert.equal(runs.length, 500);
  await clock.advance(11);
  assert.deepEqual(
    keys().slice(500),
    Array.from({ length: 11 }, (_, index) => `k${index}`),
  );
});

test('a given delay is respected instead of the back-off', async () => {
  const { line, runs, last, clock } = bench(1);
  line.changed('a');
  last().end({ kind: 'failed', againAfterMs: 30_000 });
  await clock.advance(29_999);
  assert.equal(runs.length, 1);
  await clock.advance(1);
  assert.equal(runs.length, 2);
  assert.equal(last().attempt, 2);
});

test('what is stuck stays so for a resync, and runs when it changes', async () => {
  const { line, runs, last, clock } = bench(1);
  line.changed('a');
  last().end({ kind: 'stuck' });
  await clock.settle();
  line.due('a');
  await clock.advance(1_000_000);
  assert.equal(runs.length, 1);
  line.changed('a');
  assert.equal(runs.length, 2);
});

test('a change goes before what is merely due, and does not starve it', async () => {
  const { line, runs, keys, last, clock } = bench(1);
  line.changed('first');
  for (let index = 0; index < 5; index += 1) line.due(`old${index}`);
  for (let index = 0; index < 20; index += 1) line.changed(`new${index}`);
  line.changed('old4');
  for (let index = 0; index < 26; index += 1) {
    last().end();
    await clock.settle();
  }
  assert.equal(keys()[1], 'new0');
  assert.ok(keys().indexOf('old0') < 10, 'every 8th pick is of the old lane');
  assert.equal(keys().filter((key) => key === 'old4').length, 1, 'a promoted key is not worked on twice');
  assert.equal(runs.length, 26);
  assert.equal(line.waiting, 0);
});

test('after stop nothing starts, and stop waits for what runs', async () => {
  const { line, runs, clock } = bench(1);
  line.changed('a');
  line.changed('b');
  let stopped = false;
  const stopping = line.stop().then(() => {
    stopped = true;
  });
  await clock.settle();
  assert.equal(stopped, false);
  runs[0]?.end();
  await stopping;
  line.changed('c');
  await clock.advance(10_000);
  assert.deepEqual(
    runs.map(({ key }) => key),
    ['a'],
  );
});

// Any history of touches, failures and waits: never two at once for a key, never more than the limit, and the last change of
// each key is followed by a start of work on it.
test('property: never two at once, never too many, and no change is lost', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('changed' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ kind: fc.constant('due' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 500 }) }),
  );
  const outcome = fc.constantFrom<WorkOutcome>(
    { kind: 'done' },
    { kind: 'done', againAfterMs: 50 },
    { kind: 'failed' },
    { kind: 'stuck' },
    { kind: 'gone' },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.tuple(outcome, fc.integer({ min: 0, max: 80 })), { minLength: 1, maxLength: 10 }),
      async (maxWorkers, steps, script) => {
        const clock: DrivenClock = drivenClock(0);
        const busy = new Set<string>();
        const lastStart = new Map<string, number>();
        const lastChange = new Map<string, number>();
        let order = 0;
        let count = 0;
        const line: WorkLine = createWorkLine({
          clock,
          maxWorkers,
          backOff: { baseMs: 20, capMs: 100 },
          random: () => 0.5,
          work: async (key) => {
            assert.ok(!busy.has(key), `two at once for ${key}`);
            busy.add(key);
            assert.ok(busy.size <= maxWorkers, 'more than the limit');
            lastStart.set(key, (order += 1));
            const [result, tookMs] = script[(count += 1) % script.length] ?? [{ kind: 'done' } as const, 0];
            await clock.sleep(tookMs);
            busy.delete(key);
            return result;
          },
        });
        for (const one of steps) {
          if (one.kind === 'wait') await clock.advance(one.ms);
          else if (one.kind === 'due') line.due(one.key);
          else {
            lastChange.set(one.key, (order += 1));
            line.changed(one.key);
          }
        }
        await clock.advance(5000);
        for (const [key, changedAt] of lastChange) {
          assert.ok((lastStart.get(key) ?? 0) > changedAt, `the last change of ${key} was not worked on`);
        }
        const stopping = line.stop();
        await clock.advance(1000);
        await stopping;
      },
    ),
    { numRuns: 60 },
  );
});

test('a hold starts nothing until it is over, and leaves alone what is under way', async () => {
  const { line, runs, keys, clock } = bench(2);
  line.changed('a');
  line.hold(1000);
  line.hold(300);
  line.changed('b');
  runs[0]?.end({ kind: 'done', againAfterMs: 10 });
  await clock.advance(999);
  assert.deepEqual(keys(), ['a']);
  await clock.advance(2);
  assert.deepEqual(keys(), ['a', 'b', 'a']);
  line.hold(60_000);
  runs[1]?.end();
  runs[2]?.end();
  await line.stop();
});

test('whatever happens, never two for one key and never more than the workers', async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constantFrom('changed', 'due'), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ kind: fc.constantFrom('end', 'fail', 'hold'), index: fc.nat(5) }),
    fc.record({ kind: fc.constant('time'), byMs: fc.nat(400) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(action, { maxLength: 60 }), async (workers, actions) => {
      const clock = drivenClock(0);
      const underWay: { readonly key: string; end(outcome: WorkOutcome): void }[] = [];
      const line = createWorkLine({
        ...{ clock, maxWorkers: workers, backOff: { baseMs: 100, capMs: 1000 }, random: () => 0.5 },
        work: (key) =>
          new Promise((resolve) => {
            assert.ok(!underWay.some((one) => one.key === key), `two for ${key}`);
            underWay.push({ key, end: resolve });
            assert.ok(underWay.length <= workers);
          }),
      });
      const end = async (index: number, outcome: WorkOutcome): Promise<void> => {
        const [one] = underWay.splice(index % Math.max(1, underWay.length), 1);
        one?.end(outcome);
        await clock.settle();
      };
      for (const one of actions) {
        if ('byMs' in one) await clock.advance(one.byMs);
        else if ('key' in one && one.kind === 'changed') line.changed(one.key);
        else if ('key' in one) line.due(one.key, 50);
        else if (one.kind === 'hold') line.hold(one.index * 40);
        else await end(one.index, one.kind === 'end' ? { kind: 'done', againAfterMs: 100 } : { kind: 'failed' });
      }
      const stopped = line.stop();
      while (underWay.length > 0) await end(0, { kind: 'done' });
      await stopped;
    }),
    { numRuns: 60 },
  );
});
