// What a resource's spec asks for, as the API wants it: the spec has ids as text, the API has numbers (ids.ts). Pure. Problems are said all at once.

import { isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import { jsonId, QUERY_FIELDS, readId, type Id } from './ids.ts';

export type ModelRequest = JsonObject & { readonly slug: string };
export type SyncRequest = {
  readonly slug: string;
  readonly configuration: JsonObject;
  readonly destinationId: number | string;
  readonly schedule: JsonObject | null;
  readonly disabled: boolean;
};
export type TriggerRequest = {
  /** Of another sync than the one that the resource describes. */
  readonly syncId?: Id;
  readonly syncSlug?: string;
  readonly flags: { readonly fullResync?: boolean; readonly resetCDC?: boolean };
};
export type HightouchRequest = {
  readonly model: ModelRequest;
  readonly sync: SyncRequest;
  readonly trigger: TriggerRequest;
};

/** Ids inside a query: the model of dbt and the parent of a visual one. */
const withNumbers = (query: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      const id = name === 'modelId' || name === 'parentId' ? readId(value) : undefined;
      return [name, id === undefined ? value : jsonId(id)];
    }),
  );

const triggerOf = ({ syncSlug, fullResync, resetCDC }: JsonObject): Omit<TriggerRequest, 'syncId'> => ({
  ...(typeof syncSlug === 'string' ? { syncSlug } : {}),
  flags: {
    ...(typeof fullResync === 'boolean' ? { fullResync } : {}),
    ...(typeof resetCDC === 'boolean' ? { resetCDC } : {}),
  },
});

/** `{request}`, or `{problems}`, each naming its field. */
export const hightouchRequest = (
  spec: JsonObject,
): { readonly request: HightouchRequest } | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const part = (name: string): JsonObject => {
    const value = spec[name] ?? {};
    if (isJsonObject(value)) return value;
    problems.push(`spec.${name}: expected an object`);
    return {};
  };
  const [model, sync, trigger] = [part('model'), part('sync'), part('trigger')];
  const id = (where: string, value: JsonValue | undefined): Id => {
    const read = readId(value);
    if (read !== undefined) return read;
    const isBeyond = typeof value === 'number' && !Number.isSafeInteger(value);
    const expected = isBeyond ? 'an id of digits, as text beyond 2^53' : 'an id of digits';
    problems.push(`spec.${where}: expected ${expected}, found ${JSON.stringify(value ?? null)}`);
    return '0';
  };
  const slug = (where: string, value: JsonValue | undefined): string => {
    if (typeof value === 'string' && value !== '') return value;
    problems.push(`spec.${where}: expected a slug`);
    return '';
  };
  const queries = QUERY_FIELDS.flatMap((field) => {
    const query = model[field];
    return isJsonObject(query) ? [[field, withNumbers(query)] as const] : [];
  });
  const { name = null, queryType = null, isSchema = false, primaryKey = null, folderId } = model;
  const request: HightouchRequest = {
    model: {
      slug: slug('model.slug', model['slug']),
      ...{ name, queryType, isSchema, primaryKey },
      sourceId: jsonId(id('model.sourceId', model['sourceId'])),
      ...(folderId === undefined || folderId === null ? {} : { folderId }),
      ...Object.fromEntries(queries),
    },
    sync: {
      slug: slug('sync.slug', sync['slug']),
      configuration: isJsonObject(sync['configuration']) ? sync['configuration'] : {},
      destinationId: jsonId(id('sync.destinationId', sync['destinationId'])),
      schedule: isJsonObject(sync['schedule']) ? sync['schedule'] : null,
      disabled: sync['disabled'] === true,
    },
    trigger: {
      ...((trigger['syncId'] ?? null) === null ? {} : { syncId: id('trigger.syncId', trigger['syncId']) }),
      ...triggerOf(trigger),
    },
  };
  return problems.length === 0 ? { request } : { problems };
};

/** Everything wanted is so: fields that only `found` has are the platform's own. */
export const includes = (found: JsonValue | undefined, wanted: JsonValue): boolean => {
  if (isJsonObject(wanted)) {
    return isJsonObject(found) && Object.entries(wanted).every(([name, value]) => includes(found[name], value));
  }
  if (Array.isArray(wanted)) {
    const list = wanted as readonly JsonValue[];
    return (
      Array.isArray(found) &&
      found.length === list.length &&
      list.every((one, at) => includes((found as readonly JsonValue[])[at], one))
    );
  }
  return (found ?? null) === wanted;
};
