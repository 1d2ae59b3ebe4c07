// The flags of `run` that name an action and its parameters, and the name that may stand without -n. Pure but for reading FILE.

import { readFileSync } from 'node:fs';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { parseManifests } from '../manifest/parse.ts';
import { has, listOf, textOf, type ParsedArguments } from './arguments.ts';
import { tokenOf, UsageError } from './verb.ts';

/** `opstream run NAME` is `opstream run -n NAME`. */
export const withName = (args: ParsedArguments): ParsedArguments => {
  const [name] = args.positionals;
  if (name === undefined) return args;
  if (has(args, 'name')) throw new UsageError('the name is given twice: with -n and without');
  return { ...args, flags: new Map([...args.flags, ['name', [name]]]) };
};

const valueOf = (text: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
};

const fromFile = (path: string): JsonObject => {
  let data: Uint8Array;
  try {
    data = readFileSync(path);
  } catch {
    throw new UsageError(`--params ${path}: the file cannot be read`);
  }
  const parsed = parseManifests(data);
  const [only, ...others] = parsed.ok ? parsed.value : [];
  if (others.length === 0 && isJsonObject(only?.value)) return only.value;
  throw new UsageError(`--params ${path}: expected one mapping of parameters, as YAML or JSON`);
};

const fromPairs = (pairs: readonly string[]): JsonObject =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--param: expected KEY=VALUE, found no "="`);
      return [pair.slice(0, at), valueOf(pair.slice(at + 1))];
    }),
  );

/** What the flags add to the body of `run`. */
export const actionOf = (args: ParsedArguments): JsonObject => {
  const action = tokenOf(args, 'action');
  const pairs = listOf(args, 'param');
  const path = textOf(args, 'params');
  if (pairs.length > 0 && path !== undefined) throw new UsageError('expected --param or --params, found both');
  if (action === undefined && (pairs.length > 0 || path !== undefined))
    throw new UsageError('parameters belong to an action: name it with --action');
  const parameters = path !== undefined ? fromFile(path) : pairs.length > 0 ? fromPairs(pairs) : undefined;
  const ifRunning = textOf(args, 'if-running');
  return {
    ...(action === undefined ? {} : { action }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(ifRunning === undefined ? {} : { ifRunning }),
  };
};
