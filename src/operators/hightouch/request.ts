// What a resource's spec asks for, as the API wants it: the spec has ids as text, the API has numbers. Pure. Problems are said all at once.

import { isJsonObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';

export type ModelRequest = JsonObject & { readonly slug: string };
export type SyncRequest = {
  readonly slug: string;
  readonly configuration: JsonObject;
  readonly destinationId: number;
  readonly schedule: JsonObject | null;
  readonly disabled: boolean;
};
export type TriggerRequest = {
  /** Of another sync than the one that the resource describes. */
  readonly syncId?: number;
  readonly syncSlug?: string;
  readonly flags: { readonly fullResync?: boolean; readonly resetCDC?: boolean };
};
export type HightouchRequest = {
  readonly model: ModelRequest;
  readonly sync: SyncRequest;
  readonly trigger: TriggerRequest;
};

const QUERY_FIELDS = ['visual', 'custom', 'table', 'raw', 'dbt'] as const;

const numberOf = (value: JsonValue | undefined): number | undefined => {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
};

/** Ids inside a query: the model of dbt and the parent of a visual one. */
const withNumbers = (query: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      name === 'modelId' || name === 'parentId' ? (numberOf(value) ?? value) : value,
    ]),
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
  const id = (where: string, value: JsonValue | undefined): number => {
    const number = numberOf(value);
    if (number === undefined)
      problems.push(`spec.${where}: expected an id of digits, found ${JSON.stringify(value ?? null)}`);
    return number ?? 0;
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
      sourceId: id('model.sourceId', model['sourceId']),
      ...(folderId === undefined || folderId === null ? {} : { folderId }),
      ...Object.fromEntries(queries),
    },
    sync: {
      slug: slug('sync.slug', sync['slug']),
      configuration: isJsonObject(sync['configuration']) ? sync['configuration'] : {},
      destinationId: id('sync.destinationId', sync['destinationId']),
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
