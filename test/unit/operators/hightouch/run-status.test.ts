import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  conditionsOf,
  isKnownStatus,
  isQueued,
  observe,
  stateOf,
} from '../../../../src/operators/hightouch/run-status.ts';
import type { JsonObject } from '../../../../src/sdk/index.ts';

const run = (changes: JsonObject = {}): JsonObject => ({
  ...{ id: 6134, createdAt: '2024-05-01T00:00:00.000Z', startedAt: '2024-05-01T00:00:01.000Z', finishedAt: null },
  ...{ querySize: 773, status: 'processing', completionRatio: 0.54, error: null },
  plannedRows: { addedCount: 773, changedCount: 0, removedCount: 0 },
  ...changes,
});

describe('what is reported of a sync run', () => {
  it('has our words for all of Hightouch’s, and a new word ends nothing', () => {
    const words = [
      'queued',
      'pending',
      'querying',
      'processing',
      'reporting',
      'success',
      'warning',
      'failed',
      'interrupted',
      'aborted',
      'cancelled',
      'reticulating',
      null,
    ];
    assert.deepEqual(
      words.map((status) => stateOf({ status }, 'succeeded')),
      [
        'pending',
        'pending',
        'inprogress',
        'inprogress',
        'inprogress',
        'succeeded',
        'succeeded',
        'failed',
        'failed',
        'failed',
        'cancelled',
        'inprogress',
        'inprogress',
      ],
    );
    assert.equal(stateOf({ status: 'warning' }, 'failed'), 'failed');
    assert.deepEqual(
      words.filter((status) => !isKnownStatus({ status })),
      ['reticulating', null],
    );
    assert.deepEqual(
      words.filter((status) => isQueued({ status })),
      ['queued', 'pending'],
    );
  });

  it('leaves out times that are not known yet', () => {
    const { run: observed, metadata } = observe(
      'r',
      '3093',
      run({ status: 'queued', startedAt: null, querySize: null }),
      'succeeded',
    );
    assert.deepEqual(observed, { id: 'r', state: 'pending', externalId: '6134' });
    assert.ok(!('startedAt' in metadata) && !('finishedAt' in metadata) && !('querySize' in metadata));
    const odd = observe(
      'r',
      '3093',
      { status: 'success', startedAt: 'yesterday', finishedAt: 5, id: 'x' },
      'succeeded',
    ).run;
    assert.deepEqual(odd, { id: 'r', state: 'succeeded' });
  });

  it('counts rows by all the digits that Hightouch gave', () => {
    const plannedRows = { addedCount: '9007199254740993', changedCount: 2, removedCount: null };
    const { metadata } = observe('r', '3093', run({ plannedRows }), 'succeeded');
    assert.deepEqual(metadata['plannedRows'], { addedCount: '9007199254740993', changedCount: 2, removedCount: 0 });
  });

  it('says how it ended, in Hightouch’s words when it has any', () => {
    const ended = (status: string, error: string | null = null, warningIs: 'succeeded' | 'failed' = 'succeeded') =>
      observe('r', '1', run({ status, error, finishedAt: '2024-05-01T00:01:00Z' }), warningIs);
    assert.equal(ended('failed', 'no such table').run.message, 'no such table');
    assert.equal(ended('interrupted').run.message, 'the sync run ended as interrupted');
    assert.equal(ended('success').run.message, undefined);
    assert.equal(ended('success').run.finishedAt, '2024-05-01T00:01:00.000Z');
    const warned = ended('warning', '3 rows were refused');
    assert.deepEqual(
      warned.conditions.map(({ type, reason }) => `${type} ${reason}`),
      ['Ready RunSucceeded', 'Warning RunWarning'],
    );
    assert.equal(ended('warning', null, 'failed').run.state, 'failed');
    assert.equal(ended('failed', 'x'.repeat(5000)).run.message?.length, 1000);
    assert.deepEqual(
      conditionsOf(ended('failed', 'x').run).map(({ type, status, reason }) => `${type} ${status} ${reason}`),
      ['Ready False RunFailed', 'Stalled True RunFailed'],
    );
  });
});
