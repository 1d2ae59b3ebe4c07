// What the API takes in a body. A body that it does not take is a 422 whose details name each field; ids are numbers here, and text only in
// the trigger routes. Every such refusal is also a violation in the journal: no correct client sends it.

import { isJsonObject, type JsonObject } from '../common/reply.ts';
import { Refusal, validation } from './answers.ts';

export const queryTypes = ['custom', 'raw_sql', 'table', 'dbt', 'visual'] as const;

type Check = (value: unknown) => string | undefined;
type Fields = Readonly<Record<string, { readonly check: Check; readonly isRequired: boolean }>>;

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'expected a string');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'expected a boolean');
const number: Check = (value) =>
  typeof value === 'number' && Number.isInteger(value) ? undefined : 'expected a number';
const object: Check = (value) => (isJsonObject(value) ? undefined : 'expected an object');
const holding =
  (field: string, inner: Check): Check =>
  (value) => {
    if (!isJsonObject(value)) return 'expected an object';
    const problem = inner(value[field]);
    return problem === undefined ? undefined : `${field}: ${problem}`;
  };
const slug: Check = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(value) ? undefined : 'expected a slug';
const oneOf =
  (allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(String(value)) ? undefined : `expected one of ${allowed.join(', ')}`;

const scheduleTypes = oneOf(['interval', 'cron', 'visual', 'dbt-cloud']);
const schedule: Check = (value) => {
  if (value === null) return undefined;
  if (!isJsonObject(value)) return 'expected an object or null';
  const problem = scheduleTypes(value['type']);
  return problem === undefined ? holding('schedule', object)(value) : `type: ${problem}`;
};

const required = (check: Check) => ({ check, isRequired: true });
const optional = (check: Check) => ({ check, isRequired: false });

const modelChanges: Fields = {
  name: optional(text),
  isSchema: optional(flag),
  primaryKey: optional(text),
  folderId: optional((value) => (value === null ? undefined : text(value))),
  raw: optional(holding('sql', text)),
  table: optional(holding('name', text)),
  custom: optional(object),
  dbt: optional(object),
  visual: optional(object),
};
const flags: Fields = { fullResync: optional(flag), resetCDC: optional(flag), clearAndFill: optional(flag) };

export const shapes = {
  createModel: {
    ...modelChanges,
    ...{ name: required(text), isSchema: required(flag), primaryKey: required(text) },
    ...{ slug: required(slug), queryType: required(oneOf(queryTypes)), sourceId: required(number) },
  },
  updateModel: modelChanges,
  createSync: {
    ...{ slug: required(slug), configuration: required(object), destinationId: required(number) },
    ...{ modelId: required(number), schedule: required(schedule), disabled: required(flag) },
  },
  updateSync: { configuration: optional(object), schedule: optional(schedule), disabled: optional(flag) },
  trigger: flags,
  triggerCustom: {
    ...flags,
    syncId: optional((value) =>
      typeof value === 'string' && /^[0-9]+$/.test(value) ? undefined : 'expected a string of digits',
    ),
    syncSlug: optional(text),
  },
} satisfies Readonly<Record<string, Fields>>;

/** @throws Refusal 422 */
export const checked = (body: unknown, fields: Fields): JsonObject => {
  if (!isJsonObject(body)) throw new Refusal(validation({ body: ['expected a JSON object'] }));
  const details: Record<string, readonly string[]> = {};
  for (const [name, { check, isRequired }] of Object.entries(fields)) {
    const value = body[name];
    const problem = value === undefined ? (isRequired ? 'is required' : undefined) : check(value);
    if (problem !== undefined) details[name] = [problem];
  }
  for (const name of Object.keys(body))
    if (!Object.hasOwn(fields, name)) details[name] = ['is not a field of this request'];
  if (Object.keys(details).length > 0) throw new Refusal(validation(details));
  return body;
};
