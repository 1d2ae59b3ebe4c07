// Looking for text in bytes without decoding them: for messages of which only a few are of interest.

/** The same bytes, not a copy. */
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Whether `pattern` occurs in `data`. */
export const includesBytes = (data: Uint8Array, pattern: Uint8Array): boolean =>
  asBuffer(data).includes(asBuffer(pattern));

/** The same bytes in the same order. */
export const equalBytes = (left: Uint8Array, right: Uint8Array): boolean => asBuffer(left).equals(asBuffer(right));
