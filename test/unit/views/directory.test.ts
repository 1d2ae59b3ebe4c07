// Rows of `list`: filters, pages, and what a row shows of statuses that are about something else.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { createDirectory } from '../../../src/views/directory.ts';
import { summaryOfEntity, summaryOfOperator } from '../../../src/views/summary.ts';
import { resourceManifest } from '../../support/fixtures.ts';
import { entityAt } from '../../support/entities.ts';
import { operatorNamed } from '../../support/manifests.ts';

const add = (directory: ReturnType<typeof createDirectory>, name: string, changes: JsonObject = {}): void => {
  const manifest = { ...resourceManifest({}, { name }), ...changes } as ReturnType<typeof resourceManifest>;
  directory.absorb(`entity.${manifest.workspace}.${name}`, { ...entityAt(1, { name }), manifest });
};

const filled = () => {
  const directory = createDirectory();
  directory.absorb('operator.op', { name: 'op', uid: 'u', generation: 2, manifest: operatorNamed('op') });
  add(directory, 'a', { tags: ['red', 'big'], owner: 'rocket' });
  add(directory, 'b', { tags: ['red'], labels: { tier: 'gold', rule: 'a=b=c' } });
  add(directory, 'c', { workspace: 'sandbox', labels: { tier: 'tin' } });
  add(directory, 'd', { resource: { operator: 'other', type: 'dataset', spec: {} } });
  directory.absorb('checkpoint.OPSTREAM_EVENTS.all', { sequence: 9 });
  return directory;
};

const namesIn = (query: Parameters<ReturnType<typeof createDirectory>['list']>[0]): readonly string[] =>
  filled()
    .list(query)
    .items.map(({ name }) => name);

describe('list', () => {
  const cases: readonly (readonly [Parameters<typeof namesIn>[0], readonly string[]])[] = [
    [{}, ['op', 'a', 'b', 'd', 'c']],
    [{ type: 'operator' }, ['op']],
    [{ type: 'resource' }, ['a', 'b', 'd', 'c']],
    [{ workspace: 'sandbox' }, ['c']],
    [{ operator: 'other' }, ['d']],
    [{ resourceType: 'dataset' }, ['d']],
    [{ owner: 'rocket' }, ['a']],
    [{ tag: 'red' }, ['a', 'b']],
    [{ tag: 're' }, []],
    [{ label: 'tier' }, ['b', 'c']],
    [{ label: 'tier=gold' }, ['b']],
    [{ label: 'rule=a=b=c' }, ['b']],
    [{ label: 'rule=a' }, []],
    [{ label: 'toString' }, []],
    [{ tags: ['red', 'big'] }, ['a']],
    [{ tags: ['red', 'none'] }, []],
    [{ selector: 'tier' }, ['b', 'c']],
    [{ selector: 'tier in (gold, silver)' }, ['b']],
    [{ selector: 'tier!=gold', type: 'resource' }, ['a', 'd', 'c']],
    [{ selector: '!tier', type: 'resource' }, ['a', 'd']],
    [{ selector: 'tier=gold,rule="a=b=c"' }, ['b']],
    [{ tag: 'red', owner: 'rocket', workspace: 'public' }, ['a']],
    [{ tag: 'red', workspace: 'sandbox' }, []],
  ];
  for (const [query, wanted] of cases) {
    it(`${JSON.stringify(query)} gives ${wanted.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(namesIn(query), wanted);
    });
  }

  describe('readiness', () => {
    const status = (name: string, changes: JsonObject, condition: JsonObject = {}): JsonObject => ({
      ...{ key: `public.${name}`, operator: 'op', uid: 'uid-1', observedGeneration: 1, observedSequence: 1 },
      ...{ status: 'active', properties: {}, updatedAt: 't', sequence: 1 },
      conditions: [{ type: 'Ready', status: 'True', reason: 'Reconciled', message: '', ...condition }],
      ...changes,
    });
    const several = () => {
      const directory = createDirectory();
      directory.absorb('operator.op', { name: 'op', uid: 'u', generation: 1, manifest: operatorNamed('op') });
      for (const name of ['good', 'new', 'broken', 'behind', 'nobodys', 'odd', 'leaving'])
        add(directory, name, {
          resource: { operator: name === 'nobodys' ? 'gone' : 'op', type: 'dataset', spec: {} },
        });
      directory.absorb('entity.public.leaving', {
        ...entityAt(1, { name: 'leaving', deletionRequestedAt: 't' }),
        manifest: {
          ...resourceManifest({}, { name: 'leaving' }),
          resource: { operator: 'op', type: 'dataset', spec: {} },
        },
      });
      directory.absorb('status.op', {
        ...{
          operator: 'op',
          observedGeneration: 1,
          observedSequence: 1,
          status: 'active',
          updatedAt: 't',
          sequence: 1,
        },
        conditions: [{ type: 'Ready', status: 'False', reason: 'CrashLoopBackOff', message: 'exit code 3' }],
      });
      directory.absorb('status.public.good', status('good', {}));
      const failing = { status: 'False', reason: 'RunFailed', message: 'no disk' };
      directory.absorb('status.public.broken', status('broken', { status: 'error', runtime: 'failed' }, failing));
      directory.absorb('status.public.behind', status('behind', { observedGeneration: 0 }));
      directory.absorb('status.public.odd', status('odd', { conditions: [{ type: 'Ready', status: 7 }, { x: 1 }] }));
      directory.absorb('status.public.leaving', status('leaving', {}));
      return directory;
    };
    const rowsOf = (query: Parameters<typeof namesIn>[0]) =>
      several()
        .list(query)
        .items.map(({ name, ready, reason }) => `${name} ${ready} ${reason}`);

    it('is a column of every row, with the reason', () => {
      assert.deepEqual(rowsOf({}), [
        'op False CrashLoopBackOff',
        'behind Unknown ChangeNotObserved',
        'broken False RunFailed',
        'good True Reconciled',
        'leaving False Deleting',
        'new Unknown NothingReported',
        'nobodys False OperatorGone',
        'odd Unknown NothingReported',
      ]);
    });

    it('is what is asked for', () => {
      const named = (query: Parameters<typeof namesIn>[0]) =>
        several()
          .list({ type: 'resource', ...query })
          .items.map(({ name }) => name);
      assert.deepEqual(named({ notReady: true }), ['behind', 'broken', 'leaving', 'new', 'nobodys', 'odd']);
      assert.deepEqual(named({ notReady: false }), ['good']);
      assert.deepEqual(named({ status: 'error' }), ['broken', 'nobodys']);
      assert.deepEqual(named({ status: 'pending' }), ['new']);
      assert.deepEqual(named({ runtime: 'failed' }), ['broken']);
      assert.deepEqual(named({ reason: 'RunFailed' }), ['broken']);
      assert.deepEqual(named({ reason: 'runfailed' }), []);
      assert.deepEqual(
        several()
          .list({ type: 'operator', notReady: true })
          .items.map(({ name }) => name),
        ['op'],
      );
    });
  });

  it('knows layers', () => {
    const directory = filled();
    add(directory, 'e', { layer: 'system' });
    const named = (layer: 'user' | 'system') =>
      directory.list({ layer, type: 'resource' }).items.map(({ name }) => name);
    assert.deepEqual([named('system'), named('user')], [['e'], ['a', 'b', 'd', 'c']]);
  });

  it('calls a resource orphaned, and in error, while its operator is not there', () => {
    const directory = filled();
    const rows = (orphaned: boolean) =>
      directory.list({ orphaned, type: 'resource' }).items.map(({ name, status }) => `${name} ${status}`);
    assert.deepEqual(rows(true), ['a error', 'b error', 'd error', 'c error']);
    directory.absorb('operator.adf-operator', {
      name: 'adf-operator',
      uid: 'u',
      generation: 1,
      manifest: operatorNamed('adf-operator'),
    });
    assert.deepEqual([rows(true), rows(false)], [['d error'], ['a pending', 'b pending', 'c pending']]);
    directory.absorb('operator.adf-operator', undefined);
    assert.equal(rows(true).length, 4);
  });

  it('pages through what a selector selects', () => {
    const directory = createDirectory();
    for (let index = 0; index < 30; index += 1)
      add(directory, `r-${String(index).padStart(2, '0')}`, { labels: { third: String(index % 3) } });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = directory.list({
        selector: 'third in (0,1)',
        limit: 7,
        ...(cursor === undefined ? {} : { cursor }),
      });
      assert.equal(page.total, 20);
      seen.push(...page.items.map(({ name }) => name));
      cursor = page.next;
    } while (cursor !== undefined);
    assert.equal(new Set(seen).size, 20);
    assert.ok(seen.every((name) => Number(name.slice(2)) % 3 !== 2));
  });

  it('goes through pages without a gap or a double, also while rows come and go', () => {
    const directory = createDirectory();
    for (let index = 0; index < 25; index += 1) add(directory, `r-${String(index).padStart(2, '0')}`);
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 10; pages += 1) {
      const page = directory.list({ limit: 10, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.items.map(({ name }) => name));
      if (pages === 0) {
        assert.equal(page.total, 25);
        directory.absorb('entity.public.r-03', undefined);
        add(directory, 'r-00a');
        add(directory, 'r-15a');
      }
      cursor = page.next;
      if (cursor === undefined) break;
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen.length, 26);
    assert.ok(seen.includes('r-15a'));
  });

  it('ends when the last page is just full', () => {
    const directory = createDirectory();
    for (let index = 0; index < 10; index += 1) add(directory, `r-${index}`);
    assert.equal(directory.list({ limit: 10 }).next, undefined);
  });

  it('forgets what is deleted, and does not show a status alone', () => {
    const directory = createDirectory();
    add(directory, 'a');
    directory.absorb('status.public.a', {
      operator: 'adf-operator',
      uid: 'uid-1',
      status: 'active',
      observedGeneration: 1,
    });
    directory.absorb('entity.public.a', undefined);
    assert.equal(directory.list({}).total, 0);
    assert.equal(directory.size, 1);
    directory.absorb('status.public.a', undefined);
    assert.equal(directory.size, 0);
  });
});

describe('a row', () => {
  const status = { uid: 'uid-1', operator: 'adf-operator', status: 'active', observedGeneration: 1 } as const;

  it('shows what its operator saw of this incarnation, and nothing of another', () => {
    const entity = entityAt(1);
    assert.equal(summaryOfEntity(entity, undefined).status, 'pending');
    assert.equal(summaryOfEntity(entity, status).status, 'active');
    assert.equal(summaryOfEntity(entity, { ...status, uid: 'before' }).status, 'pending');
    assert.equal(summaryOfEntity(entity, { ...status, operator: 'another' }).observedGeneration, 0);
    assert.equal(summaryOfEntity({ ...entity, deletionRequestedAt: 'now' }, status).status, 'deleting');
  });

  it('shows the run that is wanted, not an earlier one', () => {
    const run = { id: 'run-2', number: 2, requestedAt: 'now', cancelRequested: false };
    const entity = entityAt(1, { runnable: true, run });
    const seen = (id: string) => ({
      ...status,
      runtime: 'succeeded' as const,
      run: { id, state: 'succeeded' as const },
    });
    assert.equal(summaryOfEntity(entity, seen('run-1')).runtime, 'pending');
    assert.equal(summaryOfEntity(entity, seen('run-2')).runtime, 'succeeded');
    assert.equal(summaryOfEntity(entityAt(1), status).runtime, '');
  });

  it('of an operator has no workspace and no runtime', () => {
    const operator = {
      name: 'op',
      uid: 'u',
      generation: 3,
      createdAt: '',
      updatedAt: '',
      createdBy: '',
      updatedBy: '',
    };
    const manifest = operatorNamed('op') as never;
    const row = summaryOfOperator({ ...operator, manifest }, { status: 'active', observedGeneration: 3 });
    assert.deepEqual([row.workspace, row.runtime, row.status, row.observedGeneration], ['', '', 'active', 3]);
    assert.equal(summaryOfOperator({ ...operator, manifest }, undefined).status, 'pending');
    assert.equal('notReady' in row, false);
    const since = { lastTransitionTime: '', observedGeneration: 3 };
    const failing = {
      type: 'Ready',
      status: 'False',
      reason: 'CrashLoopBackOff',
      message: 'it ended',
      ...since,
    } as const;
    const status = { status: 'active', observedGeneration: 3, conditions: [failing] } as const;
    const why = { reason: 'CrashLoopBackOff', message: 'it ended' };
    assert.deepEqual(summaryOfOperator({ ...operator, manifest }, status).notReady, why);
    const fine = { ...status, conditions: [{ ...failing, status: 'True' }] } as const;
    assert.equal('notReady' in summaryOfOperator({ ...operator, manifest }, fine), false);
    const directory = createDirectory();
    directory.absorb('operator.op', { ...operator, manifest, sequence: 1 });
    directory.absorb('status.op', { operator: 'op', observedSequence: 1, ...status });
    assert.deepEqual(directory.list({ type: 'operator' }).items[0]?.notReady, why);
  });
});

describe('what is answered', () => {
  const entity = entityAt(5, { name: 'a' });
  const about = {
    ...{ key: entity.key, uid: entity.uid, operator: entity.manifest.resource.operator, status: 'error' },
    ...{ observedGeneration: 1, conditions: [], properties: {} },
  };
  const unanswered = (directory: ReturnType<typeof createDirectory>, answered = false): readonly string[] =>
    directory.list({ type: 'resource', answered }).items.map(({ name }) => name);

  it('follows entity and status, in whatever order they come', () => {
    const directory = createDirectory();
    directory.absorb('status.public.a', { ...about, observedSequence: 4 });
    assert.deepEqual(unanswered(directory), []);
    directory.absorb('entity.public.a', entity);
    assert.deepEqual(unanswered(directory), ['a']);
    for (const other of [{ uid: 'other' }, { operator: 'other' }]) {
      directory.absorb('status.public.a', { ...about, observedSequence: 9, ...other });
      assert.deepEqual(unanswered(directory), ['a']);
    }
    directory.absorb('status.public.a', { ...about, observedSequence: 5 });
    assert.deepEqual(unanswered(directory), []);
    assert.deepEqual(unanswered(directory, true), ['a']);
    directory.absorb('status.public.a', undefined);
    assert.deepEqual(unanswered(directory), ['a']);
    directory.absorb('entity.public.a', undefined);
    assert.deepEqual(unanswered(directory), []);
    assert.equal(directory.size, 0);
  });

  it('pages', () => {
    const directory = createDirectory();
    for (const name of ['c', 'a', 'b']) directory.absorb(`entity.public.${name}`, entityAt(5, { name }));
    const first = directory.list({ answered: false, limit: 2 });
    assert.deepEqual([first.total, first.items.map(({ name }) => name)], [3, ['a', 'b']]);
    const cursor = first.next ?? '';
    const rest = directory.list({ answered: false, limit: 2, cursor });
    assert.deepEqual(rest, { ...rest, items: [rest.items[0]], total: 3 });
    assert.equal(rest.items[0]?.name, 'c');
  });
});
