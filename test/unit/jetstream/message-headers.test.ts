import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headers } from 'nats';
import { headerReader } from '../../../src/jetstream/message-headers.ts';

describe('the headers of a message', () => {
  it('are found by their exact name, the first of several', () => {
    const given = headers();
    given.append('Opstream-Actor', 'ada');
    given.append('Opstream-Actor', 'eve');
    given.append('Empty', '');
    const header = headerReader({ headers: given });
    assert.equal(header('Opstream-Actor'), 'ada');
    assert.equal(header('opstream-actor'), undefined);
    assert.equal(header('Empty'), '');
    assert.equal(header('Nats-Msg-Id'), undefined);
  });

  it('of trace context are found in any case', () => {
    for (const name of ['traceparent', 'Traceparent', 'TRACEPARENT', 'TraceParent']) {
      const given = headers();
      given.append(name, 'x');
      assert.equal(headerReader({ headers: given })('traceparent'), 'x', name);
    }
  });

  it('need not be there', () => {
    assert.equal(headerReader({})('Opstream-Actor'), undefined);
  });

  it('are not taken apart before somebody asks, and once then', () => {
    let asked = 0;
    const message = {
      get headers() {
        asked += 1;
        return headers();
      },
    };
    const header = headerReader(message);
    assert.equal(asked, 0);
    header('A');
    header('B');
    assert.equal(asked, 1);
  });
});
