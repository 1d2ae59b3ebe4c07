// What the value of a flag may be. Each flag that takes a value names one of these (`is`), and the parser of arguments asks it for every value
// before the verb runs. So nothing is sent, started or written while a flag of the same call is wrong. Pure.

import { isToken, printable, TOKEN_RULE } from '../core/names.ts';
import { nearestName } from '../json-schema/nearest.ts';
import { DURATION_RULE, parseDurationMs } from '../program/duration.ts';

/** What was expected and found, when `text` will not do. */
export type ValueRule = (text: string) => string | undefined;

const expected = (rule: string, text: string): string => `expected ${rule}; found "${printable(text)}"`;

/** Any text: what it means is judged elsewhere (by the command-handler, or by the verb when it reads the file). */
export const anyText: ValueRule = () => undefined;

export const aToken: ValueRule = (text) => (isToken(text) ? undefined : expected(TOKEN_RULE, text));

export const aCount: ValueRule = (text) =>
  /^\d{1,15}$/.test(text) ? undefined : expected('a whole number from 0', text);

export const aDuration: ValueRule = (text) =>
  parseDurationMs(text) === undefined ? expected(DURATION_RULE, text) : undefined;

export const oneOf =
  (...choices: readonly string[]): ValueRule =>
  (text) => {
    if (choices.includes(text)) return undefined;
    const nearest = nearestName(text, choices);
    return `${expected(choices.join(', '), text)}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`;
  };
