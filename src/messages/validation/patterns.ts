// Regular expressions of operators' schemas, in RE2's dialect: matching is linear in the text, so none can backtrack for ever.
// What RE2 cannot express (lookaround, back-references) is refused when the schema is registered.

import { RE2JS, RE2JSException } from 're2js';
import { printable } from '../names.ts';

/** Characters of one pattern, and instructions of all patterns of a schema together. */
const MAX_PATTERN_LENGTH = 1000;
const MAX_INSTRUCTIONS = 20_000;

export type Pattern = { readonly test: (text: string) => boolean; readonly toString: () => string };
export type Patterns = {
  /** Why the pattern cannot be used, or undefined when it can. */
  readonly problem: (source: string) => string | undefined;
  /** A pattern that `problem` has accepted. */
  readonly get: (source: string) => Pattern;
};

const isJavaScriptPattern = (source: string): boolean => {
  try {
    return new RegExp(source, 'u').source !== '';
  } catch {
    return false;
  }
};

const compile = (source: string): RE2JS | undefined => {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (error) {
    if (error instanceof RE2JSException || error instanceof RangeError) return undefined;
    throw error;
  }
};

/** All patterns of one schema. `charge` is told what each match costs: it grows with the text and with the pattern. */
export const createPatterns = (charge: (steps: number) => void): Patterns => {
  const known = new Map<string, Pattern>();
  let instructions = 0;
  return {
    problem: (source) => {
      if (known.has(source)) return undefined;
      if (instructions > MAX_INSTRUCTIONS)
        return `the pattern "${printable(source)}" and others are too large together; use smaller repetitions`;
      if (source.length > MAX_PATTERN_LENGTH) {
        return `the pattern has ${source.length} characters; at most ${MAX_PATTERN_LENGTH} are accepted`;
      }
      const compiled = compile(source);
      if (compiled === undefined) {
        return isJavaScriptPattern(source)
          ? `the pattern "${printable(source)}" uses what cannot be matched in linear time (lookaround, back-references or large repetitions); write it without`
          : `the pattern "${printable(source)}" is not a regular expression`;
      }
      instructions += compiled.programSize();
      if (instructions > MAX_INSTRUCTIONS) {
        return `the pattern "${printable(source)}" is too large together with the patterns before it; use smaller repetitions`;
      }
      const cost = compiled.programSize() / 32;
      known.set(source, {
        test: (text) => {
          charge(1 + (text.length * cost) / 4);
          return compiled.test(text);
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
