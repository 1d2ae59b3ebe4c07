// How much memory a program takes beyond what it uses. Called by programs that keep much and are many on a machine.

import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const LOOK_EVERY_MS = 2000;
/** Below it, collecting sooner costs more than it saves. */
const SMALL_BYTES = 80 * 1024 * 1024;
/** In percent of what was in use after the last collection. 0 is V8's own rule. */
const GROWTH_PERCENT = 40;

/**
 * Left alone, V8 lets the heap of a program that allocates all the time grow to several times what is in use before it collects. With ten
 * thousand polled entities that is a hundred megabytes of rubbish. From 80 MiB on, it is collected sooner here. Lasts as long as the
 * program and does not keep it running.
 */
export const keepHeapSmall = (): void => {
  let isTight = false;
  setInterval(() => {
    const wasTight = isTight;
    isTight = getHeapStatistics().total_heap_size > SMALL_BYTES;
    if (isTight !== wasTight) setFlagsFromString(`--heap-growing-percent=${isTight ? GROWTH_PERCENT : 0}`);
  }, LOOK_EVERY_MS).unref();
};
