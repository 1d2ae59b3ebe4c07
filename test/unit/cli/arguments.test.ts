import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aDuration, anyText } from '../../../src/cli/flag-values.ts';
import { has, listOf, parseArguments, textOf, type FlagSpecs } from '../../../src/cli/arguments.ts';

const specs: FlagSpecs = {
  file: { kind: 'list', short: 'f', is: anyText, value: 'FILE', about: '' },
  name: { kind: 'text', short: 'n', is: anyText, value: 'NAME', about: '' },
  all: { kind: 'bare', short: 'a', about: '' },
  wait: { kind: 'maybe', is: aDuration, value: 'DURATION', about: '' },
};

const parsed = (...argv: string[]) => {
  const result = parseArguments(specs, argv, 1);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};
const problems = (...argv: string[]): readonly string[] => {
  const result = parseArguments(specs, argv, 1);
  assert.ok(!result.ok);
  return result.error.map(({ message }) => message);
};

describe('arguments of a verb', () => {
  it('come short, long, joined and repeated', () => {
    const args = parsed('-f', 'a.yaml', '--file=b.yaml', '-an', 'x', 'rest');
    assert.deepEqual(listOf(args, 'file'), ['a.yaml', 'b.yaml']);
    assert.equal(textOf(args, 'name'), 'x');
    assert.ok(has(args, 'all'));
    assert.deepEqual(args.positionals, ['rest']);
  });

  it('let - stand for stdin', () => {
    assert.deepEqual(listOf(parsed('-f', '-'), 'file'), ['-']);
  });

  it('let --wait stand alone without swallowing what follows', () => {
    const args = parsed('--wait', 'rest');
    assert.equal(textOf(args, 'wait'), '');
    assert.deepEqual(args.positionals, ['rest']);
    assert.equal(textOf(parsed('--wait=30s'), 'wait'), '30s');
  });

  it('name every problem at once', () => {
    assert.deepEqual(problems('y', '--nmae', 'x', '--all=yes', '-n', 'a', '-n', 'b', '-z', '--file'), [
      'unknown flag --nmae; did you mean --name?',
      '--all takes no value',
      '--name is given twice',
      'unknown flag -z',
      '--file needs a value: FILE',
      'unexpected argument "x"',
    ]);
  });

  it('are not taken from the prototype of objects', () => {
    assert.deepEqual(problems('--constructor'), ['unknown flag --constructor']);
  });
});
