// Keeps the keys that are worked on in a file (messages/at-work.ts), in time for a process that dies within a reconcile: by process.exit, by a full
// heap, by SIGKILL. Written at once, two small writes for each reconcile; nothing is waited for on a disk. Made by run-operator when the
// driver that started the component names a file.

import { openSync, writeSync } from 'node:fs';
import type { Log } from '../engine/ports/log.ts';
import { MAX_PLACES, PLACE_BYTES, placeText } from '../messages/at-work.ts';

export type AtWork = {
  /** Until the returned function is called. */
  begin(key: string): () => void;
};

const NOTHING: AtWork = { begin: () => () => {} };

/** `path` undefined: nobody asks. What cannot be written is not written: it is only for explaining an end. */
export const createAtWork = (path: string | undefined, log: Log): AtWork => {
  if (path === undefined) return NOTHING;
  const free = Array.from({ length: MAX_PLACES }, (_, index) => MAX_PLACES - 1 - index);
  let file: number | undefined;

  const write = (place: number, text: string): void => {
    if (file === undefined) return;
    try {
      writeSync(file, placeText(text), place * PLACE_BYTES);
    } catch (error) {
      log.warn({ path, err: error }, 'what is worked on is not kept any more');
      file = undefined;
    }
  };

  try {
    file = openSync(path, 'w', 0o600);
    for (let place = 0; place < MAX_PLACES; place += 1) write(place, '');
  } catch (error) {
    log.warn({ path, err: error }, 'what is worked on cannot be kept');
  }
  return {
    begin: (key) => {
      const place = free.pop();
      if (place === undefined) return () => {};
      write(place, key);
      return () => {
        write(place, '');
        free.push(place);
      };
    },
  };
};
