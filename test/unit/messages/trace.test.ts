import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTraceparent, traceparentOf, validTraceparent, validTracestate } from '../../../src/messages/trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const good = `00-${traceId}-${spanId}-01`;

describe('a traceparent', () => {
  it('is read by the syntax of W3C', () => {
    assert.deepEqual(parseTraceparent(good), { traceId, spanId, flags: '01' });
    assert.equal(validTraceparent(good), good);
  });

  it('of a later version is read as far as version 00 goes', () => {
    assert.equal(validTraceparent(`cc-${traceId}-${spanId}-00-what-comes-then`), `00-${traceId}-${spanId}-00`);
  });

  it('is as good as absent when it is malformed', () => {
    const bad = [
      undefined,
      '',
      7,
      'hello',
      `${good}-more`,
      `${good} `,
      `ff-${traceId}-${spanId}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.slice(1)}-${spanId}-01`,
      `00-${traceId}-${spanId}-1`,
      `cc-${traceId}-${spanId}-01-${'x'.repeat(300)}`,
      `cc-${traceId}-${spanId}-01.more`,
    ];
    assert.deepEqual(
      bad.filter((one) => validTraceparent(one) !== undefined),
      [],
    );
  });

  it('is made of a UUID, and of nothing else', () => {
    const made = traceparentOf('0190163d-8694-739b-aea5-966c26f8ad91');
    assert.equal(made, '00-0190163d8694739baea5966c26f8ad91-aea5966c26f8ad91-01');
    assert.equal(validTraceparent(made), made);
    assert.equal(traceparentOf('cmd-12'), undefined);
  });
});

describe('a tracestate', () => {
  it('is passed on as it came', () => {
    for (const text of ['a=1', 'rojo=00f067aa0ba902b7,congo=t61 rc', 'a=1, ,b=2', '0t@v-1=x!', `a=${'x'.repeat(256)}`])
      assert.equal(validTracestate(text), text);
  });

  it('is as good as absent when it is malformed, or longer than everybody passes on', () => {
    const long = Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',');
    const bad = [
      undefined,
      7,
      '',
      ' ',
      ',',
      'a',
      'A=1',
      'a=',
      'a=b=c',
      'a=1\r\nb: 2',
      'a=\u00e4',
      `a=${'x'.repeat(600)}`,
      long,
    ];
    assert.deepEqual(
      bad.filter((text) => validTracestate(text) !== undefined),
      [],
    );
  });
});
