// What the client makes of answers: what is not there, what is to be tried again, what is refused.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHightouch, type CallContext } from '../../../../src/operators/hightouch/client.ts';
import { readSettings } from '../../../../src/operators/hightouch/settings.ts';
import { isFault, outcomeOf, type Fault, type JsonValue } from '../../../../src/sdk/index.ts';

const api = createHightouch(readSettings({ env: { HIGHTOUCH_SECRET: 'k' } }));

/** Each call gets the next answer; the last one again. */
const answering = (...answers: readonly (readonly [number, JsonValue | undefined, string?])[]): CallContext => {
  const left = [...answers];
  const fetch = async (): Promise<Response> => {
    const [status, body, text = JSON.stringify(body)] = (left.length > 1 ? left.shift() : left[0]) ?? [500, {}];
    return new Response(text, { status });
  };
  return { signal: new AbortController().signal, fetch };
};

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    (value) => assert.fail(`expected a failure, found ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(isFault(error), String(error));
  return error;
};

const reads = {
  find: (context: CallContext) => api.find('syncs', 'city', context),
  run: (context: CallContext) => api.run('1', '2', context),
  runsSince: (context: CallContext) => api.runsSince('1', 0, context),
};

describe('an answer of Hightouch that is not understood', () => {
  const odd: readonly (readonly [string, JsonValue | undefined, string?])[] = [
    ['no data', {}],
    ['data that is null', { data: null, hasMore: false }],
    ['data that is an object', { data: { id: 2 }, hasMore: false }],
    ['an element that is no object', { data: ['2'], hasMore: false }],
    ['a list alone', []],
    ['HTML', undefined, '<html><body>Bad gateway</body></html>'],
    ['half of it', undefined, '{"data":['],
    ['nothing', undefined, ''],
  ];
  for (const [what, ...answer] of odd) {
    it(`is an error to be tried again, never "not there": ${what}`, async () => {
      for (const [name, read] of Object.entries(reads)) {
        const fault = await faultOf(read(answering([200, ...answer])));
        assert.deepEqual(
          [fault.code, fault.retry, outcomeOf(fault)],
          ['COMPONENT_RETRYABLE', 'later', 'unknown'],
          name,
        );
      }
    });
  }

  it('has more but gives nothing, or has other runs than the one asked for', async () => {
    assert.equal((await faultOf(reads.find(answering([200, { data: [], hasMore: true }])))).retry, 'later');
    assert.equal((await faultOf(reads.run(answering([200, { data: [{ id: 3 }] }])))).retry, 'later');
    assert.equal((await faultOf(reads.run(answering([200, { data: [{ status: 'success' }] }])))).retry, 'later');
  });

  it('is read on when it is full and does not say that it is all', async () => {
    const full = Array.from({ length: 100 }, (_, id) => ({ id: id + 1, slug: `s${id}` }));
    const found = await reads.find(answering([200, { data: full }], [200, { data: [{ id: 7, slug: 'city' }] }]));
    assert.deepEqual(found, { id: 7, slug: 'city' });
  });

  it('is empty when it says so', async () => {
    const empty = answering([200, { data: [], hasMore: false }]);
    assert.deepEqual(
      [await reads.find(empty), await reads.run(empty), await reads.runsSince(empty)],
      [undefined, undefined, []],
    );
  });
});
