// The surface for tests, under `/_stand-in/`: what was received, which models, syncs and runs there are, counters, faults, scripts of runs,
// reset. No part of the imitated API. Answers loopback callers under a loopback Host name only, and takes JSON only.

import type { IncomingHttpHeaders } from 'node:http';
import { parseFault } from '../common/faults.ts';
import { isJsonObject, type Reply } from '../common/reply.ts';
import { ok } from './answers.ts';
import { plainScript, type Script } from './runs.ts';
import type { World } from './world.ts';

export const adminPrefix = '/_stand-in/';

export type AdminRequest = {
  readonly method: string;
  readonly path: string;
  readonly searchParams: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly bodyText: string;
  readonly reset: () => void;
};
type Handler = (world: World, request: AdminRequest, body: unknown) => Reply;

const wrong = (message: string, status = 400): Reply => ({ status, body: { message } });
const done: Reply = { status: 204 };

const countBy = (keys: readonly string[]): Readonly<Record<string, number>> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries(counts);
};

const runViews = (world: World) =>
  world.runs.all().map((run) => ({
    ...world.runs.view(run),
    ...{ syncId: run.syncId, syncSlug: world.syncs.get(run.syncId)?.slug, triggers: run.triggers, flags: run.flags },
  }));

/** How often what was asked, and how many triggers started or joined a run of each sync. */
const counters = (world: World) => ({
  runs: {
    started: world.runs.all().length,
    bySync: countBy(world.runs.all().map((run) => world.syncs.get(run.syncId)?.slug ?? String(run.syncId))),
    triggers: world.runs.all().reduce((sum, run) => sum + run.triggers, 0),
  },
  requests: countBy(world.requests.map((entry) => entry.operation)),
  byStatus: countBy(world.requests.map((entry) => String(entry.status ?? entry.outcome))),
  violations: countBy(world.violations.map((one) => one.kind)),
});

const addFaults: Handler = (world, _request, body) => {
  for (const one of Array.isArray(body) ? (body as readonly unknown[]) : [body]) {
    const fault = parseFault(one);
    if (typeof fault === 'string') return wrong(fault);
    world.faults.add(fault);
  }
  return ok({ value: world.faults.list() });
};

const scriptOf = (value: Readonly<Record<string, unknown>>, outcome: string): Script => {
  const number = (name: string): number | undefined => (typeof value[name] === 'number' ? value[name] : undefined);
  return {
    outcome,
    error: typeof value['error'] === 'string' ? value['error'] : null,
    ...{ runMs: number('runMs'), queuedMs: number('queuedMs') },
    runningStatus: typeof value['runningStatus'] === 'string' ? value['runningStatus'] : undefined,
    rows: number('rows') ?? plainScript.rows,
    failedRows: number('failedRows') ?? 0,
  };
};

/** `{syncSlug?, outcome: word or list, error?, runMs?, queuedMs?, runningStatus?, rows?, failedRows?}`; without a slug for all syncs. */
const addScript: Handler = (world, _request, body) => {
  if (!isJsonObject(body)) return wrong('expected an object');
  const given: unknown = body['outcome'] ?? 'success';
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (!list.every((one) => typeof one === 'string')) return wrong('outcome: expected a word or a list of words');
  const slug = typeof body['syncSlug'] === 'string' ? body['syncSlug'] : '*';
  world.scripts.set(
    slug,
    list.map((outcome) => scriptOf(body, outcome)),
  );
  return ok({ syncSlug: slug, outcomes: list });
};

/** What somebody does at the platform's own pages: a run of the sync with this slug. */
const startRun: Handler = (world, _request, body) => {
  const slug = isJsonObject(body) ? body['syncSlug'] : undefined;
  const sync = [...world.syncs.values()].find((one) => one.slug === slug);
  if (sync === undefined) return wrong('no sync of that slug', 404);
  const flags = { fullResync: false, resetCDC: false, clearAndFill: false };
  return ok({ id: world.runs.trigger(sync.id, plainScript, flags).id });
};

const routes: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['GET health', () => ok({ ok: true })],
  [
    'GET requests',
    (world, { searchParams }) => {
      const wanted = searchParams.get('operation');
      return ok({ value: world.requests.filter((entry) => wanted === null || entry.operation === wanted) });
    },
  ],
  ['GET violations', (world) => ok({ value: world.violations })],
  ['GET models', (world) => ok({ value: [...world.models.values()] })],
  ['GET syncs', (world) => ok({ value: [...world.syncs.values()] })],
  ['GET runs', (world) => ok({ value: runViews(world) })],
  ['POST runs', startRun],
  ['GET counters', (world) => ok(counters(world))],
  ['GET faults', (world) => ok({ value: world.faults.list() })],
  ['POST faults', addFaults],
  [
    'DELETE faults',
    (world) => {
      world.faults.clear();
      return done;
    },
  ],
  ['POST scripts', addScript],
  [
    'POST reset',
    (_world, { reset }) => {
      reset();
      return done;
    },
  ],
]);

export const answerAdmin = (world: World, request: AdminRequest): Reply => {
  const hostname = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!['127.0.0.1', 'localhost'].includes(hostname))
    return wrong('this surface answers as 127.0.0.1 or localhost only', 403);
  const name = request.path.slice(adminPrefix.length).replace(/\/$/, '');
  const handler = routes.get(`${request.method} ${name}`);
  if (handler === undefined)
    return wrong(`no '${request.method} ${name}'; there are: ${[...routes.keys()].join(', ')}`, 404);
  if (request.bodyText === '') return handler(world, request, undefined);
  if (!(request.headers['content-type'] ?? '').startsWith('application/json'))
    return wrong('expected application/json', 415);
  try {
    return handler(world, request, JSON.parse(request.bodyText));
  } catch (error) {
    if (error instanceof SyntaxError) return wrong('the body is not JSON');
    throw error;
  }
};
