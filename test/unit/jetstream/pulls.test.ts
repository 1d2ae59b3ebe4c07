// What a follower asks for next: one that has a pull standing, and one that rests.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPulls } from '../../../src/jetstream/pulls.ts';

const deliver = (pulls: ReturnType<typeof createPulls>, count: number): void => {
  for (let done = 0; done < count; done += 1) pulls.delivered();
};

describe('a standing pull', () => {
  it('is renewed before it is used up', () => {
    const pulls = createPulls(false);
    assert.equal(pulls.next()?.['batch'], 2000);
    deliver(pulls, 1000);
    assert.equal(pulls.next(), undefined);
    deliver(pulls, 1);
    assert.equal(pulls.next()?.['batch'], 2000);
  });

  it('is renewed when its time is over, and given up when the consumer is gone', () => {
    const pulls = createPulls(false);
    pulls.next();
    assert.equal(pulls.ended(408, '2000'), true);
    assert.equal(pulls.next()?.['batch'], 2000);
    assert.equal(pulls.ended(409, ''), false);
    assert.equal(pulls.ended(404, ''), false);
  });

  it('drops its bound of bytes when one message is larger', () => {
    const pulls = createPulls(false);
    assert.notEqual(pulls.next()?.['max_bytes'], undefined);
    pulls.ended(409, '2000');
    assert.equal(pulls.next()?.['max_bytes'], undefined);
  });
});

describe('a follower that rests', () => {
  it('takes what is there, rests, and waits for the first that comes', () => {
    const pulls = createPulls(true);
    assert.equal(pulls.next()?.['no_wait'], true);
    deliver(pulls, 3);
    assert.equal(pulls.next(), undefined);
    pulls.ended(408, '1997');
    assert.equal(pulls.next(), undefined, 'asked before it had rested');
    pulls.rested();
    assert.equal(pulls.next()?.['no_wait'], true);
    pulls.ended(404, '');
    const knock = pulls.next();
    assert.deepEqual([knock?.['batch'], knock?.['no_wait']], [1, undefined]);
    assert.equal(pulls.next(), undefined);
    deliver(pulls, 1);
    assert.equal(pulls.next(), undefined);
    pulls.rested();
    assert.equal(pulls.next()?.['no_wait'], true);
  });

  it('knocks again when nothing came for the whole time of a pull', () => {
    const pulls = createPulls(true);
    pulls.next();
    pulls.ended(404, '');
    pulls.next();
    assert.equal(pulls.isOpen, true);
    pulls.ended(408, '1');
    assert.equal(pulls.next()?.['batch'], 1);
  });
});
