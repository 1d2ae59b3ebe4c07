// A receipt in the room that there is for it.

import type { Receipt } from './commands.ts';
import { sizeOf } from './answer-room.ts';

/** What can be spared of a receipt that is too large, first to last: others can look it up, or ask for less at once. */
const SPARED = ['preview', 'warnings', 'leftBehind', 'entities', 'events'] as const;

/** The receipt if it takes at most `roomBytes` as it is sent, else one without what can be spared, which says so. */
export const fittingReceipt = (receipt: Receipt, roomBytes: number): Receipt => {
  const bytes = sizeOf(receipt);
  const fields: (typeof SPARED)[number][] = [];
  let shown = receipt;
  for (const field of SPARED) {
    if (sizeOf(shown) <= roomBytes) break;
    if (receipt[field] === undefined) continue;
    fields.push(field);
    const { [field]: _spared, ...rest } = shown;
    shown = { events: [], ...rest, leftOut: { fields: [...fields], bytes, maxBytes: roomBytes } };
  }
  return shown;
};
