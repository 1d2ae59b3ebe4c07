// What the YAML library found wrong, in words that say what to do. Tabs get special care: they are what people meet who copy a
// manifest from a web page, and one tab makes the library report an error on nearly every line after it.

import type { YAMLError } from 'yaml';
import type { RejectionDetail } from '../core/rejection.ts';
import type { Position } from './document.ts';

const ADVICE: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_INDENT:
    'the indentation does not fit the lines around it; give all fields of one mapping the same number of spaces',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping starts where a plain value stands; check the indentation of this line against the line before it',
  BLOCK_IN_FLOW: 'a "- " list or "key: value" mapping cannot stand inside [ ] or { }',
  BAD_DIRECTIVE: 'YAML directives ("%...") are not accepted; remove the line',
  TAG_RESOLVE_FAILED: 'YAML tags ("!...") are not accepted here; remove the tag',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
};

const TAB_LINE = /^[ ]*\t[ \t]*[^\s]/;

/** Runs of lines that are indented with tabs: first and last line number, column of the first tab. */
const tabRuns = (text: string): readonly { readonly first: number; last: number; readonly column: number }[] => {
  const runs: { readonly first: number; last: number; readonly column: number }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (!TAB_LINE.test(line)) continue;
    const previous = runs.at(-1);
    if (previous?.last === index) previous.last = index + 1;
    else runs.push({ first: index + 1, last: index + 1, column: line.indexOf('\t') + 1 });
  }
  return runs;
};

const tabDetails = (text: string): readonly RejectionDetail[] =>
  tabRuns(text).map(({ first, last, column }) => ({
    message:
      `${first === last ? `line ${first} is` : `lines ${first} to ${last} are`} indented with tabs, which YAML does not allow; ` +
      'use spaces (two for each tab, as "expand -t 2" does)',
    line: first,
    column,
  }));

type Found = { readonly code: YAMLError['code']; readonly message: string; readonly position: Position; last: number };

/** One for each run of lines with the same error: one wrong indentation makes every line after it wrong. */
const runsOf = (errors: readonly YAMLError[], positionOf: (offset: number) => Position): readonly Found[] => {
  const runs: Found[] = [];
  const inOrder = [...errors].sort((left, right) => left.pos[0] - right.pos[0]);
  for (const { code, message, pos } of inOrder) {
    const position = positionOf(pos[0]);
    const previous = runs.at(-1);
    // A second error in the same line only repeats the first in other words.
    if (previous !== undefined && position.line === previous.last) continue;
    if (previous?.code === code && position.line === previous.last + 1) previous.last = position.line;
    else runs.push({ code, message: ADVICE[code] ?? `not YAML: ${message}`, position, last: position.line });
  }
  return runs;
};

const detailOf = ({ message, position, last }: Found): RejectionDetail => ({
  message: last === position.line ? message : `lines ${position.line} to ${last}: ${message}`,
  ...position,
});

/** One detail for each run of errors; with tabs in play, one for each run of tab-indented lines and the errors before the first. */
export const describeYamlErrors = (
  text: string,
  errors: readonly YAMLError[],
  positionOf: (offset: number) => Position,
): readonly RejectionDetail[] => {
  if (errors.length === 0) return [];
  const isAboutTabs = errors.some((error) => error.code === 'TAB_AS_INDENT');
  const runs = runsOf(
    errors.filter((error) => error.code !== 'TAB_AS_INDENT'),
    positionOf,
  );
  const firstError = runs[0]?.position.line ?? 0;
  const tabs = tabDetails(text);
  const firstTabLine = tabs[0]?.line ?? Number.POSITIVE_INFINITY;
  const nextToTab = tabs.some((tab) => tab.line === firstError);
  if (!isAboutTabs && !nextToTab) return runs.map(detailOf);
  const before = runs.filter((run) => run.position.line < firstTabLine).map(detailOf);
  // The library also calls a tab after "- " indentation; then it knows better where.
  const others = errors.filter((error) => error.code === 'TAB_AS_INDENT').map((error) => positionOf(error.pos[0]));
  const elsewhere =
    tabs.length > 0 ? [] : others.map((at) => ({ message: 'a tab is used as indentation; use spaces', ...at }));
  return [...before, ...tabs, ...elsewhere];
};
