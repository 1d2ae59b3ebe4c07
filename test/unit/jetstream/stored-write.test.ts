// Reading acknowledgements: the short way that takes the sequence from the bytes must never say more than the long way.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../../../src/core/fault.ts';
import { readPubAck } from '../../../src/jetstream/stored-write.ts';

const read = (text: string) => readPubAck(Buffer.from(text), 'a.b');

describe('an acknowledgement', () => {
  it('gives its sequence', () => {
    assert.equal(read('{"stream":"OPSTREAM_EVENTS","seq":7}'), 7);
    assert.equal(read('{"stream":"OPSTREAM_EVENTS", "seq":1234567890123}'), 1234567890123);
    assert.equal(read('{"stream":"E","seq":12,"duplicate":true}'), 12);
    assert.equal(read('{"stream":"E","domain":"hub","seq":12}'), 12);
    assert.equal(read('{"stream":"E","seq":12,"batch":"b-1","count":3}'), 12);
  });

  it('that is a refusal is a fault, whatever sequence stands behind it', () => {
    const error = '{"code":400,"err_code":10071,"description":"wrong last sequence: 5"}';
    for (const sequence of [0, 5]) {
      const found = read(`{"error":${error},"stream":"E","seq":${sequence}}`);
      assert.ok(isFault(found, 'JS_CONFLICT'), String(found));
    }
  });

  it('that is none is a fault', () => {
    for (const text of [
      '',
      '{}',
      '}',
      '0}',
      '"seq":1}',
      '{"seq":}',
      '{"stream":"E"}',
      '{"stream":"E","seq":0x1}',
      'hello',
    ])
      assert.ok(isFault(read(text), 'JS_REFUSED'), text);
  });

  it('is read as JSON reads it', () => {
    const field = fc.constantFrom('stream', 'seq', 'domain', 'nseq', 'duplicate');
    const value = fc.oneof(fc.nat(), fc.string(), fc.boolean());
    fc.assert(
      fc.property(fc.array(fc.tuple(field, value), { maxLength: 5 }), fc.nat(), (fields, sequence) => {
        const ack = { ...Object.fromEntries(fields), seq: sequence + 1 };
        assert.equal(read(JSON.stringify(ack)), sequence + 1);
      }),
    );
  });
});
