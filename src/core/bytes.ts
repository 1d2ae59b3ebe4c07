// Looking for text in bytes without decoding them: for messages of which only a few are of interest.

/** Whether `pattern` occurs in `data`. */
export const includesBytes = (data: Uint8Array, pattern: Uint8Array): boolean => {
  const [first] = pattern;
  if (first === undefined) return true;
  for (let at = data.indexOf(first); at >= 0; at = data.indexOf(first, at + 1)) {
    let length = 1;
    while (length < pattern.length && data[at + length] === pattern[length]) length += 1;
    if (length === pattern.length) return true;
  }
  return false;
};
