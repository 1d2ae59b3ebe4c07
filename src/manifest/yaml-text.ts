// YAML text to documents. The library's lexer and parser are linear but slow, and its composer recurses, so the text is first
// bounded: characters, size of each document, number of documents and tokens, depth. Called by parse.ts, for anybody's bytes.

import { Composer, CST, Lexer, LineCounter, Parser, type Document } from 'yaml';
import { reject, type Rejection, type RejectionDetail } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { capped, TOO_DEEP, tooDeep, tooLarge, type ParsedDocument, type Position } from './document.ts';
import { positionAt } from './json-text.ts';
import { MAX_DEPTH, MAX_YAML_TOKENS } from '../json-schema/limits.ts';
import { describeYamlErrors } from './yaml-errors.ts';
import { convertDocument, locateIn } from './yaml-value.ts';

export type YamlLimits = { readonly maxDocumentBytes: number; readonly maxDocuments: number };

const OPTIONS = {
  version: '1.2',
  schema: 'core',
  strict: true,
  // Checked in yaml-value.ts: the library compares each key with all others.
  uniqueKeys: false,
  merge: false,
  resolveKnownTags: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

const unreadable = (details: readonly RejectionDetail[]): Rejection => {
  const first = details[0];
  const at = first?.line === undefined ? '' : ` (line ${first.line}, column ${first.column ?? 1})`;
  const more = details.length > 1 ? `, and ${details.length - 1} more` : '';
  return reject(
    'MANIFEST_UNREADABLE',
    `the manifest cannot be read: ${first?.message ?? ''}${at}${more}`,
    capped(details),
  );
};

const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;
const DOCUMENT_START = /^---(?=[ \t\r\n]|$)/gm;
const DOCUMENT_END = /^\.\.\.(?=[ \t\r\n]|$)/gm;

/** Bounds that need no tokens: cheap, and before anything that is not. */
const checkText = (text: string, limits: YamlLimits): Rejection | undefined => {
  const control = text.search(NOT_TEXT);
  if (control !== -1) {
    const code = text.charCodeAt(control).toString(16).padStart(4, '0');
    return unreadable([{ message: `the control character U+${code} is not text`, ...positionAt(text, control) }]);
  }
  const starts = Array.from(text.matchAll(DOCUMENT_START), (match) => match.index);
  const ends = text.match(DOCUMENT_END)?.length ?? 0;
  if (starts.length + ends > 2 * limits.maxDocuments) {
    return reject('MANIFEST_TOO_LARGE', `expected at most ${limits.maxDocuments} documents; split them up`);
  }
  if (text.length * 3 <= limits.maxDocumentBytes) return undefined;
  const bounds = [0, ...starts, text.length];
  for (const [index, start] of bounds.entries()) {
    const size = Buffer.byteLength(text.slice(start, bounds[index + 1] ?? text.length));
    if (size > limits.maxDocumentBytes) {
      return tooLarge('a document', size, limits.maxDocumentBytes, {
        message: `this document has ${Math.ceil(size / 1024)} KiB`,
        ...positionAt(text, start),
      });
    }
  }
  return undefined;
};

const tooDeepAt = (text: string, offset: number): Rejection =>
  tooDeep({ message: TOO_DEEP, ...positionAt(text, offset) });

/** The first offset that is nested too deep, or undefined. Iterative: the tree may be a million levels deep. */
const findTooDeep = (token: CST.Token): number | undefined => {
  const stack: { readonly token: CST.Token; readonly depth: number }[] = [{ token, depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.token.type === 'document') {
      if (top.token.value !== undefined) stack.push({ token: top.token.value, depth: top.depth });
    } else if ('items' in top.token) {
      const depth = top.depth + 1;
      if (depth > MAX_DEPTH) return top.token.offset;
      for (const item of top.token.items) {
        if (item.key !== undefined && item.key !== null) stack.push({ token: item.key, depth });
        if (item.value !== undefined) stack.push({ token: item.value, depth });
      }
    }
  }
  return undefined;
};

const tokenize = (text: string, lines: LineCounter): Result<readonly CST.Token[]> => {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let count = 0;
  let offset = 0;
  let flowDepth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (count > MAX_YAML_TOKENS) {
      const message = `expected at most ${MAX_YAML_TOKENS} YAML tokens; split it up, or send it as JSON`;
      return err(reject('MANIFEST_TOO_LARGE', message, [{ message, ...positionAt(text, offset) }]));
    }
    const type = CST.tokenType(lexeme);
    if (type === 'flow-map-start' || type === 'flow-seq-start') flowDepth += 1;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flowDepth -= 1;
    if (flowDepth > MAX_DEPTH) return err(tooDeepAt(text, offset));
    // Lexemes without text of their own: document mode, end of a broken flow collection, start of a scalar.
    if (type !== 'doc-mode' && type !== 'flow-error-end' && type !== 'scalar') offset += lexeme.length;
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  for (const token of tokens) {
    if (token.type === 'directive') {
      const message = 'YAML directives ("%...") are not accepted; remove the line';
      return err(unreadable([{ message, ...positionAt(text, token.offset) }]));
    }
    const deep = findTooDeep(token);
    if (deep !== undefined) return err(tooDeepAt(text, deep));
  }
  return ok(tokens);
};

/** Broken text makes an error object for nearly every token; without their stacks, which nobody reads, that is four times faster. */
const compose = (tokens: readonly CST.Token[], end: number): readonly Document.Parsed[] => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return [...new Composer(OPTIONS).compose(tokens, false, end)] as readonly Document.Parsed[];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
};

const isEmpty = (document: Document.Parsed): boolean =>
  document.contents === null ||
  ('source' in document.contents && document.contents.source === '' && document.contents.tag === undefined);

/**
 * All documents of a YAML text that are not empty, placeholders resolved.
 * Errors: MANIFEST_UNREADABLE, MANIFEST_TOO_LARGE, MANIFEST_TOO_DEEP, MANIFEST_INVALID (nothing in it).
 */
export const parseYaml = (text: string, limits: YamlLimits): Result<readonly ParsedDocument[]> => {
  const refused = checkText(text, limits);
  if (refused !== undefined) return err(refused);
  const lines = new LineCounter();
  const tokens = tokenize(text, lines);
  if (!tokens.ok) return tokens;

  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const composed = compose(tokens.value, text.length);
  const syntax = describeYamlErrors(
    text,
    composed.flatMap((document) => [...document.errors, ...document.warnings]),
    positionOf,
  );
  if (syntax.length > 0) return err(unreadable(syntax));

  const sources = composed.filter((document) => !isEmpty(document));
  if (sources.length > limits.maxDocuments) {
    return err(reject('MANIFEST_TOO_LARGE', `expected at most ${limits.maxDocuments} documents; split them up`));
  }
  const problems: RejectionDetail[] = [];
  const documents = sources.map((source, index): ParsedDocument => {
    const converted = convertDocument(source, limits.maxDocumentBytes);
    for (const { offset, ...detail } of converted.problems) {
      problems.push({ ...detail, ...(sources.length > 1 ? { document: index } : {}), ...positionOf(offset) });
    }
    const locate = (pointer: string): Position | undefined => {
      const offset = locateIn(source, pointer);
      return offset === undefined ? undefined : positionOf(offset);
    };
    const { value, leadingZeros, placeholders } = converted;
    return {
      ...{ value, index, total: sources.length, locate },
      ...(leadingZeros.length === 0 ? {} : { leadingZeros }),
      ...(placeholders.length === 0 ? {} : { placeholders }),
    };
  });
  return problems.length > 0 ? err(unreadable(problems)) : ok(documents);
};
