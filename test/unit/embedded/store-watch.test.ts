// `up` and the disk of its server: when it refuses to begin, and when it starts the server anew.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseWithoutRoom, watchStore } from '../../../src/embedded/store-watch.ts';
import type { StoreRoom } from '../../../src/program/store-room.ts';
import { drivenClock } from '../../../src/testing/driven-clock.ts';
import { keptLog } from '../../support/jetstream.ts';

const MIB = 1024 * 1024;
const room = (freeMiB: number, problem?: string): StoreRoom => ({
  freeBytes: freeMiB * MIB,
  sizeBytes: 1000 * MIB,
  ...(problem === undefined ? {} : { problem }),
});

describe('the disk of the embedded server', () => {
  it('must have 256 MiB for a new instance, and be writable for any', () => {
    refuseWithoutRoom('/data', true, room(256));
    refuseWithoutRoom('/data', false, room(20));
    assert.throws(() => refuseWithoutRoom('/data', true, room(255)), {
      code: 'CONFIG_INVALID',
      message: /\/data has 255 MiB of 1000 MiB free; a new instance needs 256 MiB.*--data/,
    });
    assert.throws(() => refuseWithoutRoom('/data', false, room(500, '/data cannot be written (EROFS)')), /EROFS/);
  });

  it('has its server started anew each time there is room again, and not while there is none', async () => {
    const clock = drivenClock();
    const { log, lines } = keptLog();
    const stop = new AbortController();
    let now = room(500);
    let restarts = 0;
    const watching = watchStore({
      ...{ look: () => now, clock, log, signal: stop.signal },
      onRoomAgain: async () => {
        restarts += 1;
      },
    });
    await clock.advance(5000);
    assert.deepEqual([restarts, lines.length], [0, 0]);
    for (const [round, problem] of ['full', 'cannot be written (EROFS)'].entries()) {
      now = room(0, problem);
      await clock.advance(60_000);
      assert.equal(restarts, round);
      now = room(300);
      await clock.advance(1000);
      assert.equal(restarts, round + 1);
    }
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields['reason'] ?? fields['free']]),
      [
        ['error', 'full'],
        ['warn', '300 MiB'],
        ['error', 'cannot be written (EROFS)'],
        ['warn', '300 MiB'],
      ],
    );
    stop.abort();
    await watching;
  });
});
