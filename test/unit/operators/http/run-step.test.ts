// The run of a resource, against a server that a test scripts: what follows from answers that are wrong, late or lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Entity, EntityStatus, HttpRun } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory } from '../../../support/reconciler-in-memory.ts';
import { clientFor, definitionOf, startServer, type Asked, type Says } from './support.ts';

const run: HttpRun = {
  start: { method: 'POST', url: '/runs', externalId: '.response.body.id' },
  read: {
    url: '/runs/{{ .externalId }}',
    state: '.response.body.state',
    states: { inprogress: ['going'], succeeded: ['done'] },
  },
};
const find = { url: '/runs', items: '.response.body.runs', match: 'true', externalId: '.item.id' };

const wanting = (number: number): Entity =>
  entityAt(number * 10, {
    ...{ name: 'run-1', runnable: true, manifest: resourceManifest({}, { name: 'run-1' }) },
    run: { id: `r${number}`, number, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false },
  });

const component = async (definition: HttpRun, answer: (asked: Asked, count: number) => Says) => {
  const server = await startServer(answer);
  const http = { baseUrl: server.url, run: definition };
  const options = { definition: definitionOf(http), client: clientFor(server.url, http) };
  const inMemory = reconcilerInMemory(() => createHttpReconciler(options));
  return {
    ...inMemory,
    starts: () => server.asked.filter(({ method }) => method === 'POST').length,
    until: (isReached: (status: EntityStatus) => boolean, what: string) =>
      inMemory.until(isReached, what, 'public.run-1', 'adf-operator'),
  };
};

describe('a run of a component without code', () => {
  it('whose id cannot be read from the answer is not taken for one that was not started', async () => {
    const answer = ({ method, path }: Asked): Says => {
      if (method === 'POST') return { body: { name: 'no id here' } };
      return path === '/runs' ? { body: { runs: [{ id: 'x' }] } } : { body: { state: 'done' } };
    };
    const wrong = { ...run, start: { ...run.start, externalId: '.response.body.id | ltrimstr("x") | tonumber' } };
    const { declare, until, restart, starts } = await component({ ...wrong, find }, answer);
    await declare(wanting(1));
    const failed = await until(
      (status) => status.properties['intent'] !== undefined && status.status === 'error',
      'word of it',
    );
    assert.notEqual(failed.runtime, 'failed', 'it may be under way');
    await restart();
    assert.equal((await until((status) => status.runtime === 'succeeded', 'the run')).externalId, 'x');
    assert.equal(starts(), 1);
  });

  it('that was not confirmed is looked for before the next one is started, and followed to its end first', async () => {
    let isLost = true;
    const answer = ({ method, path }: Asked): Says => {
      if (method === 'POST') return isLost ? { status: 500 } : { body: { id: 'second' } };
      if (path === '/runs') return { body: { runs: isLost ? [] : [{ id: 'first' }] } };
      return { body: { state: 'done' } };
    };
    const { declare, until, history, starts } = await component({ ...run, find, findFor: '1m' }, answer);
    await declare(wanting(1));
    await until((status) => status.properties['intent'] !== undefined, 'the intent');
    while (starts() === 0) await new Promise((resolve) => setImmediate(resolve));
    await declare(wanting(2));
    isLost = false;
    await until((status) => status.run?.id === 'r2' && status.runtime === 'succeeded', 'the second run');
    const ends = history
      .filter(({ runtime }) => runtime === 'succeeded')
      .map((one) => [one.run?.id, one.run?.externalId]);
    assert.deepEqual(ends[0], ['r1', 'first']);
    assert.deepEqual(ends.at(-1), ['r2', 'second']);
    assert.equal(starts(), 2);
  });

  it('that was not confirmed is looked for as it was sent, not as the resource has become since', async () => {
    const made: { readonly id: string; readonly day: unknown }[] = [];
    const answer = ({ method, path, body }: Asked): Says => {
      if (path !== '/runs') return { body: { state: 'done' } };
      if (method !== 'POST') return { body: { runs: made } };
      made.push({ id: `run-${made.length + 1}`, day: (JSON.parse(body) as { readonly day: unknown }).day });
      return made.length === 1 ? { status: 500 } : { body: made.at(-1) };
    };
    const start = { ...run.start, body: '{{ .spec }}' };
    const byDay = { ...find, match: '.item.day == .spec.day' };
    const { declare, until, history, starts } = await component({ ...run, start, find: byDay }, answer);
    const on = (number: number, day: string): Entity => ({
      ...wanting(number),
      manifest: resourceManifest({ day }, { name: 'run-1' }),
    });
    await declare(on(1, 'monday'));
    while (made.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await declare(on(2, 'tuesday'));
    await until((status) => status.run?.id === 'r2' && status.runtime === 'succeeded', 'the second run');
    const ended = history.filter(({ runtime }) => runtime === 'succeeded').map(({ run: one }) => one?.externalId);
    assert.deepEqual([...new Set(ended)], ['run-1', 'run-2']);
    assert.equal(starts(), 2);
  });

  it('is not started again when nobody can look for it', async () => {
    const { declare, until, starts } = await component(run, () => ({ status: 500 }));
    await declare(wanting(1));
    const status = await until((one) => one.runtime === 'failed', 'word of it');
    assert.match(status.message ?? '', /was not confirmed[^]*no "find"/);
    assert.equal(starts(), 1);
  });

  it('in a state that is not mapped goes on, and says so', async () => {
    const states = ['odd', 'odd', 'done'];
    const answer = ({ method }: Asked): Says =>
      method === 'POST' ? { body: { id: 1 } } : { body: { state: states.shift() ?? 'done' } };
    const { declare, until, history } = await component(run, answer);
    await declare(wanting(1));
    await until((status) => status.runtime === 'succeeded', 'success');
    assert.ok(history.some(({ message, runtime }) => runtime === 'inprogress' && /"odd"/.test(message ?? '')));
  });
});
