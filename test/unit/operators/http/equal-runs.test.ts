// Two resources whose runs look the same outside, one of which does not know whether its own was started: each gets a run of its own, whatever
// dies in between.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Entity, EntityStatus, HttpRun } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory, type InMemoryOptions } from '../../../support/reconciler-in-memory.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { clientFor, definitionOf, startServer } from './support.ts';

const timeout = 20_000;
const run: HttpRun = {
  start: { method: 'POST', url: '/runs', externalId: '.response.body.id' },
  read: {
    url: '/runs/{{ .externalId }}',
    state: '.response.body.state',
    states: { inprogress: ['going'], succeeded: ['done'] },
  },
  find: { url: '/runs', items: '.response.body.runs', match: 'true', externalId: '.item.id' },
};

const wanting = (name: string, number = 1): Entity =>
  entityAt(number * 10, {
    ...{ name, uid: `uid-${name}`, runnable: true, manifest: resourceManifest({}, { name }) },
    run: { id: `${name}-${number}`, number, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false },
  });

/** What becomes of a start: `made` and answered, made and the answer `lost`, or `refused` in a way that leaves it open. */
type Outcome = 'made' | 'lost' | 'refused';

const component = async (outcomes: Outcome[], options: InMemoryOptions & { readonly findForMs?: number } = {}) => {
  const runs: { readonly id: string }[] = [];
  /** `beforeAnswer`: awaited between the making of a run and the answer. `listed`: what a search is told. */
  const gate = { beforeAnswer: (): Promise<void> => Promise.resolve(), listed: (): readonly unknown[] => runs };
  const server = await startServer(async ({ method, path }) => {
    if (method !== 'POST') return { body: path === '/runs' ? { runs: gate.listed() } : { state: 'done' } };
    const outcome = outcomes.shift() ?? 'made';
    if (outcome === 'refused') return { status: 500 };
    const id = `run-${runs.length + 1}`;
    runs.push({ id });
    await gate.beforeAnswer();
    return outcome === 'lost' ? { status: 500 } : { body: { id } };
  });
  const http = { baseUrl: server.url, run };
  const definition = { ...definitionOf(http), findForMs: options.findForMs ?? 2000 };
  const client = clientFor(server.url, http);
  const inMemory = reconcilerInMemory(() => createHttpReconciler({ definition, client }), options);
  const statusOf = (name: string, isReached: (status: EntityStatus) => boolean, what: string) =>
    inMemory.until(isReached, `${what} of ${name}`, `public.${name}`, 'adf-operator');
  const posts = () => server.asked.filter(({ method }) => method === 'POST').length;
  return {
    ...{ ...inMemory, runs, gate, statusOf, posts },
    until: async (what: string, isReached: () => boolean) => waitFor(isReached, { what, intervalMs: 5 }),
    intended: (name: string) => statusOf(name, ({ properties }) => properties['intent'] !== undefined, 'the intent'),
    succeeded: async (name: string, number = 1): Promise<string> => {
      const isIt = ({ run: one }: EntityStatus) => one?.id === `${name}-${number}` && one.state === 'succeeded';
      return (await statusOf(name, isIt, 'success')).run?.externalId ?? '';
    },
  };
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('runs that look the same', () => {
  it('a start that was never made does not take the finished run of another after a restart', { timeout }, async () => {
    const it = await component(['refused', 'made']);
    await it.declare(wanting('first'));
    await it.until('the start', () => it.posts() === 1);
    await it.declare(wanting('second'));
    const second = await it.succeeded('second');
    await it.restart();
    const first = await it.succeeded('first');
    assert.deepEqual([second, first], ['run-1', 'run-2']);
    assert.equal(it.runs.length, 2);
  });

  it('nor one that the other had before its last', { timeout }, async () => {
    const it = await component(['refused'], { findForMs: 3000 });
    await it.declare(wanting('first'));
    await it.until('the start', () => it.posts() === 1);
    await it.declare(wanting('second'));
    await it.succeeded('second');
    await it.declare(wanting('second', 2));
    await it.succeeded('second', 2);
    await it.restart();
    assert.equal(await it.succeeded('first'), 'run-3');
    assert.equal(it.runs.length, 3);
  });

  it('a start whose answer was lost is found beside the finished run of another', { timeout }, async () => {
    const it = await component(['made', 'lost']);
    // The other is declared first, so that its run stands first in the list.
    await it.declare(wanting('second'));
    const second = await it.succeeded('second');
    await it.declare(wanting('first'));
    await it.until('both', () => it.runs.length === 2);
    await it.restart();
    assert.deepEqual([second, await it.succeeded('first')], ['run-1', 'run-2']);
    assert.equal(it.posts(), 2);
  });

  it('two starts whose answers were lost get one each', { timeout }, async () => {
    const it = await component(['lost', 'lost']);
    await it.declare(wanting('first'));
    await it.declare(wanting('second'));
    await it.until('both', () => it.runs.length === 2);
    await it.restart();
    const taken = [await it.succeeded('first'), await it.succeeded('second')];
    assert.deepEqual(taken.toSorted(), ['run-1', 'run-2']);
    assert.equal(it.posts(), 2);
  });

  it('one that is being started is not taken by another that looks for its own', { timeout }, async () => {
    const it = await component(['refused']);
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    it.gate.beforeAnswer = () => answered;
    await it.declare(wanting('first'));
    await it.until('the start', () => it.posts() === 1);
    await it.declare(wanting('second'));
    await it.until('the run', () => it.runs.length === 1);
    await pause(1500);
    answer();
    assert.deepEqual([await it.succeeded('second'), await it.succeeded('first')], ['run-1', 'run-2']);
    assert.equal(it.runs.length, 2);
  });

  it(
    'an answer that could not be recorded is kept, for as long as it takes until the API lists the run',
    { timeout },
    async () => {
      let isFailing = true;
      const it = await component(['made'], {
        findForMs: 200,
        onPut: ({ run: one }) => {
          if (one?.externalId !== undefined && isFailing) throw new Error('the server is away');
        },
      });
      it.gate.listed = () => [];
      await it.declare(wanting('first'));
      await it.until('the run', () => it.runs.length === 1);
      await pause(600);
      isFailing = false;
      assert.equal(await it.succeeded('first'), 'run-1');
      assert.equal(it.posts(), 1);
    },
  );

  it('a start that was never made and is called off is not made again', { timeout }, async () => {
    const it = await component(['refused'], { findForMs: 300 });
    await it.declare(wanting('first'));
    await it.until('the start', () => it.posts() === 1);
    const wanted = wanting('first').run;
    assert.ok(wanted);
    await it.declare({ ...wanting('first'), sequence: 11, run: { ...wanted, cancelRequested: true } });
    await it.statusOf('first', ({ runtime }) => runtime === 'cancelled', 'its end');
    assert.equal(it.posts(), 1);
  });
});
