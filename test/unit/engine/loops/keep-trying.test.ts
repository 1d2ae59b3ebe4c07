// What a process does that cannot begin yet.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { keepTrying } from '../../../../src/engine/loops/keep-trying.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { keptLog } from '../../../support/jetstream.ts';

const around = () => {
  const clock = drivenClock();
  const { log, lines } = keptLog();
  const stop = new AbortController();
  const reasons: (string | undefined)[] = [];
  const options = {
    what: 'the streams',
    clock,
    log,
    signal: stop.signal,
    onWait: (reason: string | undefined) => reasons.push(reason),
  };
  return { clock, lines, stop, reasons, options };
};

describe('waiting for what is needed', () => {
  it('tries again with growing pauses, says what it waits for, and when it is there', async () => {
    const { clock, lines, reasons, options } = around();
    const triedMs: number[] = [];
    const startMs = clock.nowMs();
    const done = keepTrying(async () => {
      triedMs.push(clock.nowMs() - startMs);
      if (triedMs.length < 8) throw new Fault('NATS_TIMEOUT', 'making stream A: no answer');
      return 'made';
    }, options);
    await clock.advance(20_000);
    assert.equal(await done, 'made');
    assert.deepEqual(triedMs, [0, 250, 750, 1750, 3750, 7750, 12_750, 17_750]);
    assert.equal(reasons[0], 'it waits for the streams: making stream A: no answer');
    assert.equal(reasons.at(-1), undefined);
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [
        ['warn', 'waiting, and trying again'],
        ['info', 'waited for is there'],
      ],
    );
  });

  it('says it again when the reason changes, and every 30 seconds', async () => {
    const { clock, lines, stop, options } = around();
    let code: Fault['code'] = 'NATS_TIMEOUT';
    const done = keepTrying(async () => {
      throw new Fault(code, 'x');
    }, options);
    await clock.advance(10_000);
    code = 'JS_STORE_FULL';
    await clock.advance(40_000);
    stop.abort();
    await assert.rejects(done, { code: 'JS_STORE_FULL' });
    assert.deepEqual(
      lines.map(({ fields }) => fields['code']),
      ['NATS_TIMEOUT', 'JS_STORE_FULL', 'JS_STORE_FULL'],
    );
  });

  it('throws what waiting cannot mend, at once', async () => {
    const { options, reasons } = around();
    const refused = new Fault('STREAM_DRIFT', 'x', { retry: 'never' });
    await assert.rejects(
      keepTrying(() => Promise.reject(refused), options),
      refused,
    );
    const bug = new TypeError('bug');
    await assert.rejects(
      keepTrying(() => Promise.reject(bug), options),
      bug,
    );
    assert.deepEqual(reasons, []);
  });
});
