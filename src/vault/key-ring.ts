// The keys that values are sealed with: `<id>:<base64 of 32 bytes>` each, the first seals, all open. Text in, key ring out; where the text is
// from is key-source.ts' business. No message repeats any of the text.

import { hkdfSync } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { KEY_ID_RULE } from '../manifest/sealed.ts';

/** Two keys from the one that is given, so that neither says anything of the other. */
export type SealingKey = { readonly id: string; readonly encryption: Uint8Array; readonly fingerprint: Uint8Array };

/** `current` undefined: nothing can be sealed. */
export type KeyRing = { readonly current: SealingKey | undefined; readonly byId: ReadonlyMap<string, SealingKey> };

export const EMPTY_RING: KeyRing = { current: undefined, byId: new Map() };

const KEY_BYTES = 32;
const ID = /^[A-Za-z0-9_-]{1,32}$/;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;

const derived = (key: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), `opstream ${purpose} v1`, KEY_BYTES));

const invalid = (where: string, what: string): Fault =>
  new Fault('CONFIG_INVALID', `${where}: ${what}`, { retry: 'never' });

/**
 * The ring in `text`: keys separated by commas or lines; empty lines and those that start with `#` are left out. `where` names the variable or
 * file in messages. Faults: CONFIG_INVALID, naming the position of the key that is wrong.
 */
export const parseKeyRing = (text: string, where: string): KeyRing => {
  const entries = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => line.split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const byId = new Map<string, SealingKey>();
  for (const [index, entry] of entries.entries()) {
    const colon = entry.indexOf(':');
    const [id, encoded] = [entry.slice(0, Math.max(colon, 0)), entry.slice(colon + 1)];
    const position = `key ${index + 1}`;
    if (!ID.test(id)) throw invalid(where, `${position}: expected <id>:<key> with an id of ${KEY_ID_RULE}`);
    const key = BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0);
    if (key.length !== KEY_BYTES) {
      throw invalid(
        where,
        `${position}: expected ${KEY_BYTES} bytes in base64 after "${id}:"; \`openssl rand -base64 32\` makes some`,
      );
    }
    if (byId.has(id)) throw invalid(where, `${position}: the id "${id}" is given twice`);
    byId.set(id, { id, encryption: derived(key, 'seal'), fingerprint: derived(key, 'fingerprint') });
  }
  return { current: byId.values().next().value, byId };
};
