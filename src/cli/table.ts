// The table of `get`, in the seed's form: headers centred, cells to the left, `|` between, a rule of dashes. The last column stands one
// space further in and is never narrower than in the seed. Pure.

const LAST_RULE_MIN = 19;
// Wide (East Asian, emoji) characters take two columns of a terminal.
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/gu;

export const displayWidth = (text: string): number => [...text].length + (text.match(WIDE)?.length ?? 0);

const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - displayWidth(text)));

const centred = (text: string, width: number): string => {
  const gap = Math.max(0, width - displayWidth(text));
  const left = Math.floor(gap / 2);
  return ' '.repeat(left) + text + ' '.repeat(gap - left);
};

/** Lines without trailing spaces. Line breaks in cells become spaces. */
export const renderTable = (headers: readonly string[], rows: readonly (readonly string[])[]): string => {
  const clean = rows.map((row) => headers.map((_, column) => (row[column] ?? '').replaceAll(/\s+/g, ' ')));
  const lastColumn = headers.length - 1;
  const widths = headers.map((header, column) => {
    const content = Math.max(displayWidth(header), ...clean.map((row) => displayWidth(row[column] ?? '')));
    if (column === lastColumn) return Math.max(LAST_RULE_MIN, content + 4);
    return content + (column === 0 ? 3 : 2);
  });
  const header = headers.map((text, column) =>
    column === lastColumn ? `   ${text}` : centred(text, widths[column] ?? 0),
  );
  const cells = clean.map((row) =>
    row.map((text, column) => {
      if (column === lastColumn) return `  ${text}`;
      return column === 0 ? `  ${padEnd(text, (widths[0] ?? 3) - 3)} ` : ` ${padEnd(text, (widths[column] ?? 2) - 2)} `;
    }),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  return [header, rule, ...cells].map((line) => line.join('|').trimEnd()).join('\n');
};
