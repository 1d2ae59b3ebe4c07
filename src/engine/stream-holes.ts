// A stream that never loses a message has no hole. A message that cannot be read, or was removed, leaves one, and what is missing is not what never was.

import { Fault } from '../core/fault.ts';

export const holeIn = (stream: string, from: number, to: number): Fault =>
  new Fault(
    'STREAM_DAMAGED',
    `${stream} lacks ${from === to ? `#${from}` : `#${from} to #${to}`}, and nothing may be removed from it; restore it from a backup`,
    { details: { stream, from, to } },
  );
