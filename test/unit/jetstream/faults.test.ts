import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import { isServerNewEnough } from '../../../src/jetstream/connection.ts';
import { faultOfApi, isRepeatable, toFault } from '../../../src/jetstream/faults.ts';
import { headerLine, headersOfLines, rawHeaders } from '../../../src/jetstream/raw-headers.ts';
import { assertSubject } from '../../../src/jetstream/reply-slots.ts';

const textOf = (headers: ReturnType<typeof rawHeaders>): string =>
  Buffer.from((headers as unknown as { encode(): Uint8Array }).encode()).toString();

describe('faults of the server', () => {
  const cases: readonly (readonly [number, number, string, string])[] = [
    [400, 10071, 'JS_CONFLICT', 'never'],
    [400, 10164, 'JS_CONFLICT', 'never'],
    [400, 10201, 'JS_DUPLICATE', 'never'],
    [429, 10210, 'JS_BATCH_LIMIT', 'later'],
    [503, 10077, 'JS_STORE_FULL', 'later'],
    [400, 10002, 'JS_STORE_FULL', 'later'],
    [500, 10047, 'JS_STORE_FULL', 'later'],
    [400, 10054, 'JS_TOO_LARGE', 'never'],
    [503, 10008, 'JS_UNAVAILABLE', 'later'],
    [400, 10176, 'JS_UNAVAILABLE', 'later'],
    [404, 10059, 'JS_NOT_FOUND', 'never'],
    [503, 0, 'JS_UNAVAILABLE', 'later'],
    [500, 10009, 'JS_UNAVAILABLE', 'later'],
    [400, 10005, 'JS_UNAVAILABLE', 'later'],
    [500, 10074, 'JS_REFUSED', 'never'],
    [400, 10097, 'JS_REFUSED', 'never'],
  ];
  for (const [status, errorCode, code, retry] of cases) {
    it(`${status}/${errorCode} is ${code}`, () => {
      const fault = faultOfApi({ code: status, err_code: errorCode, description: 'anything' }, 'STREAM');
      assert.deepEqual([fault.code, fault.retry, fault.details['errorCode']], [code, retry, errorCode]);
    });
  }

  it('only what may have been lost or may pass is repeated', () => {
    const repeatable = cases.filter(([status, code]) =>
      isRepeatable(faultOfApi({ code: status, err_code: code }, 's')),
    );
    assert.deepEqual(
      repeatable.map(([, code]) => code),
      [10210, 10008, 10176, 0, 10009, 10005],
    );
    assert.equal(isRepeatable(new Error('bug')), false);
  });
});

describe('errors of the client', () => {
  it('become faults by their code, and bugs stay what they are', () => {
    const closed = toFault(Object.assign(new Error(), { code: 'CONNECTION_CLOSED' }), 'x');
    assert.ok(closed instanceof Fault && closed.code === 'NATS_UNREACHABLE');
    const api = toFault({ code: '400', api_error: { code: 400, err_code: 10071 } }, 'x');
    assert.ok(api instanceof Fault && api.code === 'JS_CONFLICT');
    const bug = new TypeError('bug');
    assert.equal(toFault(bug, 'x'), bug);
  });
});

describe('server version', () => {
  for (const [version, isEnough] of [
    ['2.12.2', false],
    ['2.12.3', true],
    ['2.12.3-RC.1', true],
    ['2.15.1', true],
    ['2.9.30', false],
    ['3.0.0', true],
    ['nonsense', false],
  ] as const) {
    it(`${version}: ${isEnough}`, () => assert.equal(isServerNewEnough(version), isEnough));
  }
});

describe('protocol safety', () => {
  it('writes headers as the protocol has them', () => {
    assert.equal(textOf(rawHeaders({ A: 'x', B: undefined, C: 0 })), 'NATS/1.0\r\nA: x\r\nC: 0\r\n\r\n');
    assert.equal(textOf(headersOfLines(headerLine('Ä', 'ö'))), 'NATS/1.0\r\nÄ: ö\r\n\r\n');
  });

  it('refuses line breaks in headers and blanks in subjects', () => {
    for (const value of ['a\r\nPUB x 0', 'a\n', '\r']) assert.throws(() => rawHeaders({ A: value }));
    for (const subject of ['', 'a b', 'a\r\nPUB b 0\r\n\r\n', 'a\tb', 'a\0'])
      assert.throws(() => assertSubject(subject));
    assertSubject('$KV.bucket.key_1-/=.x');
  });
});
