// Sealing and opening of secret values. vault/ implements it.

/**
 * Seals values before anything is stored of them, and opens them for components. A sealed value is text (manifest/sealed.ts) that
 * opens only at the `place` it was sealed for: `secret/<workspace>/<name>/<key>`, say.
 */
export interface Vault {
  /** Undefined: there is no key, and nothing can be sealed. Faults: CONFIG_INVALID (the key ring cannot be read), as for the others. */
  currentKeyId(): string | undefined;
  /** `before` comes back when it is the same value at the same place, whatever key it is sealed with. */
  seal(text: string, place: string, before?: string): string;
  /** Faults: SECRET_UNREADABLE (unknown key, changed, or from another place); its message never holds the value. */
  open(sealed: string, place: string): string;
}
