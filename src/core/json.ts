// JSON as a type. Everything that crosses a subject, and every manifest, is one of these values.

export type JsonPrimitive = string | number | boolean | null;
export type JsonValue = JsonPrimitive | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue };

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * One reference token of a JSON Pointer (RFC 6901): `~` becomes `~0`, `/` becomes `~1`.
 */
export const pointerToken = (key: string | number): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

/** A JSON Pointer from its unescaped segments; `[]` is the whole document, `''`. */
export const toPointer = (segments: readonly (string | number)[]): string =>
  segments.map((segment) => `/${pointerToken(segment)}`).join('');

/** The unescaped segments of a JSON Pointer. */
export const fromPointer = (pointer: string): readonly string[] =>
  pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map((token) => (token.includes('~') ? token.replaceAll('~1', '/').replaceAll('~0', '~') : token));
