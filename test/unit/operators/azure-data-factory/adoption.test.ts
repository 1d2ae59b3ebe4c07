import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findRun, type Wanted } from '../../../../src/operators/azure-data-factory/adoption.ts';
import type { JsonObject } from '../../../../src/sdk/index.ts';

const sinceMs = Date.parse('2026-01-01T12:00:00.000Z');
const at = (offsetMs: number): string => new Date(sinceMs + offsetMs).toISOString();
const run = (runId: string, changes: JsonObject = {}): JsonObject => ({
  runId,
  runGroupId: runId,
  parameters: { day: 'monday' },
  runStart: at(500),
  invokedBy: { name: 'Manual', invokedByType: 'Manual' },
  ...changes,
});
const wanted = (changes: Partial<Wanted> = {}): Wanted => ({
  parameters: { day: 'monday' },
  sinceMs,
  fromMs: sinceMs - 60_000,
  excludedRunIds: [],
  isClaimed: () => false,
  ...changes,
});
const idFound = (runs: readonly JsonObject[], changes: Partial<Wanted> = {}): string | undefined =>
  findRun(runs, wanted(changes))?.adfRunId;

describe('the run that an unanswered createRun started', () => {
  it('is certain by the correlation parameter, and only by it', () => {
    const correlation = { parameter: 'opstreamRun', value: 'r1' };
    const own = run('b', { parameters: { opstreamRun: 'r1' }, runStart: at(-3_600_000) });
    assert.deepEqual(findRun([run('a'), own], wanted({ correlation })), {
      adfRunId: 'b',
      isCertain: true,
      candidates: 1,
    });
    assert.equal(idFound([run('a')], { correlation }), undefined);
  });

  it('is the earliest alike since the intent', () => {
    const runs = [
      run('late', { runStart: at(9000) }),
      run('first', { runStart: at(20) }),
      run('before', { runStart: at(-1000) }),
    ];
    assert.deepEqual(findRun(runs, wanted()), { adfRunId: 'first', isCertain: false, candidates: 3 });
    assert.equal(idFound([run('a', { runStart: at(-2000) })]), 'a', 'the clocks differ');
    assert.equal(idFound([run('a', { runStart: at(-61_000) })]), undefined, 'that much they do not');
    assert.equal(idFound([run('queued', { runStart: null, lastUpdated: null })]), 'queued');
  });

  it('is nobody else’s, none of its own past, and was started by a call', () => {
    assert.equal(idFound([run('a'), run('b')], { isClaimed: (id) => id === 'a' }), 'b');
    assert.equal(idFound([run('a')], { excludedRunIds: ['a'] }), undefined);
    assert.equal(idFound([run('a', { invokedBy: { name: 'daily', invokedByType: 'ScheduleTrigger' } })]), undefined);
    assert.equal(idFound([run('a', { runGroupId: 'g' })], { runGroupId: 'g' }), 'a');
    assert.equal(idFound([run('a')], { runGroupId: 'g' }), undefined);
  });

  it('has the parameters that were sent, as Azure shows them', () => {
    const parameters = { names: ['a', { b: 1 }], count: 5, dry: true, day: 'monday' };
    const shown = { names: '["a", {"b":1}]', count: '5', dry: 'True', day: 'monday', defaulted: 'x' };
    assert.equal(idFound([run('a', { parameters: shown })], { parameters }), 'a');
    assert.equal(idFound([run('a', { parameters: { ...shown, count: '6' } })], { parameters }), undefined);
    assert.equal(
      idFound([run('a', { parameters: {} })], { parameters }),
      'a',
      'the pipeline drops what it does not declare',
    );
    assert.equal(idFound([run('a', { parameters: { day: '"monday"' } })]), undefined);
  });

  it('has the whole numbers that were sent to the last digit', () => {
    const near = '9007199254740993';
    for (const [sent, shown] of [
      [9007199254740992, near],
      [[9007199254740992], `[${near}]`],
      [{ id: near }, '{"id":9007199254740992}'],
    ] as const) {
      const found = idFound([run('a', { parameters: { it: shown } })], { parameters: { it: sent } });
      assert.equal(found, undefined, `${JSON.stringify(sent)} is not ${shown}`);
    }
    for (const [sent, shown] of [
      [9007199254740992, '9007199254740992'],
      [1e20, '100000000000000000000'],
      [1e21, '1E+21'],
      [0.1, '0.1'],
      [[near], `["${near}"]`],
      [{ id: near }, `{"id":${near}}`],
    ] as const) {
      assert.equal(idFound([run('a', { parameters: { it: shown } })], { parameters: { it: sent } }), 'a', shown);
    }
  });
});
