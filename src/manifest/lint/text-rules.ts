// What the lint says of how a manifest was written: facts that its value has no more, and that the parser kept beside it. They cost nothing
// where there are none.

import type { ParsedDocument, Placeholder } from '../document.ts';
import type { Finding } from '../../messages/finding.ts';

const leadingZero = (pointer: string): Finding => ({
  code: 'NUMBER_LEADING_ZERO',
  severity: 'note',
  message:
    'a number with a leading zero is read as a decimal one (017 is 17), as YAML 1.2 has it; older readers take it for octal',
  hint: 'leave the zero out, write 0o17 for an octal number, or quote it where it is a text',
  pointer,
});

/** Of several words it says what belongs there, and is no value. In a secret any is suspect, since nobody sees what was stored. */
const isLeft = ({ pointer, isWords }: Placeholder): boolean =>
  pointer.startsWith('/secret/') || (isWords && !pointer.endsWith('/description'));

const left = ({ pointer }: Placeholder): Finding => ({
  code: 'PLACEHOLDER_LEFT',
  severity: 'warning',
  message: 'a placeholder ${{…}} stands here, and the text in it is taken for the value',
  hint: 'write the value in its place; if that text is the value, write it without ${{ and }}',
  pointer,
});

const NONE: readonly Finding[] = [];

export const textFindings = ({ leadingZeros, placeholders }: ParsedDocument): readonly Finding[] =>
  leadingZeros === undefined && placeholders === undefined
    ? NONE
    : [...(leadingZeros ?? []).map(leadingZero), ...(placeholders ?? []).filter(isLeft).map(left)];
