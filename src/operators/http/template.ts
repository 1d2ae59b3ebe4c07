// Texts with `{{ jq }}` in them, and jq programs, evaluated on one document. Paths such as `.spec.name` are read here; everything else of
// one request goes to jq in one program, because each call costs milliseconds. An expression gives its first output, or null.

import { expressionsIn, Fault, isJsonObject, type JqRunner, type JsonObject, type JsonValue } from '../../sdk/index.ts';

export type Evaluate = (programs: readonly string[], input: JsonObject) => Promise<readonly JsonValue[]>;

const PATH = /^(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/;

const valueAt = (input: JsonObject, path: string): JsonValue => {
  let at: JsonValue = input;
  for (const key of path.slice(1).split('.')) {
    if (!isJsonObject(at) || !Object.hasOwn(at, key)) return null;
    at = at[key] ?? null;
  }
  return at;
};

/** An answer of some MiB takes a second or two, and nobody else waits in this process. */
const TIMEOUT_MS = 3000;

/** Faults: COMPONENT_TERMINAL with jq's words; the input is in no message. */
export const createEvaluate =
  (jq: JqRunner): Evaluate =>
  async (programs, input) => {
    const others = programs.filter((program) => !PATH.test(program));
    if (others.length === 0) return programs.map((program) => valueAt(input, program));
    // A line break ends a comment at the end of an expression.
    const program = `[${others.map((one) => `[limit(1; (${one}\n))]`).join(',')}]`;
    const result = await jq.run(program, input, { timeoutMs: TIMEOUT_MS });
    if (!result.ok) {
      throw new Fault('COMPONENT_TERMINAL', `the operator's manifest: ${result.error.message}`, {
        retry: 'never',
        details: { outcome: 'none' },
      });
    }
    const outputs = (result.value[0] ?? []) as readonly (readonly JsonValue[])[];
    let next = 0;
    return programs.map((one) => {
      if (PATH.test(one)) return valueAt(input, one);
      next += 1;
      return outputs[next - 1]?.[0] ?? null;
    });
  };

type Piece = string | { readonly program: string };

const piecesOf = (text: string): readonly Piece[] => {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { start, end, program } of expressionsIn(text)) {
    if (start > from) pieces.push(text.slice(from, start));
    pieces.push({ program });
    from = end;
  }
  if (from < text.length || pieces.length === 0) pieces.push(text.slice(from));
  return pieces;
};

const asText = (value: JsonValue): string =>
  value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** Collects the programs of several templates, evaluates them together, and puts the values in. */
export const createFilling = () => {
  const programs: string[] = [];
  let values: readonly JsonValue[] = [];
  const slot = (program: string): (() => JsonValue) => {
    const index = programs.push(program) - 1;
    return () => values[index] ?? null;
  };

  /** An expression alone gives its value; within a text it becomes text by `encode`. */
  const text = (
    template: string,
    encode: (value: JsonValue, program: string) => string = asText,
  ): (() => JsonValue) => {
    const pieces = piecesOf(template).map((piece) =>
      typeof piece === 'string' ? piece : { program: piece.program, value: slot(piece.program) },
    );
    const [only] = pieces;
    if (pieces.length === 1 && typeof only === 'object' && encode === asText) return only.value;
    return () =>
      pieces.map((piece) => (typeof piece === 'string' ? piece : encode(piece.value(), piece.program))).join('');
  };

  const json = (template: JsonValue): (() => JsonValue) => {
    if (typeof template === 'string') return text(template);
    if (Array.isArray(template)) {
      const items = (template as readonly JsonValue[]).map(json);
      return () => items.map((item) => item());
    }
    if (!isJsonObject(template)) return () => template;
    const entries = Object.entries(template).map(([key, value]) => [key, json(value)] as const);
    return () => Object.fromEntries(entries.map(([key, value]) => [key, value()]));
  };

  /** `json` as text: jq writes the values itself, so that a number which it was given as text keeps its digits as a number. */
  const jsonText = (template: JsonValue): (() => string) => {
    if (typeof template === 'string') {
      const [only, ...more] = piecesOf(template);
      if (typeof only === 'object' && more.length === 0 && !PATH.test(only.program)) {
        const value = slot(`[limit(1; (${only.program}\n))][0] | tojson`);
        return () => String(value());
      }
      const value = text(template);
      return () => JSON.stringify(value());
    }
    if (Array.isArray(template)) {
      const items = (template as readonly JsonValue[]).map(jsonText);
      return () => `[${items.map((item) => item()).join(',')}]`;
    }
    if (!isJsonObject(template)) return () => JSON.stringify(template);
    const entries = Object.entries(template).map(([key, value]) => [JSON.stringify(key), jsonText(value)] as const);
    return () => `{${entries.map(([key, value]) => `${key}:${value()}`).join(',')}}`;
  };

  return {
    text,
    json,
    jsonText,
    evaluate: async (evaluate: Evaluate, input: JsonObject): Promise<void> => {
      values = programs.length === 0 ? [] : await evaluate(programs, input);
    },
  };
};

/** Not text at all: percent-encoding has nothing for it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Percent-encoded: a value never makes another address of it. Faults: COMPONENT_TERMINAL for what would. */
export const inUrl = (value: JsonValue, program: string): string => {
  const content = asText(value);
  const isEncodable = content !== '' && content !== '.' && content !== '..' && !LONE_SURROGATE.test(content);
  if (isEncodable) return encodeURIComponent(content);
  throw new Fault('COMPONENT_TERMINAL', `the url needs a value for {{ ${program} }}, found ${JSON.stringify(value)}`, {
    retry: 'never',
    details: { outcome: 'none' },
  });
};
