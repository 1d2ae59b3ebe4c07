// Whether bytes that somebody sent may hold a secret in the clear, told without understanding them: what cannot be read is the very case in which
// it must be known. It errs on the side of yes. Called where bytes, or excerpts of them, would otherwise be kept or shown.

import type { Rejection } from '../core/rejection.ts';

/** Cheap, and true of everything that SIGNS match in usual spelling; `\u`, `\x` and NUL are ways to write letters otherwise. */
const HINTS = ['ecret', 'ECRET', 'piKey', 'PIKEY', '\\u', '\\x', '\0'].map((hint) => Buffer.from(hint, 'latin1'));
/** A field `secret` or `runAsApiKey`, a JSON Pointer to either, a `type: secret`; or letters written as escapes. */
const SIGNS = /(?:^|["'\s{,?[])secrets?["']?\s*:|\/secret|type["']?\s*:\s*["']?secret|runAsApiKey|\\u00[4-7]|\\x[4-7]/i;

export const mayHoldSecret = (data: Uint8Array): boolean => {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return HINTS.some((hint) => bytes.includes(hint)) && SIGNS.test(bytes.toString('latin1').replaceAll('\0', ''));
};

export const WITHHELD = '(withheld: it may hold a secret in the clear)';

const EXPLANATION =
  'this cannot be read as YAML or JSON; what stands here is not shown, because the text may hold a secret. Check spaces, quotes, colons and brackets at and above this line (no tabs; quote values with special characters)';

/** The refusal of bytes that cannot be read, with nothing in it but where. */
export const withoutExcerpts = (rejection: Rejection): Rejection => {
  const [first] = rejection.details;
  const at = first?.line === undefined ? '' : ` (line ${first.line}, column ${first.column ?? 1})`;
  return {
    code: rejection.code,
    message: `the manifest cannot be read${at}: ${EXPLANATION}`,
    details: rejection.details.map(({ line, column, document }) => ({
      message: EXPLANATION,
      ...(document === undefined ? {} : { document }),
      ...(line === undefined ? {} : { line }),
      ...(column === undefined ? {} : { column }),
    })),
  };
};
