// What Hightouch never shows: the sync is not there, and the answer to a start was lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntityStatus } from '../../../../src/sdk/index.ts';
import { condition, is, setUp, wanting } from '../../../support/hightouch-component.ts';

const timeout = 15_000;

describe('a lost answer to a start of a sync that is not there for good', () => {
  for (const status of [404, 410]) {
    it(`ends as unconfirmed after ${status}, and nothing is started again`, { timeout }, async () => {
      const { component, until, admin } = await setUp();
      await admin.fault({ kind: 'drop-after-accept', times: 1000, match: { operation: 'TriggerRunCustom' } });
      await admin.fault({ kind: 'status', status, skip: 1, times: 1000, match: { operation: 'ListSyncRuns' } });
      await component.declare(wanting(1));
      const end = await until(is('failed'), 'the end');
      assert.equal(condition(end, 'Ready')?.reason, 'StartUnconfirmed');
      assert.match(end.message ?? '', /was not confirmed, and sync \d+ is not there \(any more\).*may be left/);
      assert.equal((await admin.requests('TriggerRunCustom')).length, 1);
    });
  }
});

describe('what Hightouch does not show yet', () => {
  const said = (component: { readonly history: readonly EntityStatus[] }): readonly string[] => [
    ...new Set(
      component.history.flatMap((status) => {
        const ready = condition(status, 'Ready');
        return ready?.reason === 'NotSeenYet'
          ? [ready.message.replaceAll(/\d{4}-\S+Z/g, 'T').replaceAll(/\d+/g, 'N')]
          : [];
      }),
    ),
  ];
  const empty = { kind: 'status', status: 200, body: { data: [], hasMore: false } };
  const settle = { HIGHTOUCH_SETTLE: '10s' };

  for (const [operation, what] of [
    ['ListModel', 'model N (city)'],
    ['ListSync', 'sync N (city-to-crm)'],
  ] as const) {
    it(`${what} is waited for, and made once`, { timeout }, async () => {
      const { component, until, admin } = await setUp({}, settle);
      // The run before has ended: what it made is looked for again.
      await admin.fault({ kind: 'status', status: 503, match: { operation: 'TriggerRunCustom' } });
      await admin.fault({ ...empty, skip: 1, times: 3, match: { operation } });
      await component.declare(wanting(1));
      await until(is('succeeded'), 'success');
      assert.deepEqual(said(component), [`${what} was made at T and is not to be seen yet`]);
      const made = [await admin.requests('CreateModel'), await admin.requests('CreateSync')];
      assert.deepEqual(
        made.map(({ length }) => length),
        [1, 1],
      );
    });
  }

  for (const [operation, status] of [
    ['ListSyncRuns', 404],
    ['TriggerRunCustom', 404],
  ] as const) {
    it(`a sync that answers ${status} to ${operation} right after it was made is waited for`, { timeout }, async () => {
      const { component, until, admin } = await setUp({}, settle);
      await admin.fault({ kind: 'status', status, times: 2, match: { operation } });
      await component.declare(wanting(1));
      await until(is('succeeded'), 'success');
      assert.deepEqual(said(component), ['sync N (city-to-crm) was made at T and is not to be seen yet']);
      assert.equal((await admin.runs()).length, 1);
    });
  }

  it('a run is waited for across restarts, and lost when its time is over', { timeout }, async () => {
    const { component, until, admin } = await setUp({}, { HIGHTOUCH_SETTLE: '1s' });
    await admin.fault({ kind: 'status', status: 404, skip: 1, times: 1000, match: { operation: 'ListSyncRuns' } });
    await component.declare(wanting(1));
    const first = await until((status) => condition(status, 'Ready')?.reason === 'NotSeenYet', 'the wait');
    await component.restart();
    const end = await until(is('failed'), 'the end');
    assert.equal(condition(end, 'Ready')?.reason, 'RunLost');
    assert.deepEqual(said(component), ['run N was started at T and is not to be seen yet']);
    const since = component.history.flatMap(({ properties: { unseenSince } }) => unseenSince ?? []);
    assert.deepEqual([...new Set(since)], [first.properties['unseenSince']]);
    assert.equal((await admin.runs()).length, 1);
  });

  it('a sync that is to be disabled is waited for', { timeout }, async () => {
    const { component, until, admin } = await setUp({}, settle);
    await component.declare(wanting(1));
    await until(is('succeeded'), 'success');
    await admin.fault({ kind: 'status', status: 404, times: 2, match: { operation: 'UpdateSync' } });
    await component.declare(wanting(1, { sequence: 11, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
    const end = await until((one) => one.status === 'deleted', 'deletion');
    assert.match(end.message ?? '', /^sync \d+ is disabled/);
    assert.deepEqual(said(component), [
      'sync N was made a moment ago and is not to be seen yet; it is disabled when it is',
    ]);
  });
});

it('a sync is free for another resource when the one whose start was not confirmed is gone', { timeout }, async () => {
  const { component, until, admin } = await setUp({ queuedMs: 0, runMs: 20 }, { HIGHTOUCH_RUN_SEARCH_GRACE: '2s' });
  await admin.fault({ kind: 'drop-before', match: { operation: 'TriggerRunCustom' } });
  await component.declare(wanting(1, { name: 'a', uid: 'uid-a' }));
  await until((status) => condition(status, 'Ready')?.reason === 'ConfirmingStart', 'the search', 'a');
  await component.declare(wanting(1, { name: 'b', uid: 'uid-b' }));
  const deletionRequestedAt = '2026-01-01T00:00:00.000Z';
  await component.declare(wanting(1, { name: 'a', uid: 'uid-a', sequence: 11, deletionRequestedAt }));
  await until(({ status }) => status === 'deleted', 'deletion', 'a');
  await until(is('succeeded'), 'success', 'b');
});
