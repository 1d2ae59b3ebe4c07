// From the YAML library's tree to a JSON value, with what JSON cannot hold refused by pointer and offset, and back from a pointer
// to an offset. The library's own toJS is not used: it follows aliases without a bound that we could explain. Depth is bounded
// by yaml-text.ts, so recursion is safe here.

import { isAlias, isMap, isScalar, isSeq, type Document } from 'yaml';
import { fromPointer, pointerToken, type JsonValue } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import { numberProblem, PROTO_KEY, TOO_DEEP, type Placeholder } from './document.ts';
import { MAX_DEPTH, MAX_PROBLEMS } from '../json-schema/limits.ts';
import { EMPTY_PLACEHOLDER, hasWords, resolveText } from './placeholders.ts';

export type YamlProblem = RejectionDetail & { readonly offset: number };
type Node = unknown;
/** `size` is about the bytes of the value as JSON, `depth` its levels: what an alias to it costs. */
type Converted = { readonly value: JsonValue; readonly size: number; readonly depth: number };
type Conversion = {
  readonly problems: YamlProblem[];
  /** What each anchor stands for so far; `undefined` while it is being read. */
  readonly anchors: Map<string, Converted | undefined>;
  /** Pointers to numbers such as 017, which other readers take for octal ones. */
  readonly leadingZeros: string[];
  /** Texts that held a placeholder. */
  readonly placeholders: Placeholder[];
  /** How many bytes aliases may still add. */
  aliasBytes: number;
};

const LEADING_ZERO = /^[-+]?0\d/;
const NOTHING: Converted = { value: null, size: 4, depth: 0 };

const offsetOf = (node: Node): number => {
  const range = (node as { readonly range?: readonly [number, number, number] | null } | null)?.range;
  return range?.[0] ?? 0;
};

const note = (conversion: Conversion, node: Node, pointer: string, message: string): Converted => {
  if (conversion.problems.length <= MAX_PROBLEMS)
    conversion.problems.push({ message, pointer, offset: offsetOf(node) });
  return NOTHING;
};

const convertText = (conversion: Conversion, node: Node, text: string, pointer: string): Converted => {
  const value = resolveText(text);
  if (value === undefined) return note(conversion, node, pointer, EMPTY_PLACEHOLDER);
  if (value !== text && conversion.placeholders.length < MAX_PROBLEMS)
    conversion.placeholders.push({ pointer, isWords: hasWords(text) });
  return { value, size: value.length + 2, depth: 0 };
};

const convertScalar = (conversion: Conversion, node: Node, value: unknown, pointer: string): Converted => {
  if (typeof value === 'string') return convertText(conversion, node, value, pointer);
  if (typeof value === 'number') {
    const problem = numberProblem(value);
    if (problem !== undefined) return note(conversion, node, pointer, problem);
    const { source } = node as { readonly source?: string };
    if (source !== undefined && LEADING_ZERO.test(source) && conversion.leadingZeros.length < MAX_PROBLEMS)
      conversion.leadingZeros.push(pointer);
    return { value: Object.is(value, -0) ? 0 : value, size: 8, depth: 0 };
  }
  if (typeof value === 'boolean') return { value, size: 5, depth: 0 };
  if (value === null || value === undefined) return NOTHING;
  return note(conversion, node, pointer, 'this kind of value is not accepted; quote it as text');
};

const convertAlias = (conversion: Conversion, node: Node, name: string, pointer: string, level: number): Converted => {
  const target = conversion.anchors.get(name);
  if (target === undefined) {
    const why = conversion.anchors.has(name)
      ? 'stands inside what it refers to'
      : 'refers to an anchor that is not defined before it';
    return note(conversion, node, pointer, `the alias "*${name.slice(0, 60)}" ${why}`);
  }
  conversion.aliasBytes -= target.size;
  if (conversion.aliasBytes < 0)
    return note(conversion, node, pointer, 'the aliases expand to more than a document may have');
  if (level + target.depth > MAX_DEPTH) return note(conversion, node, pointer, TOO_DEEP);
  return target;
};

/** The key as text, or undefined after a note. */
const convertKey = (conversion: Conversion, key: Node, pointer: string, parent: Node): string | undefined => {
  const value: unknown = isScalar(key) ? key.value : undefined;
  if (typeof value === 'string' && value !== '__proto__' && value !== '<<') return value;
  const at = key === null || offsetOf(key) === 0 ? parent : key;
  const child = isScalar(key) ? `${pointer}/${pointerToken(String(value).slice(0, 60))}` : pointer;
  if (value === '__proto__') note(conversion, at, child, PROTO_KEY);
  else if (value === '<<') note(conversion, at, child, 'merge keys ("<<") are not accepted; write the fields out');
  else if (isScalar(key) && value !== null)
    note(conversion, at, child, `the key ${String(value).slice(0, 60)} is not text; quote it`);
  else note(conversion, at, pointer, 'expected a key that is text');
  return undefined;
};

const convertMap = (
  conversion: Conversion,
  node: Node,
  items: readonly { readonly key: unknown; readonly value: unknown }[],
  pointer: string,
  level: number,
): Converted => {
  const value: Record<string, JsonValue> = {};
  const seen = new Set<string>();
  let size = 2;
  let depth = 0;
  for (const pair of items) {
    const key = convertKey(conversion, pair.key, pointer, node);
    if (key === undefined) continue;
    const at = `${pointer}/${pointerToken(key)}`;
    if (seen.has(key)) note(conversion, pair.key, at, `the key "${key.slice(0, 60)}" is given twice`);
    seen.add(key);
    const child = convertNode(conversion, pair.value, at, level + 1);
    value[key] = child.value;
    size += key.length + 4 + child.size;
    depth = Math.max(depth, child.depth);
  }
  return { value, size, depth: depth + 1 };
};

const convertUnanchored = (conversion: Conversion, node: Node, pointer: string, level: number): Converted => {
  if (isScalar(node)) return convertScalar(conversion, node, node.value, pointer);
  if (isMap(node)) return convertMap(conversion, node, node.items, pointer, level);
  if (!isSeq(node)) return NOTHING;
  const items = node.items.map((item, index) => convertNode(conversion, item, `${pointer}/${index}`, level + 1));
  return {
    value: items.map((item) => item.value),
    size: items.reduce((sum, item) => sum + item.size + 1, 2),
    depth: items.reduce((deepest, item) => Math.max(deepest, item.depth), 0) + 1,
  };
};

const convertNode = (conversion: Conversion, node: Node, pointer: string, level: number): Converted => {
  if (isAlias(node)) return convertAlias(conversion, node, node.source, pointer, level);
  const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
  if (anchor === undefined) return convertUnanchored(conversion, node, pointer, level);
  conversion.anchors.set(anchor, undefined);
  const converted = convertUnanchored(conversion, node, pointer, level);
  conversion.anchors.set(anchor, converted);
  return converted;
};

/** The document as JSON; when there are problems the value is not to be used. Aliases may add `maxAliasBytes` in all. */
export const convertDocument = (
  document: Document.Parsed,
  maxAliasBytes: number,
): Pick<Conversion, 'problems' | 'leadingZeros' | 'placeholders'> & { readonly value: JsonValue } => {
  const conversion: Conversion = {
    ...{ problems: [], anchors: new Map(), leadingZeros: [], placeholders: [], aliasBytes: maxAliasBytes },
  };
  const { value } = convertNode(conversion, document.contents, '', 0);
  const { problems, leadingZeros, placeholders } = conversion;
  return { value, problems, leadingZeros, placeholders };
};

/** Offset of a field's key or of a list's item, or of the nearest thing around it that exists. */
export const locateIn = (document: Document.Parsed, pointer: string): number | undefined => {
  let node: Node = document.contents;
  let offset = offsetOf(node);
  for (const segment of fromPointer(pointer)) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === segment);
      if (pair === undefined) return offset;
      offset = offsetOf(pair.key);
      node = pair.value;
    } else if (isSeq(node)) {
      const item: Node = node.items[Number(segment)];
      if (item === undefined) return offset;
      offset = offsetOf(item);
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
};
