import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePosition } from '../../../src/jetstream/follower.ts';

const position = { sequence: 4711, delivery: 12, timeMs: 1_795_411_427_152.07, pending: 99 };

const check = (reply: string): void => {
  const found = parsePosition(reply);
  assert.ok(found !== undefined);
  assert.ok(Math.abs(found.timeMs - position.timeMs) < 0.01, `time ${found.timeMs}`);
  assert.deepEqual({ ...found, timeMs: position.timeMs }, position);
};

describe('position of a delivery', () => {
  it('is read from the first form of ack subjects', () => {
    check('$JS.ACK.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99');
  });

  it('is read from the form with domain and account, with and without the token at the end', () => {
    check('$JS.ACK._.AbC123.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99.x7Zk');
    check('$JS.ACK._.AbC123.OPSTREAM_EVENTS.KvItcbld.1.4711.12.1795411427152069921.99');
  });

  it('is not disturbed by names that look like numbers', () => {
    check('$JS.ACK.2024.77.1.4711.12.1795411427152069921.99');
  });

  it('is not there on any other subject', () => {
    for (const reply of ['', '_INBOX.a.b', '$JS.ACK', '$JS.ACK.S.C.1.2.3', '$JS.API.1.2.3.4.5.6.7.8'])
      assert.equal(parsePosition(reply), undefined, reply);
  });
});
