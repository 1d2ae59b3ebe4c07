// The picture that the query-responder has of the buckets, and waiting for a sequence in it (P7).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StreamFollower } from '../../../../src/engine/ports/streams.ts';
import { createViewMirror } from '../../../../src/engine/queries/view-mirror.ts';
import { REACHED_HEADER } from '../../../../src/messages/envelope.ts';
import { createDirectory } from '../../../../src/views/directory.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { entityAt } from '../../../support/entities.ts';
import { silentLog } from '../../../support/silent-log.ts';
import { stored } from '../../../support/memory-ports.ts';

const BUCKET = 'opstream-entities';
const STREAM = 'OPSTREAM_EVENTS';
const checkpoint = (sequence: number) =>
  stored(sequence, `$KV.${BUCKET}.checkpoint.${STREAM}.all`, { stream: STREAM, sequence });

const mirrored = () => {
  const clock = drivenClock();
  const directory = createDirectory();
  const mirror = createViewMirror({ directory, clock, log: silentLog });
  let hand: Parameters<StreamFollower['follow']>[0] | undefined;
  const follower: StreamFollower = {
    follow: async (options) => {
      hand = options;
    },
  };
  let caughtUp = 0;
  void mirror.follow(follower, BUCKET, new AbortController().signal, () => (caughtUp += 1));
  return {
    clock,
    directory,
    mirror,
    give: (messages: readonly ReturnType<typeof stored>[], pending = 0) => hand?.onBatch(messages, pending),
    giveNothing: () => hand?.onEmpty?.(),
    caughtUp: () => caughtUp,
  };
};

describe('the mirror of a bucket', () => {
  it('is caught up once, when nothing more waits', () => {
    const { give, giveNothing, caughtUp } = mirrored();
    void give([checkpoint(1)], 7);
    assert.equal(caughtUp(), 0);
    void give([checkpoint(2)]);
    void give([checkpoint(3)]);
    giveNothing();
    assert.equal(caughtUp(), 1);
  });

  it('keeps rows, and drops those that are deleted', () => {
    const { give, directory } = mirrored();
    void give([stored(1, `$KV.${BUCKET}.entity.public.run-1`, entityAt(1))]);
    assert.equal(directory.size, 1);
    void give([{ ...stored(2, `$KV.${BUCKET}.entity.public.run-1`, ''), header: () => 'DEL' }]);
    assert.equal(directory.size, 0);
  });

  it('takes a delete marker with a body for what its header says, not for a document that cannot be read', () => {
    const { give, directory, mirror } = mirrored();
    const key = `$KV.${BUCKET}.entity.public.run-1`;
    void give([stored(1, key, entityAt(1)), stored(2, `$KV.${BUCKET}.entity.public.run-2`, 'no document')]);
    assert.deepEqual([directory.size, mirror.damaged()], [1, 1]);
    for (const name of ['run-1', 'run-2']) {
      const marker = stored(3, `$KV.${BUCKET}.entity.public.${name}`, 'what a client put there');
      void give([{ ...marker, header: (header) => (header === 'KV-Operation' ? 'DEL' : undefined) }]);
    }
    assert.deepEqual([directory.size, mirror.damaged()], [0, 0]);
  });

  it('believes a document that says how far the view is', async () => {
    const { give, mirror } = mirrored();
    void give([checkpoint(3)]);
    const header = (name: string) => (name === REACHED_HEADER ? `${STREAM} 5` : undefined);
    void give([{ ...stored(9, `$KV.${BUCKET}.entity.public.run-1`, entityAt(5)), header }]);
    assert.equal(mirror.position(BUCKET, STREAM), 5);
    assert.equal(await mirror.reached(BUCKET, STREAM, 5, 0), true);
  });

  it('believes documents of two streams in one batch, and never less than it knows', () => {
    const { give, mirror } = mirrored();
    const says = (stream: string, sequence: number, key: string) => ({
      ...stored(9, `$KV.${BUCKET}.${key}`, entityAt(5)),
      header: (name: string) => (name === REACHED_HEADER ? `${stream} ${sequence}` : undefined),
    });
    void give([says(STREAM, 7, 'entity.public.run-1'), says('OPSTREAM_STATUS', 3, 'status.public.run-1')]);
    assert.equal(mirror.position(BUCKET, STREAM), 7);
    assert.equal(mirror.position(BUCKET, 'OPSTREAM_STATUS'), 3);
    void give([says(STREAM, 8, 'entity.public.run-1'), checkpoint(9)]);
    assert.equal(mirror.position(BUCKET, STREAM), 9);
  });

  it('answers at once when the sequence is there, later when it comes', async () => {
    const { give, mirror, clock } = mirrored();
    void give([checkpoint(5)]);
    assert.equal(mirror.position(BUCKET, STREAM), 5);
    assert.equal(await mirror.reached(BUCKET, STREAM, 5, 0), true);
    const waits = [6, 7, 8].map((sequence) => mirror.reached(BUCKET, STREAM, sequence, 1000));
    void give([checkpoint(7)]);
    assert.deepEqual(await Promise.all(waits.slice(0, 2)), [true, true]);
    await clock.advance(1000);
    assert.equal(await waits[2], false);
  });

  it('does not take one stream or bucket for another', async () => {
    const { give, mirror, clock } = mirrored();
    void give([checkpoint(5)]);
    assert.equal(mirror.position(BUCKET, 'OPSTREAM_STATUS'), 0);
    assert.equal(mirror.position('opstream-operators', STREAM), 0);
    const wait = mirror.reached('opstream-operators', STREAM, 1, 100);
    await clock.advance(100);
    assert.equal(await wait, false);
  });
});

describe('documents that cannot be read', () => {
  it('are counted for each bucket, the first of them by their keys, until they can be', () => {
    const { give, mirror } = mirrored();
    assert.deepEqual(mirror.damage(), {});
    const at = (index: number) => `$KV.${BUCKET}.entity.public.bad-${index}`;
    void give([1, 2, 3, 4, 5, 6, 7].map((index) => stored(index, at(index), '{"half')));
    const first = [1, 2, 3, 4, 5].map((index) => `entity.public.bad-${index}`);
    assert.deepEqual(mirror.damage(), { [BUCKET]: { count: 7, first } });
    void give([1, 2, 3, 4, 5, 6].map((index) => ({ ...stored(7 + index, at(index), ''), header: () => 'DEL' })));
    assert.deepEqual(mirror.damage(), { [BUCKET]: { count: 1, first: ['entity.public.bad-7'] } });
  });
});
