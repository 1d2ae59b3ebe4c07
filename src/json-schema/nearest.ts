// "did you mean ...?": the known name that is nearest to an unknown one. Used wherever a field or a value is not known.

/** Edit distance with swaps of neighbours counted as one; gives up beyond `limit`. */
const distance = (left: string, right: string, limit: number): number => {
  if (Math.abs(left.length - right.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwap) best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? limit + 1;
};

/** The candidate within `maxEdits` (default: a third of the name's length), or undefined. Case, "-" and "_" do not count. */
export const nearestName = (
  name: string,
  candidates: readonly string[],
  maxEdits = Math.max(1, Math.floor(name.length / 3)),
): string | undefined => {
  if (name.length > 64) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const limit = maxEdits;
  let best: { readonly candidate: string; readonly edits: number } | undefined;
  for (const candidate of candidates.slice(0, 200)) {
    const edits = distance(plain(name), plain(candidate), limit);
    if (edits <= limit && (best === undefined || edits < best.edits)) best = { candidate, edits };
  }
  return best?.candidate;
};
