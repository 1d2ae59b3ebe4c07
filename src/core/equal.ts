// Equality of JSON values, independent of key order. Pure twin of node:util's function of that name, which pure rooms do not import.

export const isDeepStrictEqual = (left: unknown, right: unknown): boolean => {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const leftKeys = Object.keys(left);
  if (leftKeys.length !== Object.keys(right).length) return false;
  return leftKeys.every(
    (key) =>
      Object.hasOwn(right, key) &&
      isDeepStrictEqual((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]),
  );
};
