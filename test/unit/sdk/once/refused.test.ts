import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isRefusal, refusedFault } from '../../../../src/sdk/index.ts';

const judged = (status: number, retryAfterMs?: number) => {
  const fault = refusedFault({ status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }, 'x', { pauseMs: 7 });
  return [fault.retry, fault.details['outcome'], isRefusal(fault)];
};

it('tells what may work later, what can have had an effect, and what is refused for good', () => {
  for (const status of [408, 500, 501, 503]) assert.deepEqual(judged(status), ['later', 'unknown', false]);
  for (const status of [409, 423, 425]) assert.deepEqual(judged(status), ['later', 'none', false]);
  assert.deepEqual(judged(503, 9), [{ afterMs: 9 }, 'unknown', false]);
  assert.deepEqual(judged(429, 9), [{ afterMs: 9, scope: 'operator' }, 'none', false]);
  assert.deepEqual(judged(429), [{ afterMs: 7, scope: 'operator' }, 'none', false]);
  for (const status of [400, 404, 410, 422]) assert.deepEqual(judged(status), ['never', 'none', true]);
  for (const status of [401, 403]) assert.deepEqual(judged(status), ['never', 'none', false]);
});
