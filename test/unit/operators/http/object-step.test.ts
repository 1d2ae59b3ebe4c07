// When a thing is updated, against a server that a test scripts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Entity, EntityStatus, HttpTypeSpec } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory } from '../../../support/reconciler-in-memory.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { clientFor, definitionOf, startServer, type Asked, type Says } from './support.ts';

const thing = (sequence: number, generation: number, text: string, more: Partial<Entity> = {}): Entity =>
  entityAt(sequence, {
    ...{ name: 'thing', generation, manifest: resourceManifest({ text }, { name: 'thing' }) },
    ...more,
  });

const object: HttpTypeSpec['object'] = {
  find: { url: '/things', items: '.response.body', match: 'true', externalId: '.item.id' },
  create: { method: 'POST', url: '/things', body: '{{ .spec }}', externalId: '.response.body.id' },
  read: { url: '/things/{{ .externalId }}', properties: '.response.body' },
  update: { method: 'PUT', url: '/things/{{ .externalId }}', body: '{{ .spec }}' },
};
const run: HttpTypeSpec['run'] = {
  start: { method: 'POST', url: '/runs', externalId: '.response.body.id' },
  read: { url: '/runs/1', state: '.response.body.state', states: { inprogress: ['going'], succeeded: ['done'] } },
};

const component = async (http: Partial<HttpTypeSpec>, runAnswer: (asked: Asked) => Says = () => ({})) => {
  let kept: object | undefined;
  const server = await startServer((asked) => {
    const { method, path, body } = asked;
    if (path.startsWith('/runs')) return runAnswer(asked);
    if (method !== 'GET') kept = { id: 1, word: 'ours', ...(JSON.parse(body) as object) };
    if (path === '/things' && method === 'GET') return { body: kept === undefined ? [] : [kept] };
    return kept === undefined ? { status: 404 } : { body: kept };
  });
  const section = { baseUrl: server.url, ...http };
  const options = { definition: definitionOf(section), client: clientFor(server.url, section) };
  const inMemory = reconcilerInMemory(() => createHttpReconciler(options));
  return {
    ...inMemory,
    isThere: (value: { readonly text: string; readonly word: string }): void => {
      kept = { ...{ id: 1 }, ...value };
    },
    updates: () => server.asked.filter(({ method }) => method === 'PUT').map(({ body }) => JSON.parse(body) as unknown),
    looks: () => server.asked.filter(({ path }) => path.startsWith('/runs')).length,
    at: (sequence: number) => {
      const isIt = (status: EntityStatus): boolean =>
        status.observedSequence === sequence && status.status === 'active';
      return inMemory.until(isIt, `look ${sequence}`, 'public.thing', 'adf-operator');
    },
  };
};

describe('a thing of a component without code', () => {
  it('is updated for a generation whatever "when" compares, and for what "when" sees', async () => {
    const when = '.response.body.word != "ours"';
    const { declare, at, updates, isThere } = await component({
      object: { ...object, update: { url: '', ...object.update, when } },
    });
    await declare(thing(1, 1, 'one'));
    await at(1);
    await declare(thing(2, 1, 'one'));
    await at(2);
    assert.deepEqual(updates(), []);
    await declare(thing(3, 2, 'two'));
    await at(3);
    assert.deepEqual(updates(), [{ text: 'two' }]);
    isThere({ text: 'two', word: 'theirs' });
    await declare(thing(4, 2, 'two'));
    await at(4);
    assert.deepEqual(updates(), [{ text: 'two' }, { text: 'two' }]);
  });

  it('that was there already is made as declared', async () => {
    const { declare, at, updates, isThere } = await component({
      object: { ...object, update: { url: '', ...object.update, when: 'false' } },
    });
    isThere({ text: 'of somebody', word: 'ours' });
    await declare(thing(1, 1, 'one'));
    await at(1);
    assert.deepEqual(updates(), [{ text: 'one' }]);
  });

  it('is updated once for a generation, whatever becomes of its run afterwards', async () => {
    let state: Says = { body: { state: 'going' } };
    const it = await component({ object, run }, ({ method }) => (method === 'POST' ? { body: { id: 1 } } : state));
    const wanted = {
      ...{ runnable: true },
      run: { id: 'r1', number: 1, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false },
    };
    await it.declare(thing(1, 1, 'one', wanted));
    await it.at(1);
    state = { status: 503 };
    await it.declare(thing(2, 2, 'two', wanted));
    await waitFor(() => it.updates().length > 0, { what: 'the update' });
    const before = it.looks();
    await waitFor(() => it.looks() > before + 3, { what: 'failing looks' });
    state = { body: { state: 'done' } };
    await it.at(2);
    assert.deepEqual(it.updates(), [{ text: 'two' }]);
  });
});
