import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idOf, intentTo, recordOf, recordProperties, synchronizedIn } from '../../../../src/operators/http/record.ts';
import { isFault, withEarlier, type EntityStatus, type JsonObject, type JsonValue } from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';

const entity = entityAt(1);
const statusWith = (properties: JsonObject, uid = 'uid-1'): EntityStatus => ({
  ...{
    key: entity.key,
    operator: 'op',
    uid,
    observedGeneration: 1,
    observedSequence: 1,
    status: 'active',
    runtime: 'pending',
  },
  ...{ conditions: [], properties, run: { id: 'r1', state: 'pending', externalId: 'x' } },
});
const [noon, later] = ['2026-01-01T12:00:00.000Z', '2026-01-01T13:00:00.000Z'];

describe('what is kept of a thing', () => {
  it('comes back from the status as it was written, beside what is synchronized', () => {
    const record = {
      objectId: 'o',
      appliedGeneration: 3,
      intent: intentTo('object', noon, 7, undefined),
      earlierIds: ['a'],
    };
    const stored = JSON.parse(JSON.stringify(recordProperties(record, { size: 1 }))) as JsonObject;
    assert.deepEqual(recordOf(statusWith(stored), entity), {
      ...record,
      run: { id: 'r1', state: 'pending', externalId: 'x' },
    });
    assert.deepEqual(synchronizedIn(statusWith(stored), entity), { size: 1 });
  });

  it('is never what the API calls by the same names', () => {
    const intent = { what: 'object', at: noon, fence: 1 };
    const told = { intent, objectId: 'theirs', appliedGeneration: 9, earlierIds: ['theirs'], size: 1 };
    const stored = recordProperties({ earlierIds: [] }, told);
    assert.deepEqual(stored, { size: 1 });
    assert.deepEqual(recordOf(statusWith(stored), entity).objectId, undefined);
  });

  it('is nothing of an earlier resource of the name, and never a crash', () => {
    assert.deepEqual(recordOf(statusWith({ objectId: 'o' }, 'uid-0'), entity), { earlierIds: [] });
    assert.deepEqual(recordOf(undefined, entity), { earlierIds: [] });
    for (const intent of [
      7,
      null,
      [],
      {},
      { what: 1, at: noon },
      { what: 'object', at: 'noon' },
    ] as readonly JsonValue[]) {
      const found = recordOf(statusWith({ intent, objectId: 7, appliedGeneration: 'x', earlierIds: [1, 'a'] }), entity);
      assert.deepEqual(
        [found.intent, found.objectId, found.appliedGeneration, found.earlierIds],
        [undefined, undefined, undefined, ['a']],
      );
    }
  });

  it('searches from the first intent for the same, and remembers a bounded number of earlier runs once each', () => {
    const first = intentTo('r1', noon, 1, undefined);
    assert.deepEqual(intentTo('r1', later, 2, first), { what: 'r1', since: noon, at: later, fence: 2 });
    assert.equal(intentTo('r2', later, 2, first).since, later);
    const many = Array.from({ length: 30 }, (_, index) => String(index)).reduce<readonly string[]>(withEarlier, []);
    assert.deepEqual(
      [many.length, many.at(-1), withEarlier(many, '29'), withEarlier(many, undefined)],
      [20, '29', many, many],
    );
  });

  it('has ids of text or numbers and of nothing else', () => {
    assert.deepEqual([idOf(7, 'x'), idOf('a', 'x')], ['7', 'a']);
    for (const value of [null, '', true, {}, []] as readonly JsonValue[]) {
      assert.throws(
        () => idOf(value, 'create'),
        (error) => isFault(error) && error.retry === 'never' && error.details['outcome'] === 'unknown',
      );
    }
  });
});
