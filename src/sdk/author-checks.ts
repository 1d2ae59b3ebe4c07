// What an author's code hands over, checked where it can be seen: authors may write JavaScript, and the projectors would set aside what is
// not a status. Called by the controller (updates) and the reconcile loop (results, thrown things). Everything throws a TypeError, which
// becomes the message of a failed reconcile in the status and in the log: what was expected, what was found.

import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { LifecycleStatus, RuntimeStatus } from '../messages/entity.ts';
import { nearestName } from '../json-schema/nearest.ts';
import { CHANGES } from './external-change.ts';
import type { ReconcileResult, StatusUpdate } from './types.ts';

const LIFECYCLES: readonly LifecycleStatus[] = ['pending', 'active', 'error', 'deleting', 'deleted'];
const RUNTIMES: readonly RuntimeStatus[] = ['pending', 'inprogress', 'succeeded', 'failed', 'cancelled'];
const TRUTHS: readonly unknown[] = ['True', 'False', 'Unknown'];
const MAX_SHOWN = 100;

/** A value in a message; of what is not plain only its kind. */
const shown = (value: unknown): string => {
  if (value === undefined || typeof value === 'number' || typeof value === 'bigint') return String(value);
  const text = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? typeof value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
};

const wrong = (what: string, expected: string, found: unknown): TypeError =>
  new TypeError(`${what} must be ${expected}; found ${shown(found)}`);

const isTextOrNone = (value: unknown): boolean => value === undefined || typeof value === 'string';

const assertRun = (key: string, run: NonNullable<StatusUpdate['run']>, runtime: StatusUpdate['runtime']): void => {
  const given: unknown = run;
  if (!isJsonObject(given)) throw wrong(`run of ${key}`, 'an object {id, state}', given);
  if (typeof run.id !== 'string' || run.id === '') throw wrong(`run.id of ${key}`, 'the id of entity.run', run.id);
  if (!RUNTIMES.includes(run.state)) throw wrong(`run.state of ${key}`, `one of ${RUNTIMES.join(', ')}`, run.state);
  if (runtime !== undefined && runtime !== run.state)
    throw wrong(`runtime of ${key}`, `run.state, "${run.state}", or be left out`, runtime);
};

const assertCondition = (key: string, condition: unknown): void => {
  const { type, status, reason, message } = isJsonObject(condition) ? condition : {};
  if (typeof type !== 'string' || type === '')
    throw wrong(`a condition of ${key}`, 'an object {type, status, reason, message}', condition);
  if (!TRUTHS.includes(status))
    throw wrong(`status of condition ${type} of ${key}`, '"True", "False" or "Unknown"', status);
  if (typeof reason !== 'string' || reason === '')
    throw wrong(`reason of condition ${type} of ${key}`, 'a word', reason);
  if (typeof message !== 'string') throw wrong(`message of condition ${type} of ${key}`, 'a text', message);
};

const assertConditions = (key: string, conditions: unknown): void => {
  if (!Array.isArray(conditions)) throw wrong(`conditions of ${key}`, 'a list', conditions);
  for (const condition of conditions as readonly unknown[]) assertCondition(key, condition);
};

const assertChange = (key: string, change: unknown): void => {
  const { what, message } = isJsonObject(change) ? change : {};
  if (!CHANGES.some((one) => one === what)) throw wrong(`change.what of ${key}`, `one of ${CHANGES.join(', ')}`, what);
  if (!isTextOrNone(message)) throw wrong(`change.message of ${key}`, 'a text', message);
};

/** Throws a TypeError for what is no status. */
export const assertUpdate = (update: StatusUpdate): void => {
  const { key, status, runtime, run, conditions, externalId, message, properties, change } = update;
  if (!LIFECYCLES.includes(status)) throw wrong(`status of ${key}`, `one of ${LIFECYCLES.join(', ')}`, status);
  if (runtime !== undefined && !RUNTIMES.includes(runtime))
    throw wrong(`runtime of ${key}`, `one of ${RUNTIMES.join(', ')}`, runtime);
  if (run !== undefined) assertRun(key, run, runtime);
  if (!isTextOrNone(externalId)) throw wrong(`externalId of ${key}`, 'a text', externalId);
  if (!isTextOrNone(message)) throw wrong(`message of ${key}`, 'a text', message);
  if (properties !== undefined && !isJsonObject(properties))
    throw wrong(`properties of ${key}`, 'an object', properties);
  if (change !== undefined) assertChange(key, change);
  if (conditions !== undefined) assertConditions(key, conditions);
};

/** What a reconcile returned. Nothing at all is `{}`. Throws a TypeError for anything else. */
export const checkedResult = (result: unknown): ReconcileResult => {
  if (result === undefined) return {};
  if (!isJsonObject(result as JsonValue)) throw wrong('what a reconcile returns', '{} or {requeueAfterMs}', result);
  for (const field of Object.keys(result as object)) {
    if (field === 'requeueAfterMs') continue;
    const hint = nearestName(field, ['requeueAfterMs']) === undefined ? '' : '; did you mean requeueAfterMs?';
    throw new TypeError(`what a reconcile returns must be {} or {requeueAfterMs}; found the field "${field}"${hint}`);
  }
  const { requeueAfterMs } = result as { readonly requeueAfterMs?: unknown };
  if (requeueAfterMs !== undefined && !Number.isFinite(requeueAfterMs))
    throw wrong('requeueAfterMs', 'a number of milliseconds', requeueAfterMs);
  return result as ReconcileResult;
};

/** What was thrown, in words: an error's message, a text, or whatever else as JSON. */
export const thrownText = (thrown: unknown): string => {
  if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message;
  return typeof thrown === 'string' ? thrown : `what was thrown is no Error: ${shown(thrown)}`;
};
