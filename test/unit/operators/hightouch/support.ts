// Values that the tests of the Hightouch operator's pure parts share.

import type { Intent } from '../../../../src/operators/hightouch/run-record.ts';

export const at = '2026-01-01T12:00:00.000Z';

export const intent = (run: number, changes: Partial<Intent> = {}): Intent => ({
  ...{ runId: `run-${run}`, syncId: '3093', at, since: at, fence: 1, earlierRunIds: ['6134'], queuedRunIds: [] },
  ...changes,
});
