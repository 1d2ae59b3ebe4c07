// What takes more than one request: a look-up before, several requests for one change, one for each item, requests of an action; and what only a body
// tells: gone, an error, temporary or not, in whose words.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHttpReconciler } from '../../../../src/operators/http/reconciler.ts';
import type { Entity, EntityStatus, HttpChange, HttpErrors, HttpTypeSpec } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { resourceManifest } from '../../../support/fixtures.ts';
import { reconcilerInMemory } from '../../../support/reconciler-in-memory.ts';
import { component, deleted, object, thing } from './object-component.ts';
import { clientFor, context, definitionOf, faultOf, startServer, type Says } from './support.ts';

describe('a look-up before a request', () => {
  const look = {
    folder: { url: '/folders/by-name/{{ .spec.text }}', value: '.response.body.id' },
    shelf: { url: '/shelves/{{ .let.folder }}', value: '.response.body.id' },
  };
  const create = {
    ...object.create,
    body: { name: '{{ .name }}', folder: '{{ .let.folder }}', shelf: '{{ .let.shelf }}' },
  };

  it('is asked for in order, and only when the request uses it', async () => {
    const it = await component(
      { object: { ...object, let: look, create } },
      { other: ({ path }) => ({ body: { id: path.startsWith('/folders') ? 'f-7' : 's-1' } }) },
    );
    await it.declare(thing(1, 1, 'mine'));
    await it.at(1);
    assert.deepEqual(it.things.get('t1'), { id: 't1', name: 'thing', folder: 'f-7', shelf: 's-1' });
    assert.deepEqual([it.asked('GET', '/folders').length, it.asked('GET', '/shelves')[0]?.path], [1, '/shelves/f-7']);
    await it.declare(thing(2, 1, 'mine'));
    await it.at(2);
    assert.equal(it.asked('GET', '/folders').length, 1);
  });

  it('that gives nothing is an error, and nothing is made', async () => {
    const it = await component({ object: { ...object, let: look, create } }, { other: () => ({ body: {} }) });
    await it.declare(thing(1, 1, 'mine'));
    const status = await it.until(({ message }) => message !== undefined, 'word of it');
    assert.match(status.message ?? '', /expected a value for let\.folder \(\.response\.body\.id\), found null/);
    assert.equal(it.asked('POST').length, 0);
  });
});

describe('a change of several requests', () => {
  const tags: HttpChange = {
    ...{ method: 'POST', url: '/tags/{{ .externalId }}', body: { key: '{{ .item.key }}', value: '{{ .item.value }}' } },
    ...{ each: '.spec.tags', when: '. as {$item, response: {body: $is}} | $is.tags[$item.key] != $item.value' },
  };
  const rename: HttpChange = { ...object.update, if: '.response.body.text != .spec.text' };
  const tagged = (sequence: number, generation: number, text: string, wanted: Record<string, string>): Entity => ({
    ...thing(sequence, generation, text),
    manifest: resourceManifest({ text, tags: wanted }, { name: 'thing' }),
  });

  it('sends those that are due, for each item', async () => {
    const kept: Record<string, unknown> = {};
    const it = await component(
      { object: { ...object, update: [rename, tags] } },
      {
        read: (one) => (one === undefined ? undefined : { body: { ...one, tags: kept } }),
        other: ({ body }) => {
          const { key, value } = JSON.parse(body) as { readonly key: string; readonly value: unknown };
          kept[key] = value;
          return { body: {} };
        },
      },
    );
    const sent = (): readonly string[] => it.asked('POST', '/tags').map(({ body }) => body);
    await it.declare(tagged(1, 1, 'one', { a: '1', b: '2' }));
    const first = await it.at(1);
    assert.deepEqual(kept, { a: '1', b: '2' });
    assert.equal(first.conditions.find(({ type }) => type === 'LastChange')?.reason, 'Created');
    assert.equal(it.asked('PUT').length, 0);
    kept['b'] = 'theirs';
    await it.declare(tagged(2, 1, 'one', { a: '1', b: '2' }));
    await it.at(2);
    assert.deepEqual(sent().slice(2), ['{"key":"b","value":"2"}']);
    await it.declare(tagged(3, 2, 'two', { a: '1' }));
    await it.at(3);
    assert.equal(it.asked('PUT').length, 1);
    assert.deepEqual(sent().slice(3), ['{"key":"a","value":"1"}'], 'all of a new generation');
  });
});

describe('what was soft-deleted', () => {
  it('is restored, not made again', async () => {
    const restore = { method: 'POST', url: '/restore/{{ .externalId }}' } as const;
    const read = { ...object.read, gone: '.response.body.stage == "deleted"' };
    const it = await component(
      { object: { ...object, read, restore, update: { ...object.update, when: 'false' } } },
      {
        other: ({ path }) => {
          const id = path.split('/')[2] ?? '';
          it.things.set(id, { ...it.things.get(id), id, stage: 'there' });
          return { body: {} };
        },
      },
    );
    it.things.set('x', { id: 'x', name: 'thing', stage: 'deleted' });
    await it.declare(thing(1, 1, 'one'));
    const status = await it.at(1);
    assert.deepEqual([status.externalId, it.things.get('x')?.['stage'], it.things.size], ['x', 'there', 1]);
    it.things.set('x', { id: 'x', name: 'thing', stage: 'deleted' });
    await it.declare(thing(2, 1, 'one'));
    const again = await it.at(2);
    assert.equal(again.conditions.find(({ type }) => type === 'LastChange')?.reason, 'Restored');
    assert.equal(it.asked('POST', '/things').length, 0);
  });

  it('and cannot be restored is made anew', async () => {
    const read = { ...object.read, gone: '.response.body.stage == "deleted"' };
    const it = await component({ object: { ...object, read } });
    it.things.set('x', { id: 'x', name: 'thing', stage: 'deleted' });
    await it.declare(thing(1, 1, 'one'));
    assert.equal((await it.at(1)).externalId, 't1');
    await it.declare(deleted(thing(1, 1, 'one'), 2));
    await it.until(({ status }) => status === 'deleted', 'the end');
  });
});

describe('an answer that only its body tells', () => {
  const judged = async (errors: HttpErrors, says: Says) => {
    const { url } = await startServer(() => says);
    return faultOf(() => clientFor(url, { errors }).send({ url: '/x' }, {}, context));
  };

  it('is an error, gone, temporary, in the manifest’s words', async () => {
    const failed = { body: { ok: false, code: 'LOCKED', text: 'somebody has it' } };
    const error = await judged({ when: '.response.body.ok == false', text: '.response.body.text' }, failed);
    assert.deepEqual([error.retry, error.details['outcome']], ['never', 'none']);
    assert.match(error.message, /200: somebody has it$/);
    const temporary = { when: '.response.body.ok == false', temporary: '.response.body.code == "LOCKED"' };
    assert.equal((await judged(temporary, failed)).retry, 'later');
    assert.equal((await judged({ temporary: 'false' }, { status: 503 })).retry, 'never');
    assert.equal((await judged({ temporary: 'null' }, { status: 503 })).retry, 'later');
    const gone = await judged({ gone: '.response.body.code == "NO"' }, { status: 400, body: { code: 'NO' } });
    assert.equal(gone.details['status'], 404);
  });

  it('never shows the SQL of the platform', async () => {
    const message =
      "(sqlite3.IntegrityError) UNIQUE constraint failed: t.name [SQL: INSERT INTO t (name) VALUES (?)] [parameters: ('secret',)]";
    for (const body of [
      { message },
      { error: `BAD_REQUEST: ${message}` },
      { message: 'no: SELECT name FROM users WHERE x' },
    ]) {
      const fault = await judged({}, { status: 400, body });
      assert.doesNotMatch(fault.message, /sqlite|INSERT|SELECT|secret|constraint/);
      assert.match(fault.message, /SQL of the platform left out/);
    }
  });
});

describe('the requests of an action', () => {
  const http: Omit<HttpTypeSpec, 'baseUrl'> = {
    run: {
      start: { method: 'POST', url: '/runs', externalId: '.response.body.id' },
      read: { url: '/runs/{{ .externalId }}', state: '.response.body.state', states: { succeeded: ['done'] } },
    },
    actions: {
      pause: { start: { method: 'PATCH', url: '/pause', body: '{{ .run.parameters }}' } },
      backfill: {
        start: { method: 'POST', url: '/backfills', externalId: '.response.body.id' },
        read: { url: '/backfills/{{ .externalId }}', state: '.response.body.state', states: { succeeded: ['done'] } },
      },
    },
  };
  const wanting = (number: number, action?: string): Entity =>
    entityAt(number, {
      ...{ name: 'run-1', runnable: true, manifest: resourceManifest({}, { name: 'run-1' }) },
      run: {
        ...{ id: `r${number}`, number, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested: false },
        ...(action === undefined ? {} : { action, parameters: { for: '1h' } }),
      },
    });

  it('are sent for it; without "read" it has ended when it is answered', async () => {
    const server = await startServer(({ method }) => ({ body: method === 'GET' ? { state: 'done' } : { id: 'x' } }));
    const section = { baseUrl: server.url, ...http };
    const options = { definition: definitionOf(section), client: clientFor(server.url, section) };
    const it = reconcilerInMemory(() => createHttpReconciler(options));
    const ended = (number: number) => (status: EntityStatus) =>
      status.run?.id === `r${number}` && status.run.state === 'succeeded';
    for (const [index, action] of [undefined, 'pause', 'backfill', 'unknown'].entries()) {
      await it.declare(wanting(index + 1, action));
      await it.until(ended(index + 1), `run ${index + 1}`, 'public.run-1', 'adf-operator');
    }
    const posts = server.asked.filter(({ method }) => method !== 'GET');
    assert.deepEqual(
      posts.map(({ method, path }) => `${method} ${path}`),
      ['POST /runs', 'PATCH /pause', 'POST /backfills', 'POST /runs'],
    );
    assert.equal(posts[1]?.body, '{"for":"1h"}');
  });
});
