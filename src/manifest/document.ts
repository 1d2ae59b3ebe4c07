// One parsed document, and the way from a problem in it to a line and a column. Made by parse.ts from bytes, and by
// documentFromValue from a manifest that was changed by a patch.

import { toPointer, type JsonValue } from '../core/json.ts';
import { reject, type Rejection, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { isExactNumber, MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_PROBLEMS } from '../json-schema/limits.ts';

/** Both from 1. Columns count UTF-16 units. */
export type Position = { readonly line: number; readonly column: number };

/** Where a placeholder `${{…}}` was replaced by its text. `isWords`: the text is of several words. */
export type Placeholder = { readonly pointer: string; readonly isWords: boolean };

export type ParsedDocument = {
  readonly value: JsonValue;
  /** From 0, counting the documents that are not empty. */
  readonly index: number;
  /** How many documents there were together; 1 unless given. */
  readonly total?: number;
  /** Pointers to numbers with a leading zero in YAML, which YAML 1.2 reads as decimal ones (017 is 17); absent when there are none. */
  readonly leadingZeros?: readonly string[];
  /** Texts that held a placeholder; absent when there are none. */
  readonly placeholders?: readonly Placeholder[];
  /** Where the field of a JSON Pointer starts, or the nearest thing around it; undefined when the input was JSON. */
  readonly locate: (pointer: string) => Position | undefined;
};

const nowhere = (): undefined => undefined;

export const jsonDocument = (value: JsonValue, index = 0, total = 1): ParsedDocument => ({
  value,
  index,
  total,
  locate: nowhere,
});

/** `detail` with line, column and document filled in, as far as they are known. */
export const positioned = (detail: RejectionDetail, document: ParsedDocument): RejectionDetail => ({
  ...detail,
  ...((document.total ?? 1) > 1 ? { document: document.index } : {}),
  ...(detail.pointer === undefined ? undefined : document.locate(detail.pointer)),
});

/** A rejection about one document (for example of its spec) with line, column and document filled in. */
export const withPositions = (rejection: Rejection, document: ParsedDocument): Rejection => ({
  ...rejection,
  details: rejection.details.map((detail) => positioned(detail, document)),
});

/** At most MAX_PROBLEMS of them, with a word on how many were left out. */
export const capped = (details: readonly RejectionDetail[]): readonly RejectionDetail[] =>
  details.length <= MAX_PROBLEMS
    ? details
    : [
        ...details.slice(0, MAX_PROBLEMS - 1),
        { message: `and at least ${details.length - MAX_PROBLEMS + 1} more problems; put these right first` },
      ];

const INEXACT = 'whole numbers beyond 9007199254740991 and infinite ones cannot be kept exactly; quote it as text';
export const PROTO_KEY = 'the key "__proto__" is not accepted';
export const numberProblem = (value: number): string | undefined => (isExactNumber(value) ? undefined : INEXACT);

const inspect = (value: JsonValue, path: (string | number)[], problems: RejectionDetail[]): number => {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value === 'number') {
    const message = numberProblem(value);
    if (message !== undefined) problems.push({ message, pointer: toPointer(path) });
    return 8;
  }
  if (typeof value !== 'object' || value === null) return 4;
  if (path.length >= MAX_DEPTH) {
    problems.push({ message: TOO_DEEP, pointer: toPointer(path), code: 'MANIFEST_TOO_DEEP' });
    return 2;
  }
  let size = 2;
  for (const [key, item] of Object.entries(value)) {
    path.push(key);
    if (key === '__proto__') problems.push({ message: PROTO_KEY, pointer: toPointer(path) });
    size += key.length + 4 + inspect(item as JsonValue, path, problems);
    path.pop();
    if (size > MAX_DOCUMENT_BYTES || problems.length > MAX_PROBLEMS) break;
  }
  return size;
};

export const TOO_DEEP = `nested deeper than ${MAX_DEPTH} levels`;

export const tooDeep = (detail: RejectionDetail): Rejection =>
  reject('MANIFEST_TOO_DEEP', `expected at most ${MAX_DEPTH} levels of mappings and lists`, [detail]);

export const tooLarge = (what: string, foundBytes: number, limitBytes: number, detail?: RejectionDetail): Rejection =>
  reject(
    'MANIFEST_TOO_LARGE',
    `expected ${what} of at most ${limitBytes / 1024} KiB, found ${Math.ceil(foundBytes / 1024)} KiB; split it up`,
    detail === undefined ? [] : [detail],
  );

/**
 * A document from a value that this program already has (a stored manifest after a patch). The same limits hold as for bytes.
 * Errors: MANIFEST_TOO_DEEP, MANIFEST_TOO_LARGE, MANIFEST_INVALID.
 */
export const documentFromValue = (value: JsonValue): Result<ParsedDocument> => {
  const problems: RejectionDetail[] = [];
  const size = inspect(value, [], problems);
  if (size > MAX_DOCUMENT_BYTES) return err(tooLarge('a document', size, MAX_DOCUMENT_BYTES));
  const deep = problems.find((problem) => problem.code === 'MANIFEST_TOO_DEEP');
  if (deep !== undefined) return err(tooDeep(deep));
  if (problems.length > 0)
    return err(reject('MANIFEST_INVALID', 'the manifest cannot be kept as JSON', capped(problems)));
  return ok(jsonDocument(value));
};
