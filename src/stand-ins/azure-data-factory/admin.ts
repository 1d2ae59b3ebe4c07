// The surface for tests, under `/_stand-in/`: what was received, which runs there are, counters, faults, scripts of
// pipelines, reset, expiry of tokens. No part of the imitated API. Answers loopback callers under a loopback Host name only,
// and takes JSON only, so that no web page open in a browser on this machine can steer it.

import type { IncomingHttpHeaders } from 'node:http';
import { mediaTypeOf } from './arm.ts';
import { armError, isJsonObject, Refusal, type Reply } from './errors.ts';
import { parseFault } from '../common/faults.ts';
import { scriptPipeline } from './pipelines.ts';
import type { World } from './world.ts';

export const adminPrefix = '/_stand-in/';

export type AdminRequest = {
  readonly method: string;
  readonly path: string;
  readonly searchParams: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
  readonly bodyText: string;
  readonly reset: () => void;
};

type Handler = (world: World, request: AdminRequest, body: unknown) => Reply;

const ok = (body: unknown): Reply => ({ status: 200, body });
const wrong = (message: string): Reply => armError(400, 'BadRequest', message);

const filterOf = (searchParams: URLSearchParams): { operation?: string; pathContains?: string } => {
  const operation = searchParams.get('operation');
  const pathContains = searchParams.get('pathContains');
  return { ...(operation === null ? {} : { operation }), ...(pathContains === null ? {} : { pathContains }) };
};

const runViews = (world: World): readonly unknown[] =>
  world.runs.all().map((run) => ({
    ...world.runs.view(run),
    factoryName: run.factoryName,
    recoveryOf: run.recoveryOf ?? null,
    activities: run.activities.map((activity) => activity.name),
    clientRequestId: run.clientRequestId ?? null,
  }));

const addFaults: Handler = (world, _request, body) => {
  const faults = (Array.isArray(body) ? body : [body]).map(parseFault);
  const problem = faults.find((fault) => typeof fault === 'string');
  if (problem !== undefined) return wrong(problem);
  for (const fault of faults) if (typeof fault !== 'string') world.faults.add(fault);
  return ok({ value: world.faults.list() });
};

const addPipeline: Handler = (world, _request, body) => {
  try {
    const pipeline = scriptPipeline(world.options, world.factories, body);
    return typeof pipeline === 'string' ? wrong(pipeline) : ok(pipeline);
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
};

const routes: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['GET health', () => ok({ ok: true })],
  ['GET requests', (world, request) => ok({ value: world.journal.requests(filterOf(request.searchParams)) })],
  ['GET violations', (world) => ok({ value: world.journal.violations() })],
  ['GET runs', (world) => ok({ value: runViews(world) })],
  [
    'GET counters',
    (world, request) => {
      const parameter = request.searchParams.get('correlationParameter') ?? world.options.correlationParameter;
      return ok(world.journal.counters(world.runs.all(), parameter));
    },
  ],
  ['GET faults', (world) => ok({ value: world.faults.list() })],
  ['POST faults', addFaults],
  [
    'DELETE faults',
    (world) => {
      world.faults.clear();
      return { status: 204 };
    },
  ],
  [
    'GET pipelines',
    (world) =>
      ok({
        value: world.factories.flatMap((factory) =>
          [...factory.pipelines.values()].map((pipeline) => ({ factoryName: factory.name, ...pipeline })),
        ),
      }),
  ],
  ['POST pipelines', addPipeline],
  ['POST expire-tokens', (world) => ok({ expired: world.tokens.expireAll() })],
  [
    'POST reset',
    (_world, request) => {
      request.reset();
      return { status: 204 };
    },
  ],
]);

const loopbackAddresses = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

export const answerAdmin = (world: World, request: AdminRequest): Reply => {
  const hostname = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!loopbackAddresses.has(request.remoteAddress ?? '') || !['127.0.0.1', 'localhost'].includes(hostname)) {
    return armError(403, 'Forbidden', 'This surface answers callers on this machine only, as 127.0.0.1 or localhost.');
  }
  const name = request.path.slice(adminPrefix.length).replace(/\/$/, '');
  const handler = routes.get(`${request.method} ${name}`);
  if (handler === undefined) {
    return armError(404, 'NotFound', `No '${request.method} ${name}'; there are: ${[...routes.keys()].join(', ')}.`);
  }
  if (request.bodyText === '') {
    return request.method === 'POST' && (name === 'faults' || name === 'pipelines')
      ? wrong('expected a JSON body')
      : handler(world, request, undefined);
  }
  if (mediaTypeOf(request.headers) !== 'application/json') {
    return armError(415, 'UnsupportedMediaType', 'expected content-type application/json');
  }
  try {
    const body: unknown = JSON.parse(request.bodyText);
    if (!isJsonObject(body) && !Array.isArray(body)) return wrong('expected a JSON object or list');
    return handler(world, request, body);
  } catch (error) {
    if (error instanceof SyntaxError) return wrong('the body is not JSON');
    throw error;
  }
};
