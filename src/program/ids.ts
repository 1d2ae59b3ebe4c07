// New ids: UUID v7, lower case, so that ids made later sort later and every id is a subject token. Random bytes are drawn for many ids at
// once: asking the system for sixteen at a time costs more than making the id.

import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';
import type { IdSource } from '../engine/ports/clock.ts';

const BYTES_PER_ID = 16;
const pool = new Uint8Array(BYTES_PER_ID * 512);
let used = pool.length;

const nextRandom = (): Uint8Array => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES_PER_ID;
  return pool.subarray(used - BYTES_PER_ID, used);
};

export const uuidSource: IdSource = { next: () => v7({ random: nextRandom() }) };
