// Looks after the disk of the embedded server. nats-server gives up a stream at the first write that fails, and takes nothing more for it until it is
// started again, whatever room there is by then. So `up` says when nothing can be stored, and starts the server anew as soon as it can.

import { Fault } from '../core/fault.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import { mebibytes, storeRoom, type StoreRoom } from '../program/store-room.ts';

const LOOK_MS = 500;
/** What a new instance needs: its stream of logs alone reserves as much. */
const NEEDED_BYTES = 256 * 1024 * 1024;
const PROBE_NAME = '.room-of-up';

export const roomAt = (folder: string): StoreRoom => storeRoom(folder, PROBE_NAME);

/** Faults: CONFIG_INVALID, with the path and the room, when the server could not begin there. */
export const refuseWithoutRoom = (folder: string, isNew: boolean, room: StoreRoom): void => {
  const { problem, freeBytes, sizeBytes } = room;
  const tooLittle =
    isNew && freeBytes < NEEDED_BYTES
      ? `the disk of ${folder} has ${mebibytes(freeBytes)} of ${mebibytes(sizeBytes)} free; a new instance needs ${mebibytes(NEEDED_BYTES)}. Make room there, or choose another disk with --data`
      : undefined;
  const reason = problem ?? tooLittle;
  if (reason !== undefined) throw new Fault('CONFIG_INVALID', reason, { retry: 'never' });
};

/** Until the folder can be written, or `signal` aborts. */
export const untilRoom = async (
  look: () => StoreRoom,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<void> => {
  while (look().problem !== undefined && !signal.aborted) await clock.sleep(LOOK_MS, signal);
};

/** Until `signal` aborts. `onRoomAgain`: the folder could not be written for a while, and can be now. */
export const watchStore = async (options: {
  look(): StoreRoom;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
  onRoomAgain(): Promise<void>;
}): Promise<void> => {
  const { look, clock, log, signal } = options;
  while (!signal.aborted) {
    const { problem } = look();
    if (problem !== undefined) {
      log.error({ code: 'JS_STORE_FULL', reason: problem }, 'nothing can be stored');
      await untilRoom(look, clock, signal);
      if (signal.aborted) return;
      log.warn({ free: mebibytes(look().freeBytes) }, 'there is room again, starting the NATS server anew');
      await options.onRoomAgain();
    }
    await clock.sleep(LOOK_MS, signal);
  }
};
