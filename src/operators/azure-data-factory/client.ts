// The part of the Data Factory REST API (2018-06-01) that the operator needs. What goes wrong is a Fault whose `details.outcome` says
// whether the call can have had an effect (api-fault.ts); nothing is tried again here except once with a new token after
// a 401. A 429 closes the door for all callers until the server's Retry-After is over: what comes earlier would be refused.

import { randomUUID } from 'node:crypto';
import {
  callHttp,
  CLOCK_TOLERANCE_MS,
  createApiClock,
  createGate,
  Fault,
  isJsonObject,
  type HttpCall,
  type HttpReply,
  type JsonObject,
  type JsonValue,
  type TracedFetch,
} from '../../sdk/index.ts';
import { apiFault } from './api-fault.ts';
import type { Identity } from './identity.ts';
import type { AdfSettings } from './settings.ts';

const API_VERSION = '2018-06-01';
const MAX_PAGES = 20;
/** Five thousand runs, as Azure cuts pages. */
const MAX_PAGES_OF_ALL = 50;
const CREATE_FINISH_MS = 5000;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export type Factory = { readonly resourceGroupName: string; readonly factoryName: string };

export type CallContext = {
  readonly signal: AbortSignal;
  readonly traceparent?: string;
  /** `fetch` of the reconcile, which counts, times and traces. Default: the global one. */
  readonly fetch?: TracedFetch;
  /** Fencing token of the component's lease: shown in the user agent, so that a log of requests tells who was at work. */
  readonly fence?: number;
  /** Sent as x-ms-client-request-id when it is a UUID; else one is made. */
  readonly requestId?: string;
};

export type CreateRun = {
  readonly pipelineName: string;
  readonly parameters?: JsonObject;
  readonly referencePipelineRunId?: string;
  readonly isRecovery: boolean;
  readonly startActivityName?: string;
  readonly startFromFailure?: boolean;
};

/** RFC 3339 times; both are required by the API. */
export type Updated = { readonly lastUpdatedAfter: string; readonly lastUpdatedBefore: string };

const DAY_MS = 86_400_000;

/** Wide at the end, because clocks differ and what is looked for may only just have happened. */
export const updatedSince = (sinceMs: number, nowMs: number): Updated => ({
  lastUpdatedAfter: new Date(sinceMs).toISOString(),
  lastUpdatedBefore: new Date(nowMs + DAY_MS).toISOString(),
});

/** The earliest first. `sinceMs`: what was asked for, by Azure's clock; `fromMs`: where the list begins, for clocks that differ. */
export type PipelineRuns = {
  readonly runs: readonly JsonObject[];
  readonly sinceMs: number;
  readonly fromMs: number;
};

export interface DataFactory {
  /** Resolves when a call could be made now. Faults: those of a token, and of a pause after 429; nothing was started. */
  ready(context: CallContext): Promise<void>;
  /**
   * Starts a run; its id. There is no idempotency key: a repeated call starts a second run. After `context.signal` has aborted the
   * answer is waited for 5 s more. Faults: `details.outcome` `unknown` when a run may have been started.
   */
  createRun(factory: Factory, run: CreateRun, context: CallContext, timeoutMs: number): Promise<string>;
  getRun(factory: Factory, runId: string, context: CallContext): Promise<JsonObject>;
  /** Cancels the run and the child pipelines that it started. */
  cancelRun(factory: Factory, runId: string, context: CallContext): Promise<void>;
  activityRuns(factory: Factory, runId: string, updated: Updated, context: CallContext): Promise<readonly JsonObject[]>;
  /** Runs of one pipeline that were updated since, by our clock. Faults: also when there are too many to be sure that one is not there. */
  pipelineRuns(factory: Factory, pipelineName: string, sinceMs: number, context: CallContext): Promise<PipelineRuns>;
  /** Runs of all pipelines that were updated since, by our clock, in no order; undefined: there are too many. */
  updatedRuns(factory: Factory, sinceMs: number, context: CallContext): Promise<readonly JsonObject[] | undefined>;
}

type Request = {
  readonly what: string;
  readonly method: 'GET' | 'POST';
  readonly factory: Factory;
  /** Below the factory; its segments are encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
} & Partial<Pick<HttpCall, 'timeoutMs' | 'finishWithinMs'>>;

const present = (fields: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined));

/** What is not there in an answer of another kind is not known to be absent. */
const notAsExpected = (what: string, problem: string): Fault =>
  new Fault('COMPONENT_RETRYABLE', `${what}: ${problem}`, { details: { outcome: 'unknown' } });

const asObject = (answer: JsonValue | undefined, what: string): JsonObject => {
  if (isJsonObject(answer)) return answer;
  throw notAsExpected(what, 'the answer is not an object');
};

export const createDataFactory = (
  settings: AdfSettings,
  identity: Identity,
  now: () => number = Date.now,
): DataFactory => {
  const base = settings.managementUrl.replace(/\/$/, '');
  const clock = createApiClock();
  const gate = createGate(undefined, now);

  const urlOf = ({ factory, path, query }: Request): string => {
    const { resourceGroupName, factoryName } = factory;
    const scope = ['subscriptions', settings.subscriptionId, 'resourceGroups', resourceGroupName, 'providers'];
    const segments = [...scope, 'Microsoft.DataFactory', 'factories', factoryName, ...path].map(encodeURIComponent);
    return `${base}/${segments.join('/')}?${new URLSearchParams({ 'api-version': API_VERSION, ...query }).toString()}`;
  };

  const attempt = (request: Request, token: string, context: CallContext): Promise<HttpReply> => {
    const { method, body, timeoutMs = settings.requestTimeoutMs, finishWithinMs = 0 } = request;
    const { requestId = '', traceparent, signal, fetch, fence } = context;
    const headers = present({
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      'user-agent': `opstream-azure-data-factory${fence === undefined ? '' : ` (fence ${fence})`}`,
      'content-type': body === undefined ? undefined : 'application/json',
      'x-ms-client-request-id': UUID.test(requestId) ? requestId : randomUUID(),
      traceparent,
    });
    const traced = fetch === undefined ? {} : { fetch };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return callHttp({ method, url: urlOf(request), headers, ...text, timeoutMs, finishWithinMs, signal, ...traced });
  };

  const send = async (request: Request, context: CallContext): Promise<JsonValue | undefined> => {
    for (let tries = 1; ; tries += 1) {
      gate.pass();
      const token = await identity.token(context.signal, context.fetch);
      const reply = await attempt(request, token, context);
      clock.heard(reply);
      if (reply.status >= 200 && reply.status < 300) return reply.body;
      if (reply.status === 401) identity.discard(token);
      if (reply.status === 401 && tries === 1) continue;
      const fault = apiFault(reply, request.what);
      if (reply.status === 429 && reply.retryAfterMs !== undefined) gate.close(reply.retryAfterMs, fault);
      throw fault;
    }
  };

  type Found = { readonly found: readonly JsonObject[]; readonly isWhole: boolean };

  const pages = async (
    request: Request,
    filter: JsonObject,
    context: CallContext,
    maxPages = MAX_PAGES,
  ): Promise<Found> => {
    const found: JsonObject[] = [];
    let continuationToken: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const body = { ...filter, ...(continuationToken === undefined ? {} : { continuationToken }) };
      const { value, continuationToken: next } = asObject(await send({ ...request, body }, context), request.what);
      if (!Array.isArray(value)) throw notAsExpected(request.what, 'expected a list "value" in the answer');
      found.push(...(value as readonly JsonValue[]).filter(isJsonObject));
      if (typeof next !== 'string' || next === '') return { found, isWhole: true };
      continuationToken = next;
    }
    return { found, isWhole: false };
  };

  return {
    ready: async ({ signal, fetch }) => {
      gate.pass();
      await identity.token(signal, fetch);
    },

    createRun: async (factory, run, context, timeoutMs) => {
      const what = `createRun of pipeline ${run.pipelineName}`;
      const query = present({
        referencePipelineRunId: run.referencePipelineRunId,
        isRecovery: run.isRecovery ? 'true' : undefined,
        startActivityName: run.startActivityName,
        startFromFailure: run.startFromFailure === true ? 'true' : undefined,
      });
      const body = run.parameters ?? {};
      const path = ['pipelines', run.pipelineName, 'createRun'];
      const limits = { timeoutMs, finishWithinMs: CREATE_FINISH_MS };
      const answer = asObject(
        await send({ what, method: 'POST', factory, path, query, body, ...limits }, context),
        what,
      );
      const { runId } = answer;
      if (typeof runId === 'string' && runId !== '') return runId;
      throw notAsExpected(what, 'the answer has no runId');
    },

    getRun: async (factory, runId, context) => {
      const what = `run ${runId}`;
      return asObject(await send({ what, method: 'GET', factory, path: ['pipelineruns', runId] }, context), what);
    },

    cancelRun: async (factory, runId, context) => {
      const [what, path] = [`cancel of run ${runId}`, ['pipelineruns', runId, 'cancel']];
      await send({ what, method: 'POST', factory, path, query: { isRecursive: 'true' } }, context);
    },

    activityRuns: async (factory, runId, updated, context) => {
      const [what, path] = [`activities of run ${runId}`, ['pipelineruns', runId, 'queryActivityruns']];
      const orderBy = [{ orderBy: 'ActivityRunStart', order: 'ASC' }];
      return (await pages({ what, method: 'POST', factory, path }, { ...updated, orderBy }, context)).found;
    },

    pipelineRuns: async (factory, pipelineName, sinceMs, context) => {
      const filters = [{ operand: 'PipelineName', operator: 'Equals', values: [pipelineName] }];
      const orderBy = [{ orderBy: 'RunStart', order: 'ASC' }];
      const [what, path] = [`runs of pipeline ${pipelineName}`, ['queryPipelineRuns']];
      const listed = async (earliestMs: number) => {
        const fromMs = earliestMs - CLOCK_TOLERANCE_MS;
        const filter = { ...updatedSince(fromMs, now()), filters, orderBy };
        const { found, isWhole } = await pages({ what, method: 'POST', factory, path }, filter, context);
        if (!isWhole) throw notAsExpected(what, `more than ${MAX_PAGES} pages`);
        return { runs: found, fromMs };
      };
      return { ...(await clock.since(sinceMs, listed)), sinceMs: clock.theirs(sinceMs) };
    },

    updatedRuns: async (factory, sinceMs, context) => {
      const [what, path] = [`runs of factory ${factory.factoryName}`, ['queryPipelineRuns']];
      const request: Request = { what, method: 'POST', factory, path };
      const updated = updatedSince(clock.earliest(sinceMs) - CLOCK_TOLERANCE_MS, now());
      const { found, isWhole } = await pages(request, { ...updated }, context, MAX_PAGES_OF_ALL);
      return isWhole ? found : undefined;
    },
  };
};
