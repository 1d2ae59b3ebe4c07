// Values that the tests of the Hightouch operator's pure parts share.

import type { Intent, RunRecord } from '../../../../src/operators/hightouch/run-record.ts';
import type { Entity } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';

export const idOf = (run: number): string => `run-${run}`;
export const at = '2026-01-01T12:00:00.000Z';

export const wanting = (
  run: number,
  changes: Partial<Entity> & { readonly cancelRequested?: boolean } = {},
): Entity => {
  const { cancelRequested = false, ...rest } = changes;
  return entityAt(run * 10, {
    runnable: true,
    run: { id: idOf(run), number: run, requestedAt: at, cancelRequested },
    ...rest,
  });
};

export const intent = (run: number, changes: Partial<Intent> = {}): Intent => ({
  ...{ runId: idOf(run), syncId: '3093', at, since: at, fence: 1, earlierRunIds: ['6134'], queuedRunIds: [] },
  ...changes,
});

export const record = (run: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  ...{ id: idOf(run), state: 'pending' },
  ...changes,
});
