// `${{inner}}` is the operator page's notation for "put your value here". A published manifest is usable as it stands: every
// occurrence in a value stands for its inner text. parse.ts calls this for JSON, yaml-value.ts for YAML.

import { toPointer, type JsonValue } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import type { Placeholder } from './document.ts';

const PLACEHOLDER = /\$\{\{([^{}]*)\}\}/g;

export const PLACEHOLDER_START = '${{';
export const EMPTY_PLACEHOLDER = 'placeholder without a value: write the value in place of ${{}}';

/** Whether a placeholder says in words what belongs there, as `${{azure client secret}}` does. */
export const hasWords = (text: string): boolean =>
  [...text.matchAll(PLACEHOLDER)].some(([, inner = '']) => /\S\s+\S/.test(inner));

/** The text with every placeholder replaced by its trimmed inner text; undefined when one of them is empty. */
export const resolveText = (text: string): string | undefined => {
  if (!text.includes(PLACEHOLDER_START)) return text;
  let empty = false;
  const resolved = text.replaceAll(PLACEHOLDER, (_, inner: string) => {
    const value = inner.trim();
    if (value === '') empty = true;
    return value;
  });
  return empty ? undefined : resolved;
};

/**
 * A copy with all placeholders resolved, and where they stood in `found`; empty ones are added to `problems`. The value is at most MAX_DEPTH
 * deep.
 */
export const resolvePlaceholders = (
  value: JsonValue,
  problems: RejectionDetail[],
  found: Placeholder[],
  path: readonly (string | number)[] = [],
): JsonValue => {
  if (typeof value === 'string') {
    const resolved = resolveText(value);
    if (resolved === undefined) problems.push({ message: EMPTY_PLACEHOLDER, pointer: toPointer(path) });
    else if (resolved !== value) found.push({ pointer: toPointer(path), isWords: hasWords(value) });
    return resolved ?? value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((item, index) =>
      resolvePlaceholders(item, problems, found, [...path, index]),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolvePlaceholders(item, problems, found, [...path, key])]),
  );
};
