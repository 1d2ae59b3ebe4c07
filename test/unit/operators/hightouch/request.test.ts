import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hightouchRequest, includes } from '../../../../src/operators/hightouch/request.ts';
import type { JsonObject } from '../../../../src/sdk/index.ts';

const model = {
  name: 'City',
  slug: 'city',
  queryType: 'raw_sql',
  sourceId: '76591',
  isSchema: false,
  primaryKey: 'id',
};
const sync = { slug: 'city-to-crm', configuration: { mode: 'upsert' }, destinationId: '63390', disabled: false };
const made = (spec: JsonObject) => {
  const result = hightouchRequest(spec);
  assert.ok('request' in result, JSON.stringify(result));
  return result.request;
};

describe('what is asked of Hightouch', () => {
  it('has numbers for ids, and a schedule even when there is none', () => {
    const request = made({ model: { ...model, raw: { sql: 'SELECT 1' } }, sync, trigger: {} });
    assert.deepEqual(request.model, { ...model, sourceId: 76591, raw: { sql: 'SELECT 1' } });
    assert.deepEqual(request.sync, { ...sync, destinationId: 63390, schedule: null });
    assert.deepEqual(request.trigger, { flags: {} });
  });

  it('takes ids that are numbers already, and turns those inside a query', () => {
    const request = made({
      model: { ...model, sourceId: 5, queryType: 'dbt', dbt: { modelId: '12', name: '12' }, visual: { parentId: '7' } },
      sync: { ...sync, destinationId: 6, schedule: { type: 'cron', schedule: { expression: '* * * * *' } } },
      trigger: { syncId: '9', resetCDC: true, fullResync: false },
    });
    assert.deepEqual(
      [request.model['sourceId'], request.model['dbt'], request.model['visual']],
      [5, { modelId: 12, name: '12' }, { parentId: 7 }],
    );
    assert.deepEqual(request.sync.schedule, { type: 'cron', schedule: { expression: '* * * * *' } });
    assert.deepEqual(request.trigger, { syncId: '9', flags: { resetCDC: true, fullResync: false } });
    assert.deepEqual(made({ model, sync, trigger: { syncSlug: 'other' } }).trigger, { syncSlug: 'other', flags: {} });
    assert.equal(made({ model: { ...model, folderId: 'f' }, sync }).model['folderId'], 'f');
    assert.ok(!('folderId' in made({ model: { ...model, folderId: null }, sync }).model));
  });

  it('names everything that is wrong at once', () => {
    const result = hightouchRequest({
      model: { ...model, sourceId: 'abc', slug: '' },
      sync: { ...sync, destinationId: '1.5' },
      trigger: { syncId: 'x' },
    });
    assert.ok('problems' in result);
    assert.deepEqual(result.problems.map((problem) => problem.split(':')[0]).toSorted(), [
      'spec.model.slug',
      'spec.model.sourceId',
      'spec.sync.destinationId',
      'spec.trigger.syncId',
    ]);
    assert.ok('problems' in hightouchRequest({ model: 'a', sync: [], trigger: 1 }));
    for (const id of [2 ** 53, -1, 1.5, '-1', ' 1', '1e3', '', true, null]) {
      assert.ok('problems' in hightouchRequest({ model: { ...model, sourceId: id }, sync }), String(id));
    }
  });
});

describe('whether what is found is as wanted', () => {
  it('looks only at what is wanted, deep in objects and whole in lists', () => {
    assert.ok(includes({ a: 1, own: 2 }, { a: 1 }));
    assert.ok(includes({ a: { b: 1, own: 2 } }, { a: { b: 1 } }));
    assert.ok(!includes({ a: { b: 2 } }, { a: { b: 1 } }));
    assert.ok(!includes({}, { a: { b: 1 } }));
    assert.ok(includes({ list: [{ a: 1, own: 1 }] }, { list: [{ a: 1 }] }));
    assert.ok(!includes({ list: [1, 2] }, { list: [1] }));
    assert.ok(includes({}, { a: null }), 'nothing is null');
    assert.ok(!includes({ a: 0 }, { a: null }));
    assert.ok(!includes({ a: '1' }, { a: 1 }));
  });
});
