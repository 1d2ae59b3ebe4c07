// Seals and opens values: AES-256-GCM with a fresh nonce for each. What a value is bound to (its place, its key id, its fingerprint) is
// authenticated with it, so a sealed text opens where it was sealed and nowhere else.

import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { parseSealed, sealedText } from '../manifest/sealed.ts';
import type { Vault } from '../engine/ports/vault.ts';
import type { SealingKey } from './key-ring.ts';
import type { KeySource } from './key-source.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const boundTo = (place: string, keyId: string, fingerprint: string): Buffer =>
  Buffer.from(`opstream sealed v1\n${keyId}\n${fingerprint}\n${place}`);

const fingerprintOf = (key: SealingKey, text: string, place: string): string =>
  createHmac('sha256', key.fingerprint).update(`${place.length}\n${place}\n${text}`).digest('base64url');

const isSame = (left: string, right: string): boolean =>
  left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));

const unreadable = (message: string, keyId: string, place: string): Fault =>
  new Fault('SECRET_UNREADABLE', message, { retry: 'never', details: { keyId, place } });

const sealWith = (key: SealingKey, text: string, place: string): string => {
  const nonce = randomBytes(NONCE_BYTES);
  const fingerprint = fingerprintOf(key, text, place);
  const cipher = createCipheriv(CIPHER, key.encryption, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(place, key.id, fingerprint));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return sealedText({
    keyId: key.id,
    nonce: nonce.toString('base64url'),
    ciphertext: ciphertext.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
    fingerprint,
  });
};

export const createVault = (source: KeySource): Vault => ({
  currentKeyId: () => source.ring().current?.id,

  seal: (text, place, before) => {
    const { current, byId } = source.ring();
    const old = before === undefined ? undefined : parseSealed(before);
    const oldKey = old === undefined ? undefined : byId.get(old.keyId);
    if (before !== undefined && old !== undefined && oldKey !== undefined) {
      if (isSame(old.fingerprint, fingerprintOf(oldKey, text, place))) return before;
    }
    if (current === undefined) {
      throw new Fault('CONFIG_INVALID', 'there is no key to seal with; set OPSTREAM_SECRET_KEYS_FILE', {
        retry: 'never',
      });
    }
    return sealWith(current, text, place);
  },

  open: (sealed, place) => {
    const parsed = parseSealed(sealed);
    if (parsed === undefined) throw unreadable(`the value of ${place} is not a sealed one`, '', place);
    const { keyId, nonce, ciphertext, tag, fingerprint } = parsed;
    const key = source.ring().byId.get(keyId);
    if (key === undefined) {
      const message = `the value of ${place} is sealed with the key "${keyId}", which is not in the key ring; add it after the current one`;
      throw unreadable(message, keyId, place);
    }
    try {
      const decipher = createDecipheriv(CIPHER, key.encryption, Buffer.from(nonce, 'base64url'), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(boundTo(place, keyId, fingerprint));
      decipher.setAuthTag(Buffer.from(tag, 'base64url'));
      const parts = [decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()];
      return Buffer.concat(parts).toString('utf8');
    } catch {
      const message = `the value of ${place} does not open with the key "${keyId}": it was changed, is from another place, or the key is another one of that id`;
      throw unreadable(message, keyId, place);
    }
  },
});
