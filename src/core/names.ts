// The one validator for names that become subject tokens, KV keys and consumer names. npm nats does not check subjects
// (a CR/LF in one injects protocol commands), so nothing reaches a subject without having passed here.

import { err, ok, type Result } from './result.ts';
import { reject } from './rejection.ts';

const TOKEN = /^[a-z0-9]([-a-z0-9]{0,62}[a-z0-9])?$/;

/** What the pattern says, in words for messages. */
export const TOKEN_RULE =
  'lower-case letters, digits and "-", starting and ending with a letter or digit, 1 to 64 characters';

/** The workspace token of instance-level things (operators), which live in no workspace. */
export const NO_WORKSPACE = '_';

export const isToken = (value: unknown): value is string => typeof value === 'string' && TOKEN.test(value);

/** A short, printable form of any input for messages: never longer than 60 characters, no control characters. */
export const printable = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const safe = text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
};

/** `value` when it is a token, else NAME_INVALID with `pointer`. */
export const parseToken = (value: unknown, what: string, pointer?: string): Result<string> =>
  isToken(value)
    ? ok(value)
    : err(
        reject('NAME_INVALID', `${what} must be ${TOKEN_RULE}; found "${printable(value)}"`, [
          { message: `expected ${TOKEN_RULE}`, ...(pointer === undefined ? {} : { pointer }) },
        ]),
      );

/** For names that this program made or has already validated: throws, because a bad one here is a bug. */
export const assertToken = (value: string): string => {
  if (value !== NO_WORKSPACE && !isToken(value)) throw new Error(`not a subject token: "${printable(value)}"`);
  return value;
};
