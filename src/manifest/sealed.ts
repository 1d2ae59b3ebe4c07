// The text form of a sealed value: what stands in stored manifests in place of a secret. Only src/vault makes and opens it; here is how it is
// told from other text, and how it is shown to people. Pure.

import { isJsonObject, type JsonValue } from '../core/json.ts';

export const SEALED_START = 'sealed:v1:';

/** All parts are base64url. `fingerprint` says whether another value is the same one, to who has the key. */
export type Sealed = {
  readonly keyId: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
  readonly fingerprint: string;
};

const SEALED =
  /^sealed:v1:([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export const KEY_ID_RULE = '1 to 32 letters, digits, "_" and "-"';

/** Undefined: not a sealed value. */
export const parseSealed = (text: string): Sealed | undefined => {
  if (!text.startsWith(SEALED_START)) return undefined;
  const [, keyId, nonce, ciphertext, tag, fingerprint] = SEALED.exec(text) ?? [];
  return keyId === undefined || nonce === undefined || tag === undefined || fingerprint === undefined
    ? undefined
    : { keyId, nonce, ciphertext: ciphertext ?? '', tag, fingerprint };
};

export const sealedText = ({ keyId, nonce, ciphertext, tag, fingerprint }: Sealed): string =>
  `${SEALED_START}${keyId}:${nonce}.${ciphertext}.${tag}.${fingerprint}`;

export const isSealed = (text: string): boolean => parseSealed(text) !== undefined;

const MASK = /^\(sealed, key [A-Za-z0-9_-]{1,32}\)$/;
/** What people are shown in place of a sealed value. */
export const maskOf = ({ keyId }: Pick<Sealed, 'keyId'>): string => `(sealed, key ${keyId})`;
export const isMask = (text: string): boolean => MASK.test(text);

/** The same value with every sealed text masked; what has none is returned as it is. */
export const masked = <T>(value: T): T => maskedValue(value as unknown as JsonValue) as unknown as T;

const maskedValue = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') {
    const sealed = parseSealed(value);
    return sealed === undefined ? value : maskOf(sealed);
  }
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    const after = items.map(maskedValue);
    return after.some((item, index) => item !== items[index]) ? after : value;
  }
  if (!isJsonObject(value)) return value;
  let after: Record<string, JsonValue> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const shown = maskedValue(item);
    if (shown === item) continue;
    after ??= { ...value };
    after[key] = shown;
  }
  return after ?? value;
};
