// A run that was started goes on, whatever its API answers meanwhile: refusals, absences for a while, answers that are too big.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Entity, EntityStatus, HttpRun } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory } from '../../../support/reconciler-in-memory.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { clientFor, definitionOf, startServer, type Says } from './support.ts';

const run: HttpRun = {
  start: { method: 'POST', url: '/runs', externalId: '.response.body.id' },
  read: {
    ...{ url: '/runs/{{ .externalId }}', message: '.response.body.said', properties: '.response.body | {data}' },
    ...{ state: '.response.body.state', states: { inprogress: ['going'], succeeded: ['done'], cancelled: ['off'] } },
  },
  cancel: { method: 'POST', url: '/runs/{{ .externalId }}/cancel' },
};

const wanting = (sequence: number, more: Partial<NonNullable<Entity['run']>> = {}): Entity =>
  entityAt(sequence, {
    ...{ name: 'run-1', runnable: true, manifest: resourceManifest({}, { name: 'run-1' }) },
    run: { id: 'r1', number: 1, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false, ...more },
  });

const component = async (
  read: () => Says,
  { cancel, settleMs = 1 }: { cancel?: () => Says; settleMs?: number } = {},
) => {
  const server = await startServer(({ method, path }) => {
    if (method === 'GET') return read();
    return path.endsWith('/cancel') ? (cancel?.() ?? {}) : { body: { id: 'x' } };
  });
  const http = { baseUrl: server.url, run };
  const definition = { ...definitionOf(http), settleMs };
  const inMemory = reconcilerInMemory(() => createHttpReconciler({ definition, client: clientFor(server.url, http) }));
  const asked = (method: string, end = '') =>
    server.asked.filter((one) => one.method === method && one.path.endsWith(end)).length;
  return {
    ...{ ...inMemory, asked },
    until: (isReached: (status: EntityStatus) => boolean, what: string) =>
      inMemory.until(isReached, what, 'public.run-1', 'adf-operator'),
    looks: async (count: number) => {
      const before = asked('GET');
      await waitFor(() => asked('GET') >= before + count, { what: `${count} looks` });
    },
  };
};

const going: Says = { body: { state: 'going' } };
const done: Says = { body: { state: 'done' } };

describe('a run that was started', () => {
  it('is asked after again when its API refuses for a while', async () => {
    for (const status of [401, 403, 400, 409]) {
      let answer = going;
      const it = await component(() => answer);
      await it.declare(wanting(1));
      await it.until(({ runtime }) => runtime === 'inprogress', 'the run');
      answer = { status };
      await it.looks(3);
      answer = done;
      await it.until(({ runtime }) => runtime === 'succeeded', 'its end');
      assert.equal(it.asked('POST'), 1);
    }
  });

  it('is not there any more at 410 as at 404', async () => {
    for (const status of [404, 410]) {
      let answer = going;
      const it = await component(() => answer);
      await it.declare(wanting(1));
      await it.until(({ runtime }) => runtime === 'inprogress', 'the run');
      answer = { status };
      const failed = await it.until(({ runtime }) => runtime === 'failed', 'its end');
      assert.match(failed.message ?? '', /not known to the API any more/);
    }
  });

  it('and is not to be seen yet is waited for, and not called failed', async () => {
    let answer: Says = { status: 404 };
    const it = await component(() => answer, { settleMs: 60_000 });
    await it.declare(wanting(1));
    await it.until(({ message }) => /not to be seen yet/.test(message ?? ''), 'waiting');
    await it.looks(3);
    answer = done;
    await it.until(({ runtime }) => runtime === 'succeeded', 'its end');
    assert.equal(it.asked('POST'), 1);
    assert.ok(it.history.every(({ runtime }) => runtime !== 'failed'));
  });

  it('is read to its end though a cancel is refused, and the cancel is sent again', async () => {
    for (const status of [400, 403, 500, 503]) {
      let answer = going;
      const it = await component(() => answer, { cancel: () => ({ status, body: { message: 'not now' } }) });
      await it.declare(wanting(1));
      await it.until(({ runtime }) => runtime === 'inprogress', 'the run');
      await it.declare(wanting(2, { cancelRequested: true }));
      const refused = await it.until(({ message }) => /not now/.test(message ?? ''), 'word of it');
      assert.match(refused.message ?? '', /cancel was not accepted/);
      await waitFor(() => it.asked('POST', '/cancel') > 1, { what: 'another cancel' });
      answer = { body: { state: 'off' } };
      const end = await it.until(({ runtime }) => runtime === 'cancelled', 'its end');
      assert.deepEqual([end.message, end.run?.message], [undefined, undefined]);
    }
  });

  it('does not keep what was said of it before', async () => {
    let answer: Says = { body: { state: 'odd', said: 'strange' } };
    const it = await component(() => answer);
    await it.declare(wanting(1));
    await it.until((status) => /"odd"/.test(status.run?.message ?? ''), 'the message');
    answer = going;
    await it.until((status) => status.runtime === 'inprogress' && status.run?.message === undefined, 'no message');
    answer = { status: 500, text: '' };
    await it.until(({ message }) => /500/.test(message ?? ''), 'a failed look');
    answer = going;
    await it.until(({ runtime, message }) => runtime === 'inprogress' && message === undefined, 'no message again');
    answer = done;
    await it.until(({ runtime }) => runtime === 'succeeded', 'its end');
  });

  it('ends however big its answer is, and what is cut of it says so', async () => {
    for (const size of [200_000, 3_000_000]) {
      const it = await component(() => ({ body: { state: 'done', data: { name: 'big', rows: 'x'.repeat(size) } } }));
      await it.declare(wanting(1));
      const { properties } = await it.until(({ runtime }) => runtime === 'succeeded', 'its end');
      assert.match(
        JSON.stringify(properties),
        size < 1_000_000 ? /"name":"big","rows":"cut: 200002 characters/ : /left out: /,
      );
      assert.ok(JSON.stringify(properties).length < 70_000);
    }
  });
});
