// The operations of the published API that exist here. There is none to cancel a run and none to delete a sync or a model.

import { isJsonObject, type JsonObject, type Reply } from '../common/reply.ts';
import { notFound, ok, Refusal, validation } from './answers.ts';
import { checked, shapes } from './checks.ts';
import { nextScript, type Stored, type World } from './world.ts';

export type Call = {
  readonly world: World;
  /** The id in the path, if there is one. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
};

type Operation = {
  readonly name: string;
  readonly method: string;
  readonly path: RegExp;
  readonly takesBody: boolean;
  readonly run: (call: Call) => Reply;
};

const MOST_PER_PAGE = 100;

const whole = (query: URLSearchParams, name: string, fallback: number): number => {
  const text = query.get(name);
  if (text === null) return fallback;
  if (/^\d+$/.test(text)) return Number(text);
  throw new Refusal(validation({ [name]: [`expected a number, found '${text}'`] }));
};

const time = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name);
  if (text === null) return undefined;
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw new Refusal(validation({ [name]: [`expected a date-time, found '${text}'`] }));
  return timeMs;
};

const page = (query: URLSearchParams, all: readonly unknown[]): Reply => {
  const offset = whole(query, 'offset', 0);
  const limit = Math.min(MOST_PER_PAGE, Math.max(1, whole(query, 'limit', MOST_PER_PAGE)));
  return ok({ data: all.slice(offset, offset + limit), hasMore: offset + limit < all.length });
};

/** @throws Refusal 404; 422 when the id is no number, as it is in these routes */
const byId = (stored: ReadonlyMap<number, Stored>, id: string, what: string): Stored => {
  if (!/^\d+$/.test(id)) throw new Refusal(validation({ [`${what}Id`]: [`expected a number, found '${id}'`] }));
  const found = stored.get(Number(id));
  if (found === undefined) throw new Refusal(notFound(what));
  return found;
};

const bySlug = (stored: ReadonlyMap<number, Stored>, slug: unknown): Stored | undefined =>
  [...stored.values()].find((one) => one.slug === slug);

const listed = (stored: ReadonlyMap<number, Stored>, query: URLSearchParams, fields: readonly string[]): Reply =>
  page(
    query,
    [...stored.values()].filter((one) =>
      fields.every((field) => query.get(field) === null || String(one[field]) === query.get(field)),
    ),
  );

const stamped = ({ options }: World) => new Date(options.now()).toISOString();

const create = (world: World, stored: Map<number, Stored>, body: JsonObject, defaults: JsonObject): Reply => {
  const slug = String(body['slug']);
  if (bySlug(stored, slug) !== undefined) return validation({ slug: [`'${slug}' is taken`] }, 409);
  const { workspaceId } = world.options;
  const at = stamped(world);
  const made = {
    ...defaults,
    ...body,
    id: world.nextId(),
    slug,
    workspaceId: String(workspaceId),
    createdAt: at,
    updatedAt: at,
  };
  stored.set(made.id, made);
  return ok(made);
};

const update = (world: World, stored: Map<number, Stored>, before: Stored, changes: JsonObject): Reply => {
  const after = { ...before, ...changes, updatedAt: stamped(world) };
  stored.set(before.id, after);
  return ok(after);
};

const createModel = ({ world, body }: Call): Reply => {
  const model = checked(body, shapes.createModel);
  const { sourceIds } = world.options;
  if (!sourceIds.includes(Number(model['sourceId']))) return validation({ sourceId: ['no such source'] });
  const query = model['queryType'] === 'raw_sql' ? 'raw' : String(model['queryType']);
  if (!isJsonObject(model[query]))
    return validation({ [query]: [`is required for queryType ${String(model['queryType'])}`] });
  return create(world, world.models, model, { tags: {}, syncs: [], lastRunSize: null, folderId: null });
};

const createSync = ({ world, body }: Call): Reply => {
  const sync = checked(body, shapes.createSync);
  const details: Record<string, readonly string[]> = {};
  if (!world.options.destinationIds.includes(Number(sync['destinationId'])))
    details['destinationId'] = ['no such destination'];
  const model = world.models.get(Number(sync['modelId']));
  if (model === undefined) details['modelId'] = ['no such model'];
  if (Object.keys(details).length > 0) return validation(details);
  const derived = { primaryKey: model?.['primaryKey'], referencedColumns: [], externalSegment: {}, tags: {} };
  return create(world, world.syncs, sync, { ...derived, status: 'pending', lastRunAt: null });
};

/** As GET shows it: with the status of its last run, unless it is disabled. */
const syncView = (world: World, sync: Stored): JsonObject => {
  const last = world.runs.ofSync(sync.id).at(-1);
  const run = last === undefined ? undefined : world.runs.view(last);
  const status = sync['disabled'] === true ? 'disabled' : (run?.status ?? 'pending');
  return { ...sync, status, lastRunAt: run?.['startedAt'] ?? null };
};

const start = (world: World, sync: Stored, { fullResync, resetCDC, clearAndFill }: JsonObject): Reply => {
  if (sync['disabled'] === true) return validation({ sync: ['is disabled'] });
  const flags = { fullResync: fullResync === true, resetCDC: resetCDC === true, clearAndFill: clearAndFill === true };
  return ok({ id: String(world.runs.trigger(sync.id, nextScript(world, sync.slug), flags).id) });
};

const triggerCustom = ({ world, body }: Call): Reply => {
  const request = checked(body, shapes.triggerCustom);
  const { syncId, syncSlug } = request;
  if ((syncId === undefined) === (syncSlug === undefined))
    return validation({ syncId: ['expected either syncId or syncSlug'] });
  const sync = syncId === undefined ? bySlug(world.syncs, syncSlug) : world.syncs.get(Number(syncId));
  return sync === undefined ? notFound('sync') : start(world, sync, request);
};

const listRuns = ({ world, id, query }: Call): Reply => {
  const sync = byId(world.syncs, id, 'sync');
  const runId = query.get('runId') === null ? undefined : whole(query, 'runId', 0);
  const within = query.get('within') === null ? undefined : world.options.now() - whole(query, 'within', 0) * 60_000;
  const after = time(query, 'after') ?? within ?? 0;
  const before = time(query, 'before') ?? Number.MAX_SAFE_INTEGER;
  const runs = world.runs
    .listed(sync.id)
    .filter((run) => (runId === undefined || run.id === runId) && run.createdMs >= after && run.createdMs <= before);
  return page(
    query,
    runs.map((run) => world.runs.view(run)),
  );
};

const operation = (
  name: string,
  method: string,
  path: string,
  run: Operation['run'],
  takesBody = false,
): Operation => ({
  ...{ name, method, run, takesBody },
  path: new RegExp(`^${path.replace(':id', '(?<id>[^/]+)')}$`),
});

const operations: readonly Operation[] = [
  operation('ListModel', 'GET', '/models', ({ world, query }) => listed(world.models, query, ['slug', 'name'])),
  operation('CreateModel', 'POST', '/models', createModel, true),
  operation('GetModel', 'GET', '/models/:id', ({ world, id }) => ok(byId(world.models, id, 'model'))),
  operation(
    'UpdateModel',
    'PATCH',
    '/models/:id',
    ({ world, id, body }) =>
      update(world, world.models, byId(world.models, id, 'model'), checked(body, shapes.updateModel)),
    true,
  ),
  operation('ListSync', 'GET', '/syncs', ({ world, query }) => listed(world.syncs, query, ['slug', 'modelId'])),
  operation('CreateSync', 'POST', '/syncs', createSync, true),
  operation('TriggerRunCustom', 'POST', '/syncs/trigger', triggerCustom, true),
  operation('GetSync', 'GET', '/syncs/:id', ({ world, id }) => ok(syncView(world, byId(world.syncs, id, 'sync')))),
  operation(
    'UpdateSync',
    'PATCH',
    '/syncs/:id',
    ({ world, id, body }) =>
      update(world, world.syncs, byId(world.syncs, id, 'sync'), checked(body, shapes.updateSync)),
    true,
  ),
  operation(
    'TriggerRun',
    'POST',
    '/syncs/:id/trigger',
    ({ world, id, body }) => start(world, byId(world.syncs, id, 'sync'), checked(body ?? {}, shapes.trigger)),
    true,
  ),
  operation('ListSyncRuns', 'GET', '/syncs/:id/runs', listRuns),
];

export type Match = { readonly operation: Operation; readonly id: string };

/** `path` below the base path. undefined: there is no such operation. */
export const matchOperation = (method: string, path: string): Match | undefined => {
  for (const candidate of operations) {
    const found = candidate.method === method ? candidate.path.exec(path) : null;
    if (found !== null) return { operation: candidate, id: decodeURIComponent(found.groups?.['id'] ?? '') };
  }
  return undefined;
};
