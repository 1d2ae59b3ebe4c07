// One text for equal JSON values (keys sorted), so that `enum`, `const` and `uniqueItems` compare by hash in linear time; ajv compares each
// pair. Values are at most MAX_DEPTH deep.

import type { JsonValue } from '../core/json.ts';

export const canonical = (value: JsonValue): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonical).join(',')}]`;
  const object = value as { readonly [key: string]: JsonValue };
  const fields = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key] as JsonValue)}`);
  return `{${fields.join(',')}}`;
};

/** Whether no two items are equal. `charge` is told the size of what is compared. */
export const areUnique = (items: readonly JsonValue[], charge: (steps: number) => void): boolean => {
  const plain = new Set<JsonValue>();
  const composite = new Set<string>();
  for (const item of items) {
    if (typeof item !== 'object' || item === null) {
      charge(1 / 16);
      if (plain.has(item)) return false;
      plain.add(item);
    } else {
      const text = canonical(item);
      charge(1 + text.length / 64);
      if (composite.has(text)) return false;
      composite.add(text);
    }
  }
  return true;
};

/** A test for "equal to one of these". */
export const oneOfThese = (allowed: readonly JsonValue[], charge: (steps: number) => void) => {
  const plain = new Set(allowed.filter((item) => typeof item !== 'object' || item === null));
  const composite = new Set(allowed.filter((item) => typeof item === 'object' && item !== null).map(canonical));
  return (value: JsonValue): boolean => {
    if (typeof value !== 'object' || value === null) return plain.has(value);
    if (composite.size === 0) return false;
    const text = canonical(value);
    charge(text.length / 64);
    return composite.has(text);
  };
};
