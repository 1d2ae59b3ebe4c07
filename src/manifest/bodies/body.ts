// Reads the small JSON or YAML object that a targeted command or a query carries, and checks its shape. What is wrong with it is told in the
// terms of commands and queries, not of manifests.

import { isToken, printable, TOKEN_RULE } from '../../core/names.ts';
import { reject, type RejectionCode, type RejectionDetail } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { jsonDocument, positioned, type ParsedDocument } from '../document.ts';
import { parseManifests } from '../parse.ts';
import type { Shape } from './shape.ts';

export type Body = { readonly value: JsonObject; readonly document: ParsedDocument };

export const TYPES: JsonObject = { enum: ['resource', 'operator', 'secret'] };
export const TOKEN: JsonObject = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]{0,62}[a-z0-9])?$',
  'x-expected': TOKEN_RULE,
  'x-code': 'NAME_INVALID',
};
/** Sequences and generations. */
export const COUNT: JsonObject = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

const isBlank = (data: Uint8Array): boolean =>
  data.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);

/** `code` for everything, except that a body that is too large says so. */
export const refuseBody = (code: RejectionCode, what: string, details: readonly RejectionDetail[]): Result<never> => {
  const [first] = details;
  const at = first?.pointer === undefined || first.pointer === '' ? '' : `${first.pointer}: `;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  const isName = code === 'COMMAND_INVALID' && details.every((detail) => detail.code === 'NAME_INVALID');
  return err(reject(isName ? 'NAME_INVALID' : code, `${what}: ${at}${first?.message ?? ''}${more}`, details));
};

/** The body as an object of that shape; an empty body is `{}`. */
export const readBody = (data: Uint8Array, code: RejectionCode, what: string, shape: Shape): Result<Body> => {
  const parsed = isBlank(data) ? ok([jsonDocument({})]) : parseManifests(data);
  if (!parsed.ok) {
    const { error } = parsed;
    return err(error.code === 'MANIFEST_TOO_LARGE' ? error : { ...error, code, message: `${what}: ${error.message}` });
  }
  const [document, ...others] = parsed.value;
  if (document === undefined || others.length > 0 || !isJsonObject(document.value)) {
    return refuseBody(code, what, [{ message: 'expected one object', pointer: '' }]);
  }
  const problems = shape.problems(document.value);
  return problems.length > 0
    ? refuseBody(
        code,
        what,
        problems.map((problem) => positioned(problem, document)),
      )
    : ok({ value: document.value, document });
};

/** A problem with a name that was given beside the body, or undefined. */
export const tokenProblem = (value: string, what: string, pointer: string): RejectionDetail | undefined =>
  isToken(value)
    ? undefined
    : { message: `expected ${what} of ${TOKEN_RULE}; found "${printable(value)}"`, pointer, code: 'NAME_INVALID' };
