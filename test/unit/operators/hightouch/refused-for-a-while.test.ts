// What Hightouch refuses or does not show for a while, and what is not there for good.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { condition, is, setUp, wanting } from '../../../support/hightouch-component.ts';

const timeout = 15_000;
const deletionRequestedAt = '2026-01-01T00:00:00.000Z';
const trigger = { operation: 'TriggerRunCustom' };
const runs = { operation: 'ListSyncRuns' };
const update = { operation: 'UpdateSync' };

describe('Hightouch', () => {
  for (const status of [409, 423, 425]) {
    it(`refuses a start with ${status}: it is tried again`, { timeout }, async () => {
      const { component, until, admin } = await setUp();
      await admin.fault({ kind: 'status', status, match: trigger });
      await component.declare(wanting(1));
      const { run } = await until((one) => one.run?.finishedAt !== undefined, 'the end');
      assert.deepEqual([run?.state, run?.message], ['succeeded', undefined]);
      assert.equal((await admin.runs()).length, 1);
    });
  }

  for (const status of [404, 410]) {
    it(`answers ${status} for a while after the start: the run is waited for`, { timeout }, async () => {
      const { component, until, admin } = await setUp({}, { HIGHTOUCH_SETTLE: '10s' });
      await admin.fault({ kind: 'status', status, skip: 1, times: 3, match: runs });
      await component.declare(wanting(1));
      await until(is('succeeded'), 'success');
      const reasons = component.history.flatMap(({ conditions }) => conditions.map(({ reason }) => reason));
      assert.deepEqual(
        reasons.filter((reason) => /Failed|Lost/.test(reason)),
        [],
      );
      assert.ok(reasons.includes('NotSeenYet'), reasons.join());
      assert.equal((await admin.runs()).length, 1);
    });

    it(`answers ${status} for good: the run is lost`, { timeout }, async () => {
      const { component, until, admin } = await setUp();
      await admin.fault({ kind: 'status', status, skip: 1, times: 1000, match: runs });
      await component.declare(wanting(1));
      const lost = await until(is('failed'), 'the end');
      assert.equal(condition(lost, 'Ready')?.reason, 'RunLost');
      assert.equal((await admin.runs()).length, 1);
    });

    it(`answers ${status} for a sync that is to be disabled: it is gone`, { timeout }, async () => {
      const { component, until, admin } = await setUp();
      await component.declare(wanting(1));
      await until(is('succeeded'), 'success');
      await admin.fault({ kind: 'status', status, times: 1000, match: update });
      await component.declare(wanting(1, { sequence: 11, deletionRequestedAt }));
      const deleted = await until((one) => one.status === 'deleted', 'deletion');
      assert.equal(deleted.message, 'nothing of it is at Hightouch');
    });
  }

  it('does not list a run once, in the middle of it: its end is seen', { timeout }, async () => {
    const { component, until, admin } = await setUp({ queuedMs: 500, runMs: 500 }, { HIGHTOUCH_SETTLE: '5s' });
    await component.declare(wanting(1));
    await until(is('inprogress'), 'progress');
    await admin.fault({ kind: 'status', status: 200, body: { data: [], hasMore: false }, match: runs });
    const { run } = await until((one) => one.run?.finishedAt !== undefined, 'the end');
    assert.equal(run?.state, 'succeeded');
    const said = component.history.flatMap((status) => condition(status, 'Ready') ?? []);
    assert.ok(said.some(({ reason, message }) => reason === 'NotSeen' && /was seen, and is not/.test(message)));
  });
});
