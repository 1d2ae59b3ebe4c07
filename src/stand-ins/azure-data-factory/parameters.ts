// The parameters of a createRun: checked against the pipeline's declarations, defaults filled in, and turned into what a
// run shows: strings, with lists and objects as JSON text. What happens to parameters that the pipeline does not declare is
// documented nowhere, so it is an option; whichever is chosen, they are recorded, because a real pipeline cannot read them.

import { badRequest, isJsonObject, type JsonObject, type Violation } from './errors.ts';
import type { Pipeline } from './pipelines.ts';

type TypeCheck = (value: unknown) => boolean;

const typeChecks: ReadonlyMap<string, TypeCheck> = new Map<string, TypeCheck>([
  ['string', (value) => typeof value === 'string'],
  ['securestring', (value) => typeof value === 'string'],
  ['int', (value) => Number.isInteger(value)],
  ['float', (value) => typeof value === 'number'],
  ['bool', (value) => typeof value === 'boolean'],
  ['array', (value) => Array.isArray(value)],
  ['object', isJsonObject],
]);

const asRunText = (name: string, value: unknown): string => {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.parse takes any depth; JSON.stringify runs out of stack.
    if (!(error instanceof RangeError)) throw error;
    throw badRequest('InvalidRequestContent', `The parameter '${name}' is nested too deep.`, 'body-invalid');
  }
};

export type RunParameters = {
  readonly values: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
};

/** @throws Refusal when a declared parameter is missing or has another type, or an undeclared one is to be rejected */
export const runParameters = (pipeline: Pipeline, given: JsonObject): RunParameters => {
  const target = `Pipeline/${pipeline.name}`;
  const declared = pipeline.properties['parameters'];
  const specs = new Map(Object.entries(isJsonObject(declared) ? declared : {}));
  const values = new Map<string, string>();
  const violations: Violation[] = [];

  for (const [name, spec] of specs) {
    const { type, defaultValue } = isJsonObject(spec) ? spec : {};
    const value = Object.hasOwn(given, name) ? given[name] : defaultValue;
    if (value === undefined || value === null) {
      throw badRequest(
        'BadRequest',
        `The pipeline parameter '${name}' has no value and no default.`,
        'body-invalid',
        target,
      );
    }
    const check = typeof type === 'string' ? typeChecks.get(type.toLowerCase()) : undefined;
    if (check !== undefined && !check(value)) {
      const text = `The value of the pipeline parameter '${name}' is not of its declared type '${String(type)}'.`;
      throw badRequest('BadRequest', text, 'body-invalid', target);
    }
    values.set(name, asRunText(name, value));
  }
  for (const [name, value] of Object.entries(given)) {
    if (specs.has(name)) continue;
    const detail = `The pipeline '${pipeline.name}' declares no parameter '${name}'.`;
    const mode = pipeline.behaviour.undeclaredParameters;
    if (mode === 'reject') throw badRequest('BadRequest', detail, 'parameter-undeclared', target);
    if (mode === 'keep') values.set(name, asRunText(name, value));
    violations.push({ kind: 'parameter-undeclared', detail });
  }
  return { values: Object.fromEntries(values), violations };
};
