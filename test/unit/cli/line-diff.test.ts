import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffLines } from '../../../src/cli/line-diff.ts';
import { manifestAfter } from '../../../src/cli/verbs/diff.ts';

const text = (...lines: string[]): string => `${lines.join('\n')}\n`;

describe('the difference of two texts', () => {
  it('is empty when there is none', () => {
    assert.deepEqual(diffLines('a\nb\n', 'a\nb\n'), []);
  });

  it('shows what goes and what comes, with what is around it', () => {
    const before = text('1', '2', '3', '4', '5', '6', '7', '8', '9', 'x');
    const after = text('1', '2', '3', '4', 'five', '6', '7', '8', '9', 'x', 'y');
    assert.deepEqual(diffLines(before, after), [
      '  2',
      '  3',
      '  4',
      '- 5',
      '+ five',
      '  6',
      '  7',
      '  8',
      '  9',
      '  x',
      '+ y',
    ]);
  });

  it('marks a gap between two places', () => {
    const lines = Array.from({ length: 20 }, (_, index) => String(index));
    const shown = diffLines(text(...lines), text('zero', ...lines.slice(1, 19), 'nineteen'));
    assert.equal(shown.filter((line) => line === '  ...').length, 1);
  });

  it('shows what is new as added', () => {
    assert.deepEqual(diffLines('', 'a\n'), ['+ a']);
  });
});

describe('the manifest after a dry run', () => {
  it('is the declared one, or the stored one with the patch', () => {
    const declared = { type: 'io.opstream.resource.declared.v1', subject: '', data: { manifest: { name: 'x' } } };
    const changed = {
      type: 'io.opstream.resource.changed.v1',
      subject: '',
      data: { patch: [{ op: 'replace', path: '/name', value: 'y' }] },
    };
    assert.deepEqual(manifestAfter(undefined, [declared]), { name: 'x' });
    const before = { name: 'x', version: 'v1' };
    assert.deepEqual(manifestAfter(before, [changed]), { name: 'y', version: 'v1' });
    assert.deepEqual(before, { name: 'x', version: 'v1' });
  });
});
