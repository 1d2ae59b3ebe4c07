// Bytes to documents: the door through which every manifest, command body and query body comes. JSON is the hot path (a few
// microseconds); everything else is YAML. Never throws, whatever the bytes; all problems are in one answer.

import { decodeText } from '../core/decode.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { reject, type Rejection, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { MAX_DOCUMENTS } from '../messages/commands.ts';
import {
  capped,
  jsonDocument,
  positioned,
  TOO_DEEP,
  tooDeep,
  tooLarge,
  type ParsedDocument,
  type Placeholder,
} from './document.ts';
import { mayHoldSecret, withoutExcerpts } from './delicate.ts';
import { countKeys, positionAt, readJson, scanJson } from './json-text.ts';
import { MAX_COMMAND_BYTES, MAX_DEPTH, MAX_DOCUMENT_BYTES } from '../json-schema/limits.ts';
import { PLACEHOLDER_START, resolvePlaceholders } from './placeholders.ts';
import { parseYaml } from './yaml-text.ts';

export type { ParsedDocument, Position } from './document.ts';

export type ParseLimits = {
  readonly maxBytes: number;
  readonly maxDocumentBytes: number;
  readonly maxDocuments: number;
};

const DEFAULTS: ParseLimits = {
  maxBytes: MAX_COMMAND_BYTES,
  maxDocumentBytes: MAX_DOCUMENT_BYTES,
  maxDocuments: MAX_DOCUMENTS,
};

const unreadable = (message: string, details: readonly RejectionDetail[] = []): Rejection =>
  reject('MANIFEST_UNREADABLE', message, capped(details));

const notUtf8 = (data: Uint8Array): Rejection => {
  const isUtf16 = (data[0] === 0xff && data[1] === 0xfe) || (data[0] === 0xfe && data[1] === 0xff);
  if (isUtf16) return unreadable('expected UTF-8, found UTF-16; save the file as UTF-8');
  const loose = new TextDecoder('utf-8').decode(data);
  const at = positionAt(loose, Math.max(loose.indexOf('\ufffd'), 0));
  const detail = { message: 'here is a byte that is not UTF-8', ...at };
  return unreadable(`expected UTF-8, found other bytes in line ${at.line}; save the file as UTF-8`, [detail]);
};

const firstOffset = (text: string): number => {
  for (let offset = 0; offset < text.length; offset += 1) {
    const code = text.charCodeAt(offset);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return offset;
  }
  return -1;
};

const parseOrUndefined = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

const invalidJson = (problems: readonly RejectionDetail[]): Rejection => {
  const first = problems[0];
  const at = first?.line === undefined ? '' : ` (line ${first.line}, column ${first.column ?? 1})`;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return unreadable(`the manifest cannot be read: ${first?.message ?? ''}${at}${more}`, problems);
};

const notMappings = (documents: readonly ParsedDocument[]): Rejection | undefined => {
  const wrong = documents.filter((document) => !isJsonObject(document.value));
  if (wrong.length === 0) return undefined;
  const message = 'expected a mapping (fields and values); separate several documents with "---"';
  return reject(
    'MANIFEST_INVALID',
    message,
    capped(wrong.map((document) => positioned({ message, pointer: '' }, document))),
  );
};

const withPlaceholders = (document: ParsedDocument, placeholders: readonly Placeholder[]): ParsedDocument =>
  placeholders.length === 0 ? document : { ...document, placeholders };

/** Those below a place, pointed to from there. */
const within = (placeholders: readonly Placeholder[], place: string): readonly Placeholder[] =>
  placeholders
    .filter(({ pointer }) => pointer.startsWith(`${place}/`))
    .map(({ pointer, ...rest }) => ({ ...rest, pointer: pointer.slice(place.length) }));

const jsonDocuments = (
  parsed: JsonValue,
  text: string,
  byteLength: number,
  limits: ParseLimits,
): Result<readonly ParsedDocument[]> => {
  const problems: RejectionDetail[] = [];
  const placeholders: Placeholder[] = [];
  const value = text.includes(PLACEHOLDER_START) ? resolvePlaceholders(parsed, problems, placeholders) : parsed;
  if (problems.length > 0) return err(invalidJson(problems));
  if (!Array.isArray(value)) {
    if (byteLength > limits.maxDocumentBytes) return err(tooLarge('a document', byteLength, limits.maxDocumentBytes));
    return ok([withPlaceholders(jsonDocument(value), placeholders)]);
  }
  const items = value as readonly JsonValue[];
  if (items.length > limits.maxDocuments) {
    return err(
      reject(
        'MANIFEST_TOO_LARGE',
        `expected at most ${limits.maxDocuments} documents, found ${items.length}; split them up`,
      ),
    );
  }
  if (byteLength > limits.maxDocumentBytes) {
    for (const [index, item] of items.entries()) {
      const size = Buffer.byteLength(JSON.stringify(item));
      if (size > limits.maxDocumentBytes) {
        const detail = { message: `this document has ${Math.ceil(size / 1024)} KiB`, document: index };
        return err(tooLarge('a document', size, limits.maxDocumentBytes, detail));
      }
    }
  }
  const documents = items.map((item, index) => jsonDocument(item, index, items.length));
  if (placeholders.length === 0) return ok(documents);
  return ok(documents.map((document) => withPlaceholders(document, within(placeholders, `/${document.index}`))));
};

/** What starts like JSON as programs write it is explained as JSON; `{name: x}` is YAML's own notation. */
const LOOKS_LIKE_JSON = /^\s*(?:\{\s*["}]|\[\s*[[{"\]])/;

const parseJson = (
  text: string,
  start: number,
  byteLength: number,
  limits: ParseLimits,
): Result<readonly ParsedDocument[]> => {
  // A list around the documents is not a level of theirs.
  const isList = text.charCodeAt(start) === 0x5b;
  const scan = scanJson(text, isList ? MAX_DEPTH + 1 : MAX_DEPTH);
  if (scan.deepestOffset !== -1) {
    return err(tooDeep({ message: TOO_DEEP, ...positionAt(text, scan.deepestOffset) }));
  }
  const value = parseOrUndefined(text);
  if (value === undefined) {
    const asYaml = parseYaml(text, limits);
    const isJson = LOOKS_LIKE_JSON.test(text) && !text.includes('\n---');
    if (asYaml.ok || asYaml.error.code !== 'MANIFEST_UNREADABLE' || !isJson) return asYaml;
    return err(invalidJson(readJson(text).problems));
  }
  if (countKeys(value) === scan.colons) return jsonDocuments(value, text, byteLength, limits);
  const read = readJson(text);
  return read.problems.length > 0
    ? err(invalidJson(read.problems))
    : jsonDocuments(read.value, text, byteLength, limits);
};

/**
 * The documents in `data`: JSON (one object, or a list of them) or YAML (one or more documents separated by `---`; empty ones are
 * skipped). Placeholders `${{x}}` are resolved. Every value is a mapping of at most 64 levels.
 * Limits default to 1 MiB in all, 256 KiB for each document, 1000 documents.
 * Errors: MANIFEST_UNREADABLE, MANIFEST_TOO_LARGE, MANIFEST_TOO_DEEP, MANIFEST_INVALID, with line and column where known. What cannot be read and
 * may hold a secret is explained without a word of it.
 */
export const parseManifests = (
  data: Uint8Array,
  options: Partial<ParseLimits> = {},
): Result<readonly ParsedDocument[]> => {
  const limits = { ...DEFAULTS, ...options };
  if (data.byteLength > limits.maxBytes) return err(tooLarge('a command', data.byteLength, limits.maxBytes));
  const text = decodeText(data);
  if (text === undefined) return err(notUtf8(data));
  const start = firstOffset(text);
  if (start === -1) return err(unreadable('expected a manifest in JSON or YAML, found nothing'));
  const first = text.charCodeAt(start);
  const isJson = first === 0x7b || first === 0x5b;
  const parsed = isJson ? parseJson(text, start, data.byteLength, limits) : parseYaml(text, limits);
  if (!parsed.ok) {
    const mayBeShown = parsed.error.code !== 'MANIFEST_UNREADABLE' || !mayHoldSecret(data);
    return mayBeShown ? parsed : err(withoutExcerpts(parsed.error));
  }
  if (parsed.value.length === 0) {
    const message = 'expected at least one document with fields, found none';
    return err(unreadable(message, [{ message, pointer: '' }]));
  }
  const refused = notMappings(parsed.value);
  return refused === undefined ? parsed : err(refused);
};
