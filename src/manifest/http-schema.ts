// The shape of a resource type's `http` section (http-types.ts), and where its jq programs are.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { fields, text } from './meta-schema.ts';

const MAX_TEXT = 8192;
const program = text(MAX_TEXT);
const template = text(MAX_TEXT);
const duration: JsonObject = {
  type: 'string',
  // Not nothing.
  pattern: '^([0-9]*[1-9][0-9]*(\\.[0-9]+)?|0+\\.[0-9]*[1-9][0-9]*)(ms|s|m|h)$',
  'x-expected': 'a duration such as 500ms, 5s or 1m',
};
const statuses: JsonObject = { type: 'array', maxItems: 50, items: { type: 'integer', minimum: 200, maximum: 599 } };
const templates: JsonObject = {
  type: 'object',
  maxProperties: 100,
  additionalProperties: { type: 'string', maxLength: MAX_TEXT },
};

const request = {
  method: { enum: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] },
  url: template,
  query: { type: 'object', maxProperties: 100 },
  headers: templates,
  body: true,
  accept: statuses,
} as const;

const operation = (more: JsonObject = {}, required: readonly string[] = []): JsonObject =>
  fields({ ...request, ...more }, ['url', ...required]);

const mapping = (words: readonly string[]): JsonObject =>
  fields(Object.fromEntries(words.map((word) => [word, { type: 'array', maxItems: 100, items: text(256) }])));

const find = operation({ items: program, match: program, externalId: program, next: program }, [
  'items',
  'match',
  'externalId',
]);

const lookUps: JsonObject = {
  type: 'object',
  maxProperties: 20,
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$', 'x-expected': 'a name that jq can use, such as flowId' },
  additionalProperties: operation({ value: program }, ['value']),
};

const change = operation({ when: program, if: program, each: program });

const object = fields(
  {
    let: lookUps,
    create: operation({ externalId: program }, ['externalId']),
    read: operation({
      status: program,
      statuses: mapping(['pending', 'active', 'error']),
      message: program,
      properties: program,
      gone: program,
    }),
    find,
    update: {
      oneOf: [change, { type: 'array', minItems: 1, maxItems: 20, items: change }],
      'x-expected': 'a request with url, and when, if and each where wanted, or a list of such requests',
    },
    delete: operation({ gone: program }),
    restore: operation(),
  },
  ['create', 'read'],
);

const runParts: JsonObject = {
  let: lookUps,
  read: operation(
    {
      state: program,
      states: mapping(['pending', 'inprogress', 'succeeded', 'failed', 'cancelled']),
      message: program,
      startedAt: program,
      finishedAt: program,
      properties: program,
      gone: program,
    },
    ['state', 'states'],
  ),
  find,
  findFor: duration,
  cancel: operation(),
};

const run = fields({ ...runParts, start: operation({ externalId: program }, ['externalId']) }, ['start', 'read']);
const action = fields({ ...runParts, start: operation({ externalId: program }) }, ['start']);

const kind = (name: string, names: readonly string[], optional: readonly string[] = []): JsonObject =>
  fields({ type: { const: name }, ...Object.fromEntries([...names, ...optional].map((field) => [field, template])) }, [
    'type',
    ...names,
  ]);

export const httpSchema: JsonObject = fields(
  {
    baseUrl: template,
    auth: {
      oneOf: [
        kind('oauth2ClientCredentials', ['tokenUrl', 'clientId', 'clientSecret'], ['scope']),
        kind('bearer', ['token']),
        kind('basic', ['username', 'password']),
        kind('header', ['name', 'value']),
      ],
      'x-expected': 'auth of type oauth2ClientCredentials, bearer, basic or header, with the fields of its type',
    },
    headers: templates,
    object,
    run,
    actions: { type: 'object', maxProperties: 100, additionalProperties: action },
    errors: fields({ when: program, gone: program, temporary: program, text: program }),
    settle: duration,
    pollInterval: duration,
    timeout: duration,
    retry: fields({ statuses }),
    throttle: fields({ statuses, pause: duration, requests: { type: 'integer', minimum: 1 }, per: duration }),
  },
  ['baseUrl'],
);

/** Fields that hold a jq program; everything else that is text is a template. */
const PROGRAMS = new Set([
  'externalId',
  'status',
  'message',
  'properties',
  'when',
  'state',
  'startedAt',
  'finishedAt',
  'items',
  'match',
  'next',
  'gone',
  'if',
  'each',
  'value',
]);
const OPERATIONS = new Set(['create', 'read', 'find', 'update', 'delete', 'restore', 'start', 'cancel']);

export type Expression = { readonly path: readonly (string | number)[]; readonly program: string };

/** The jq inside `{{ }}`. An expression ends at the first `}}` outside its own brackets and strings. Unclosed: all that is left. */
export const expressionsIn = (
  text: string,
): readonly { readonly start: number; readonly end: number; readonly program: string }[] => {
  const found: { start: number; end: number; program: string }[] = [];
  let start = text.indexOf('{{');
  while (start !== -1) {
    const end = endOf(text, start + 2);
    found.push({ start, end: Math.min(text.length, end + 2), program: text.slice(start + 2, end).trim() });
    start = text.indexOf('{{', end + 2);
  }
  return found;
};

const endOf = (text: string, from: number): number => {
  let depth = 0;
  let isInString = false;
  for (let index = from; index < text.length; index += 1) {
    const char = text[index];
    if (isInString) {
      if (char === '\\') index += 1;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '{') depth += 1;
    else if (char === '}' && depth > 0) depth -= 1;
    else if (char === '}' && text[index + 1] === '}') return index;
  }
  return text.length;
};

const inTemplates = (value: JsonValue | undefined, path: readonly (string | number)[]): readonly Expression[] => {
  if (typeof value === 'string') return expressionsIn(value).map(({ program }) => ({ path, program }));
  if (Array.isArray(value))
    return (value as readonly JsonValue[]).flatMap((item, index) => inTemplates(item, [...path, index]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => inTemplates(item, [...path, key]));
};

const inOperation = (value: JsonObject, path: readonly (string | number)[]): readonly Expression[] =>
  Object.entries(value).flatMap(([field, item]) =>
    PROGRAMS.has(field) && typeof item === 'string'
      ? [{ path: [...path, field], program: item }]
      : inTemplates(item, [...path, field]),
  );

const inSection = (section: JsonObject, at: readonly (string | number)[]): readonly Expression[] =>
  Object.entries(section).flatMap(([name, item]) => {
    const path = [...at, name];
    if (name === 'let' && isJsonObject(item)) {
      return Object.entries(item).flatMap(([one, lookUp]) =>
        isJsonObject(lookUp) ? inOperation(lookUp, [...path, one]) : [],
      );
    }
    if (!OPERATIONS.has(name)) return [];
    if (Array.isArray(item)) {
      return (item as readonly JsonValue[]).flatMap((one, index) =>
        isJsonObject(one) ? inOperation(one, [...path, index]) : [],
      );
    }
    return isJsonObject(item) ? inOperation(item, path) : [];
  });

/** Every jq program of an `http` section with its place in it. The section has the shape above. */
export const expressionsOf = (http: JsonObject): readonly Expression[] =>
  Object.entries(http).flatMap(([key, value]) => {
    if (!isJsonObject(value)) return inTemplates(value, [key]);
    switch (key) {
      case 'object':
      case 'run':
        return inSection(value, [key]);
      case 'actions':
        return Object.entries(value).flatMap(([name, action]) =>
          isJsonObject(action) ? inSection(action, [key, name]) : [],
        );
      case 'errors':
        return Object.entries(value).flatMap(([name, item]) =>
          typeof item === 'string' ? [{ path: [key, name], program: item }] : [],
        );
      default:
        return inTemplates(value, [key]);
    }
  });
