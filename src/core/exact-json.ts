// JSON.parse that loses no digits: an id such as 9007199254740993 would become …992, which is somebody else's. A whole number that a double
// cannot keep becomes text with the digits it was written with, and so does a number that a double has no place for (1e999). Used for answers of
// external APIs and for what jq puts out. Surprising: such a number does not equal itself as a number, and arithmetic on it fails.

import type { JsonValue } from './json.ts';

const NUMBER = /-?\d[\d.eE+-]*/g;
const WHOLE = /^-?\d+$/;
/** Shorter ones fit. */
const MAY_BE_LOST = /\d{16}|[eE]\+?\d{3}/;

const isLost = (number: string): boolean => {
  const value = Number(number);
  if (!Number.isFinite(value)) return true;
  return WHOLE.test(number) && number !== '-0' && String(value) !== number;
};

/** Offset behind the string that begins at `start`, in text that is JSON. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
};

/** Not one expression for strings and numbers: on a string of megabytes it needs more stack than there is. */
const withDigits = (text: string): string => {
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const quote = text.indexOf('"', from);
    const until = quote === -1 ? text.length : quote;
    pieces.push(text.slice(from, until).replaceAll(NUMBER, (number) => (isLost(number) ? `"${number}"` : number)));
    from = quote === -1 ? text.length : endOfString(text, quote);
    pieces.push(text.slice(until, from));
  }
  return pieces.join('');
};

/** Throws SyntaxError as JSON.parse does. */
export const parseExactJson = (text: string): JsonValue => {
  const value = JSON.parse(text) as JsonValue;
  return MAY_BE_LOST.test(text) ? (JSON.parse(withDigits(text)) as JsonValue) : value;
};
