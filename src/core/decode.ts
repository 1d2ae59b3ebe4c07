// Bytes to JSON and back. Decoding never throws: what is not JSON is `undefined`, because it comes from anybody.

import type { JsonValue } from './json.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes from Node's pool: TextEncoder makes a buffer of its own for each text, which costs as much as writing the text. */
export const encodeText = (text: string): Uint8Array => Buffer.from(text);

export const encodeJson = (value: unknown): Uint8Array => encodeText(JSON.stringify(value));

/** The text, or undefined when the bytes are not UTF-8. */
export const decodeText = (data: Uint8Array): string | undefined => {
  try {
    return decoder.decode(data);
  } catch {
    return undefined;
  }
};

export const decodeJson = (data: Uint8Array): JsonValue | undefined => {
  const text = decodeText(data);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};
