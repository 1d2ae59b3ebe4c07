// The lines that differ between two texts, with three lines of context, as `diff -u` shows them. Pure.

export type DiffLine = { readonly mark: ' ' | '-' | '+'; readonly text: string };

/** Beyond this many cells the common part is not searched: everything is shown as replaced. */
const MAX_CELLS = 4_000_000;
const CONTEXT = 3;

const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

const compare = (before: readonly string[], after: readonly string[]): readonly DiffLine[] => {
  const removed = before.map((text): DiffLine => ({ mark: '-', text }));
  const added = after.map((text): DiffLine => ({ mark: '+', text }));
  const width = after.length + 1;
  if (before.length * width > MAX_CELLS) return [...removed, ...added];
  // lengths[i * width + j]: longest common sequence of before[i..] and after[j..].
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      const isSame = before[row] === after[column];
      lengths[row * width + column] = isSame
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: DiffLine[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const old = before[row];
    const fresh = after[column];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      row += 1;
      column += 1;
    } else if (old !== undefined && (fresh === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ mark: '-', text: old });
      row += 1;
    } else if (fresh !== undefined) {
      lines.push({ mark: '+', text: fresh });
      column += 1;
    }
  }
  return lines;
};

/** Empty when the texts are equal. */
export const diffLines = (before: string, after: string): readonly string[] => {
  const lines = compare(linesOf(before), linesOf(after));
  const isNear = (index: number): boolean =>
    lines.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ mark }) => mark !== ' ');
  const shown: string[] = [];
  let isGap = false;
  for (const [index, { mark, text }] of lines.entries()) {
    if (!isNear(index)) {
      isGap = true;
      continue;
    }
    if (isGap && shown.length > 0) shown.push('  ...');
    isGap = false;
    shown.push(`${mark} ${text}`);
  }
  return shown;
};
