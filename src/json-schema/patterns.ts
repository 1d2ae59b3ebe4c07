// Regular expressions of operators' schemas: what ECMA-262 says they mean, matched by RE2, which is linear in the text, so none can backtrack
// for ever. What RE2 cannot express (lookaround, back-references) is refused when the schema is registered.

import { RE2JS, RE2JSException } from 're2js';
import { err, ok, type Result } from '../core/result.ts';
import { printable } from '../core/names.ts';
import { translatePattern } from './pattern-translation.ts';

/** Characters of one pattern, and instructions of all patterns of a schema together. */
const MAX_PATTERN_LENGTH = 1000;
const MAX_INSTRUCTIONS = 20_000;
/** Characters of RE2's dialect that all patterns of a schema may take, and Unicode properties that they may name. */
const MAX_TRANSLATED = 500_000;
const MAX_PROPERTIES = 16;

export type Pattern = { readonly test: (text: string) => boolean; readonly toString: () => string };
export type Patterns = {
  /** Why the pattern cannot be used, or undefined when it can. */
  readonly problem: (source: string) => string | undefined;
  /** A pattern that `problem` has accepted. */
  readonly get: (source: string) => Pattern;
};

/** What JavaScript has against the pattern, in its words. */
const syntaxProblem = (source: string): string | undefined => {
  try {
    void new RegExp(source, 'u');
    return undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message.split(': ').at(-1) ?? '';
  }
};

const compile = (translated: string): Result<RE2JS, string> => {
  try {
    return ok(RE2JS.compile(translated));
  } catch (error) {
    if (error instanceof RE2JSException || error instanceof RangeError) {
      return err(
        'repeats something more than 1000 times or is nested too deep, also when its repetitions are multiplied',
      );
    }
    throw error;
  }
};

/** All patterns of one schema. `charge` is told what each match costs: it grows with the text and with the pattern. */
export const createPatterns = (charge: (steps: number) => void): Patterns => {
  const known = new Map<string, Pattern>();
  const properties = new Set<string>();
  let instructions = 0;
  let translated = 0;

  const prepare = (source: string): Result<RE2JS, string> => {
    if (source.length > MAX_PATTERN_LENGTH) {
      return err(`has ${source.length} characters; at most ${MAX_PATTERN_LENGTH} are accepted`);
    }
    const syntax = syntaxProblem(source);
    if (syntax !== undefined) return err(`is not a regular expression (of ECMA-262, flag u): ${syntax}`);
    if (instructions > MAX_INSTRUCTIONS || translated > MAX_TRANSLATED) {
      return err('and others are too large together; use smaller repetitions');
    }
    const translation = translatePattern(source);
    if (!translation.ok) return translation;
    for (const name of translation.value.properties) properties.add(name);
    if (properties.size > MAX_PROPERTIES) return err(`and others name more than ${MAX_PROPERTIES} Unicode properties`);
    translated += translation.value.text.length;
    const compiled = compile(translation.value.text);
    if (!compiled.ok) return compiled;
    instructions += compiled.value.programSize();
    return instructions > MAX_INSTRUCTIONS || translated > MAX_TRANSLATED
      ? err('is too large together with the patterns before it; use smaller repetitions')
      : compiled;
  };

  return {
    problem: (source) => {
      if (known.has(source)) return undefined;
      const prepared = prepare(source);
      if (!prepared.ok) return `the pattern "${printable(source)}" ${prepared.error}`;
      const matcher = prepared.value;
      const cost = matcher.programSize() / 32;
      known.set(source, {
        test: (text) => {
          charge(1 + (text.length * cost) / 4);
          return matcher.test(text);
        },
        toString: () => source,
      });
      return undefined;
    },
    get: (source) => {
      const pattern = known.get(source);
      if (pattern === undefined) throw new Error(`pattern was not checked: ${printable(source)}`);
      return pattern;
    },
  };
};
