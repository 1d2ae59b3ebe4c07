// The part of Hightouch's API that the operator needs. What goes wrong is a Fault whose `details.outcome` says whether the call can have had
// an effect; nothing is tried again here. A 429 closes the door for all callers of this process for a while: the API says no time, so
// it is HIGHTOUCH_THROTTLE_PAUSE. Messages stay the same for the same problem, so that a status is not rewritten at each try.

import {
  callHttp,
  CLOCK_TOLERANCE_MS,
  createApiClock,
  createGate,
  Fault,
  isFault,
  isJsonObject,
  isNotThere,
  refusedFault,
  type HttpReply,
  type JsonObject,
  type JsonValue,
  type TracedFetch,
} from '../../sdk/index.ts';
import { bodyText, idOf, type Id } from './ids.ts';
import type { HightouchSettings } from './settings.ts';

const MAX_PAGES = 100;
const PAGE_SIZE = 100;
const TRIGGER_FINISH_MS = 5000;
const MAX_MESSAGE = 1000;

export type CallContext = {
  readonly signal: AbortSignal;
  readonly traceparent?: string;
  /** `fetch` of the reconcile, which counts, times and traces. Default: the global one. */
  readonly fetch?: TracedFetch;
};
type Body = JsonObject;

export interface Hightouch {
  /** Throws the Fault of a pause after 429, if there is one. */
  ready(): void;
  find(kind: 'models' | 'syncs', slug: string, context: CallContext): Promise<JsonObject | undefined>;
  create(kind: 'models' | 'syncs', body: Body, context: CallContext): Promise<JsonObject>;
  update(kind: 'models' | 'syncs', id: Id, changes: Body, context: CallContext): Promise<JsonObject>;
  /**
   * Starts a run; its id. There is no idempotency key. Faults: `details.outcome` `unknown` when a run may have been started. After
   * `context.signal` has aborted the answer is waited for 5 s more.
   */
  trigger(syncId: Id, flags: JsonObject, context: CallContext, timeoutMs: number): Promise<Id>;
  /** undefined: Hightouch does not know it (any more). */
  run(syncId: Id, runId: Id, context: CallContext): Promise<JsonObject | undefined>;
  /**
   * Runs of a sync that were made since, by our clock, and in CLOCK_TOLERANCE_MS before: none of them is missed, earlier ones may be among them.
   * undefined: the sync is not there, so nobody knows of its runs.
   */
  runsSince(syncId: Id, sinceMs: number, context: CallContext): Promise<readonly JsonObject[] | undefined>;
  /** The same moment by the clock that is behind, ours or Hightouch's, as far as its answers told. */
  earliest(timeMs: number): number;
}

const unclear = (what: string, problem: string): Fault =>
  new Fault('COMPONENT_RETRYABLE', `${what}: ${problem}`, { details: { outcome: 'unknown' } });

/** Faults: COMPONENT_RETRYABLE, when it has none that can be read: it is there, and not known by what. */
export const knownId = (value: JsonObject, what: string): Id => {
  const id = idOf(value);
  if (id !== undefined) return id;
  throw unclear(what, `expected an id of digits in the answer, found ${JSON.stringify(value['id'] ?? null)}`);
};

/** What is not seen in an answer of another kind is not known to be absent. */
const listIn = (data: JsonValue | undefined, what: string): readonly JsonObject[] => {
  const list = Array.isArray(data) ? (data as readonly JsonValue[]) : undefined;
  if (list?.every(isJsonObject) === true) return list.filter(isJsonObject);
  throw unclear(what, 'expected a list of objects "data" in the answer');
};

/** Status of an answer that became a Fault. */
export const statusOf = (error: unknown): number | undefined => {
  const status = isFault(error) ? error.details['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
};

/** undefined: what was asked about is not there (any more). */
const unlessAbsent = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
};

const textOf = (body: JsonValue | undefined): string => {
  if (typeof body === 'string') return body;
  if (!isJsonObject(body)) return 'the answer had no message';
  const { message, details, error } = body;
  const parts = [message ?? error, details].filter((one) => one !== undefined && one !== null);
  return parts
    .map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
    .join(': ')
    .slice(0, MAX_MESSAGE);
};

export const createHightouch = (settings: HightouchSettings, now: () => number = Date.now): Hightouch => {
  const base = `${settings.serviceUrl.replace(/\/$/, '')}${settings.basePath.replace(/\/$/, '')}`;
  const clock = createApiClock();
  const gate = createGate(undefined, now);

  const faultOf = (reply: HttpReply, what: string): Fault => {
    const { status, body } = reply;
    const hint = status === 401 || status === 403 ? '; check HIGHTOUCH_SECRET' : '';
    const text = status === 429 ? 'Hightouch throttles this workspace (429)' : `${status}: ${textOf(body)}${hint}`;
    return refusedFault(reply, `${what}: ${text}`, { pauseMs: settings.throttlePauseMs });
  };

  const headersOf = (body: Body | undefined, traceparent: string | undefined): Readonly<Record<string, string>> => ({
    authorization: `Bearer ${settings.apiKey}`,
    accept: 'application/json',
    'user-agent': 'opstream-hightouch',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });

  type Request = { readonly body?: Body; readonly timeoutMs?: number; readonly finishWithinMs?: number };
  const send = async (
    what: string,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    context: CallContext,
    request: Request = {},
  ): Promise<JsonObject> => {
    gate.pass();
    const { body, timeoutMs = settings.requestTimeoutMs, finishWithinMs = 0 } = request;
    const { signal, traceparent, fetch } = context;
    const reply = await callHttp({
      ...{ method, url: `${base}${path}`, timeoutMs, finishWithinMs, signal },
      headers: headersOf(body, traceparent),
      ...(body === undefined ? {} : { body: bodyText(body) }),
      ...(fetch === undefined ? {} : { fetch }),
    });
    clock.heard(reply);
    if (reply.status < 200 || reply.status >= 300) {
      const fault = faultOf(reply, what);
      if (reply.status === 429) gate.close(reply.retryAfterMs ?? settings.throttlePauseMs, fault);
      throw fault;
    }
    if (isJsonObject(reply.body)) return reply.body;
    throw unclear(what, 'the answer is not an object');
  };

  const pages = async (what: string, path: string, query: Readonly<Record<string, string>>, context: CallContext) => {
    const found: JsonObject[] = [];
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const range = { limit: String(PAGE_SIZE), offset: String(found.length) };
      const { data, hasMore } = await send(
        what,
        'GET',
        `${path}?${new URLSearchParams({ ...query, ...range }).toString()}`,
        context,
      );
      const list = listIn(data, what);
      found.push(...list);
      const isAll = typeof hasMore === 'boolean' ? !hasMore : list.length < PAGE_SIZE;
      if (isAll) return found;
      if (list.length === 0) throw unclear(what, 'the answer has nothing in "data" and says that there is more');
    }
    throw new Fault('COMPONENT_RETRYABLE', `${what}: more than ${MAX_PAGES} pages`, { details: { outcome: 'none' } });
  };

  return {
    ready: () => gate.look(),
    find: async (kind, slug, context) =>
      (await pages(`${kind} with slug ${slug}`, `/${kind}`, { slug }, context)).find((one) => one['slug'] === slug),
    create: (kind, body, context) =>
      send(`creation of ${kind}/${String(body['slug'])}`, 'POST', `/${kind}`, context, { body }),
    update: (kind, id, changes, context) =>
      send(`update of ${kind}/${id}`, 'PATCH', `/${kind}/${id}`, context, { body: changes }),
    trigger: async (syncId, flags, context, timeoutMs) => {
      const what = `trigger of sync ${syncId}`;
      // The trigger route wants the id as text and answers the run's as text; everywhere else both are numbers.
      const body = { syncId, ...flags };
      const answer = await send(what, 'POST', '/syncs/trigger', context, {
        body,
        timeoutMs,
        finishWithinMs: TRIGGER_FINISH_MS,
      });
      return knownId(answer, what);
    },
    run: async (syncId, runId, context) => {
      const what = `run ${runId}`;
      const answer = await unlessAbsent(send(what, 'GET', `/syncs/${syncId}/runs?runId=${runId}`, context));
      const list = answer === undefined ? [] : listIn(answer['data'], what);
      const found = list.find((one) => idOf(one) === runId);
      if (found !== undefined || list.length === 0) return found;
      throw unclear(what, 'the answer has other runs than the one asked for');
    },
    runsSince: (syncId, sinceMs, context) =>
      clock.since(sinceMs, (earliestMs) => {
        const after = new Date(earliestMs - CLOCK_TOLERANCE_MS).toISOString();
        return unlessAbsent(
          pages(`runs of sync ${syncId}`, `/syncs/${syncId}/runs`, { after, orderBy: 'id' }, context),
        );
      }),
    earliest: clock.earliest,
  };
};
