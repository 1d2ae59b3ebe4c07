// The file in which a component keeps what it works on, so that somebody can say it after the component has died in any way: fixed places, one
// key each, written before a reconcile begins and emptied after it. Written by the SDK, read by the drivers. Pure.

import { isToken } from '../core/names.ts';

/** A key is two names and a dot. */
export const PLACE_BYTES = 160;
/** Of more reconciles at once the rest is not told. */
export const MAX_PLACES = 32;
export const AT_WORK_VARIABLE = 'OPSTREAM_AT_WORK_FILE';

/** What stands in a place; empty: nothing is worked on. ASCII, so characters are bytes. */
export const placeText = (key: string): string => `${key.slice(0, PLACE_BYTES - 1).padEnd(PLACE_BYTES - 1)}\n`;

/** The keys in the file. It is a component's, so what is no key is left out. */
export const keysAtWork = (text: string): readonly string[] =>
  text
    .split('\n')
    .slice(0, MAX_PLACES)
    .map((line) => line.trim())
    .filter((line) => {
      const parts = line.split('.');
      return parts.length === 2 && parts.every(isToken);
    });
