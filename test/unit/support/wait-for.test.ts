import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../../support/wait-for.ts';

test('gives the first truthy value', async () => {
  const values = [undefined, 0, '', 'found', 'later'];
  assert.equal(await waitFor(() => values.shift(), { intervalMs: 1 }), 'found');
});

test('fails with what was waited for and the last value that was seen', async () => {
  const seen = { status: 'pending', count: 3n };
  const waiting = waitFor(async () => (seen.status === 'done' ? seen : null), {
    timeoutMs: 20,
    intervalMs: 5,
    what: 'the run',
  });
  await assert.rejects(waiting, /the run: not within 20 ms; last seen: null/);
});

test('what the condition throws is thrown at once', async () => {
  const failing = waitFor(() => {
    throw new Error('broken');
  });
  await assert.rejects(failing, /^Error: broken$/);
});
