import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, observe, stateOf } from '../../../../src/operators/azure-data-factory/run-status.ts';
import type { JsonObject } from '../../../../src/sdk/index.ts';

const run = (changes: JsonObject = {}): JsonObject => ({
  runId: 'r',
  runGroupId: 'g',
  pipelineName: 'p',
  parameters: { day: 'monday' },
  invokedBy: { name: 'Manual', id: 'i' },
  status: 'InProgress',
  runStart: '2026-01-01T00:00:01.1234567Z',
  runEnd: null,
  durationInMs: 1200,
  lastUpdated: '2026-01-01T00:00:02.0000000Z',
  message: '',
  ...changes,
});
const activity = (name: string, status: string, changes: JsonObject = {}): JsonObject => ({
  activityName: name,
  status,
  durationInMs: 5,
  output: { dataRead: 7, secretThing: 'x', errors: [] },
  error: { errorCode: '', message: '', failureType: '', target: name },
  input: { big: true },
  ...changes,
});

describe('what is reported of a run', () => {
  it('has our words for all of Azure’s', () => {
    const words = ['Queued', 'InProgress', 'Canceling', 'Succeeded', 'Failed', 'Cancelled', 'Paused'];
    assert.deepEqual(
      words.map((status) => stateOf({ status })),
      ['pending', 'inprogress', 'inprogress', 'succeeded', 'failed', 'cancelled', 'inprogress'],
    );
  });

  it('does not change with what changes at every look', () => {
    const activities = [activity('copy', 'InProgress')];
    const before = observe('id', run(), activities);
    const after = observe('id', run({ lastUpdated: 'later', durationInMs: 2400 }), [
      activity('copy', 'InProgress', { durationInMs: 9, output: { dataRead: 99 } }),
    ]);
    assert.deepEqual(after, before);
  });

  it('has the figures of what has ended, and nothing that was not asked for', () => {
    const { metadata, run: observed } = observe(
      'id',
      run({ status: 'Succeeded', runEnd: '2026-01-01T00:01:00.0000000Z' }),
      [activity('copy', 'Succeeded')],
    );
    assert.deepEqual(metadata['activityRuns'], [
      { activityName: 'copy', status: 'Succeeded', durationInMs: 5, output: { dataRead: 7 } },
    ]);
    assert.deepEqual(observed, {
      id: 'id',
      state: 'succeeded',
      externalId: 'r',
      startedAt: '2026-01-01T00:00:01.123Z',
      finishedAt: '2026-01-01T00:01:00.000Z',
    });
  });

  it('says why a run failed', () => {
    const error = { errorCode: '2200', message: 'no such container', failureType: 'UserError', target: 'copy' };
    const activities = [activity('wait', 'Succeeded'), activity('copy', 'Failed', { error })];
    const failed = observe('id', run({ status: 'Failed', message: 'Operation on target copy failed' }), activities).run;
    assert.equal(failed.message, 'Operation on target copy failed; copy: no such container (error 2200)');
    assert.deepEqual(
      conditionsOf(failed).map(({ type, status, reason }) => `${type} ${status} ${reason}`),
      ['Ready False RunFailed', 'Stalled True RunFailed'],
    );
  });

  it('is bounded, and keeps the failed activities', () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      activity(`a${index}`, index === 299 ? 'Failed' : 'Succeeded'),
    );
    const { metadata } = observe('id', run({ parameters: { text: 'x'.repeat(100_000) } }), many);
    const shown = metadata['activityRuns'] as readonly JsonObject[];
    assert.equal(shown.length, 100);
    assert.equal(shown.at(-1)?.['activityName'], 'a299');
    assert.equal(metadata['activityRunsLeftOut'], 200);
    assert.ok(JSON.stringify(metadata).length < 20_000);
  });
});
