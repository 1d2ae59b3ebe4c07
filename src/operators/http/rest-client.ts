// One operation of the manifest as a request: templates filled in, authenticated, throttled. What goes wrong is a Fault whose
// `details.outcome` says whether the request can have had an effect. Nothing is tried again here except once with a new token.

import {
  callHttp,
  Fault,
  isFault,
  isJsonObject,
  type HttpFind,
  type HttpOperation,
  type HttpReply,
  type JsonObject,
  type JsonValue,
} from '../../sdk/index.ts';
import type { Auth, CallContext } from './auth.ts';
import type { Definition } from './definition.ts';
import type { Gate } from './gate.ts';
import { idOf } from './record.ts';
import { createFilling, inUrl, type Evaluate } from './template.ts';

const RETRY_STATUSES = [408, 500, 502, 503, 504];
const THROTTLE_STATUSES = [429];
const FINISH_MS = 5000;
const MAX_PAGES = 50;
const MAX_WORDS = 300;

export type Answer = { readonly status: number; readonly headers: JsonObject; readonly body: JsonValue };
export type Found = { readonly externalId: string; readonly item: JsonValue };

export type RestClient = {
  /**
   * The answer when its status is 200 to 299 or accepted. `isStarting`: something may be started by it, so its answer is waited for
   * a while when the component stops. Faults: COMPONENT_RETRYABLE, COMPONENT_TERMINAL, with `details.status` and `details.outcome`.
   */
  send(operation: HttpOperation, input: JsonObject, context: CallContext, isStarting?: boolean): Promise<Answer>;
  /** Faults: as `send`, when the door is closed now; nothing is sent. */
  ready(): void;
  /** What matches and is wanted, on all pages. Faults: as `send`; COMPONENT_TERMINAL when there are too many pages to be sure of none. */
  find(
    find: HttpFind,
    input: JsonObject,
    context: CallContext,
    isWanted?: (externalId: string) => boolean,
  ): Promise<readonly Found[]>;
  /** A program on an answer. Faults: COMPONENT_TERMINAL with `details.outcome` `unknown`. */
  read(program: string, input: JsonObject, answer: Answer): Promise<JsonValue>;
};

type Request = {
  readonly method: HttpOperation['method'];
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
};

/** What the API says went wrong: the first text that looks like a message. */
const wordsOf = (body: JsonValue | undefined): string => {
  if (typeof body === 'string') return body;
  if (!isJsonObject(body)) return '';
  for (const key of ['message', 'error_description', 'detail', 'title', 'error']) {
    const value = body[key];
    if (typeof value === 'string' && value !== '') return value;
    if (isJsonObject(value)) return wordsOf(value);
  }
  return '';
};

const refused = (message: string): Fault =>
  new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details: { outcome: 'none' } });

/** Whoever says these decides where a request ends. */
const FRAMING = /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive)$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** One line of Latin-1, as HTTP has it. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Faults: COMPONENT_TERMINAL without the value, which may be a secret. */
const headerOf = (given: string, value: JsonValue): readonly [string, string] => {
  const name = given.toLowerCase();
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).trim();
  if (!HEADER_NAME.test(name) || FRAMING.test(name)) throw refused(`header ${given}: it cannot be given`);
  if (!HEADER_VALUE.test(text)) throw refused(`header ${given}: a value must be one line of Latin-1 characters`);
  return [name, text];
};

const isFine = (status: number, { accept = [] }: HttpOperation): boolean =>
  (status >= 200 && status < 300) || accept.includes(status);

export const createRestClient = (options: {
  readonly definition: Definition;
  readonly evaluate: Evaluate;
  readonly auth: Auth;
  readonly gate: Gate;
  readonly baseUrl: string;
}): RestClient => {
  const { definition, evaluate, auth, gate, baseUrl } = options;
  const { http, timeoutMs } = definition;
  const retryStatuses = http.retry?.statuses ?? RETRY_STATUSES;
  const throttleStatuses = http.throttle?.statuses ?? THROTTLE_STATUSES;

  const fill = async (operation: HttpOperation, input: JsonObject): Promise<Request> => {
    const { method = 'GET' } = operation;
    if (method === 'GET' && operation.body !== undefined) {
      throw refused(`the operator's manifest: ${operation.url}: GET has no body; give its method`);
    }
    const filling = createFilling();
    const path = filling.text(operation.url, inUrl);
    const query = filling.json((operation.query ?? {}) as JsonObject);
    const headers = filling.json({ ...http.headers, ...operation.headers } as JsonObject);
    const body = operation.body === undefined ? undefined : filling.jsonText(operation.body);
    await filling.evaluate(evaluate, input);
    const url = new URL(`${baseUrl.replace(/\/$/, '')}/${String(path()).replace(/^\//, '')}`);
    for (const [name, value] of Object.entries(query() as JsonObject))
      if (value !== null) url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    const given = Object.entries(headers() as JsonObject).filter(([, value]) => value !== null);
    const named = given.map(([name, value]) => headerOf(name, value));
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    return {
      method,
      url: url.toString(),
      headers: { accept: 'application/json', 'user-agent': 'opstream-http', ...content, ...Object.fromEntries(named) },
      ...(body === undefined ? {} : { body: body() }),
    };
  };

  const faultOf = (reply: HttpReply, { method, url }: Request): Fault => {
    const { status, retryAfterMs } = reply;
    const words = wordsOf(reply.body).replaceAll(/\s+/g, ' ').slice(0, MAX_WORDS);
    const { origin, pathname } = new URL(url);
    const message = `${method ?? 'GET'} ${origin}${pathname}: ${status}${words === '' ? '' : `: ${words}`}`;
    // A refusal had no effect; what failed inside the API may have had one.
    const details = { status, outcome: status >= 500 || status === 408 ? 'unknown' : 'none' };
    const isThrottled = throttleStatuses.includes(status);
    if (isThrottled || retryStatuses.includes(status)) {
      const scope = isThrottled ? ({ scope: 'operator' } as const) : {};
      const afterMs = retryAfterMs ?? (isThrottled ? definition.pauseMs : undefined);
      const retry = afterMs === undefined ? 'later' : { afterMs, ...scope };
      return new Fault('COMPONENT_RETRYABLE', message, { retry, details });
    }
    return new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details });
  };

  const attempt = (
    request: Request,
    credentials: Readonly<Record<string, string>>,
    { signal, fetch }: CallContext,
    finishWithinMs: number,
  ): Promise<HttpReply> => {
    const { method = 'GET', url, headers, body } = request;
    return callHttp({
      ...{ method, url, timeoutMs, finishWithinMs, signal, headers: { ...headers, ...credentials } },
      ...(body === undefined ? {} : { body }),
      ...(fetch === undefined ? {} : { fetch }),
    });
  };

  const send: RestClient['send'] = async (operation, input, context, isStarting = false) => {
    const request = await fill(operation, input);
    for (let tries = 1; ; tries += 1) {
      gate.pass();
      const given = Object.entries(await auth.headers(context));
      const credentials = Object.fromEntries(given.map(([name, value]) => headerOf(name, value)));
      const reply = await attempt(request, credentials, context, isStarting ? FINISH_MS : 0);
      const { status } = reply;
      if (isFine(status, operation))
        return { status, headers: Object.fromEntries(reply.headers), body: reply.body ?? null };
      if (status === 401 && tries === 1 && auth.discard(credentials)) continue;
      if (throttleStatuses.includes(status)) gate.close(reply.retryAfterMs ?? definition.pauseMs);
      throw faultOf(reply, request);
    }
  };

  const valueOn = async (program: string, input: JsonObject): Promise<JsonValue> =>
    (await evaluate([program], input))[0] ?? null;

  const matching = async (find: HttpFind, page: JsonObject, items: readonly JsonValue[]): Promise<readonly Found[]> => {
    // One program for all items of the page.
    const id = `(if . == true then $seen | [limit(1; (${find.externalId}\n))][0] else null end)`;
    const verdict = `($all.context + {item: $item}) as $seen | $seen | [limit(1; (${find.match}\n))][0] | [., ${id}]`;
    const [verdicts] = await evaluate([`. as $all | [$all.items[] | . as $item | ${verdict}]`], {
      items,
      context: page,
    });
    return (verdicts as readonly (readonly [JsonValue, JsonValue])[]).flatMap(([isMatch, externalId], index) =>
      isMatch === true ? [{ externalId: idOf(externalId, 'find'), item: items[index] ?? null }] : [],
    );
  };

  return {
    send,
    ready: () => gate.look(),
    read: async (program, input, answer) => {
      try {
        return await valueOn(program, { ...input, response: answer });
      } catch (error) {
        // What was asked for has been done by now, whatever is wrong with the program.
        if (!isFault(error)) throw error;
        const details = { ...error.details, outcome: 'unknown' };
        throw new Fault(error.code, error.message, { retry: error.retry, details, cause: error });
      }
    },

    find: async (find, input, context, isWanted = () => true) => {
      const found: Found[] = [];
      let over: JsonObject = {};
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query = isJsonObject(over['query']) ? { query: { ...find.query, ...over['query'] } } : {};
        const body = isJsonObject(over['body'])
          ? { body: { ...(isJsonObject(find.body) ? find.body : {}), ...over['body'] } }
          : {};
        const answer = await send({ ...find, ...query, ...body }, input, context);
        const seen = { ...input, response: answer, page };
        const items = await valueOn(find.items, seen);
        if (Array.isArray(items) && items.length > 0)
          found.push(
            ...(await matching(find, { ...input, page }, items as readonly JsonValue[])).filter((one) =>
              isWanted(one.externalId),
            ),
          );
        const next = find.next === undefined ? null : await valueOn(find.next, seen);
        if (!isJsonObject(next)) return found;
        over = next;
      }
      if (found.length > 0) return found;
      // Not found is not known: what is looked for may be on a later page.
      throw refused(
        `the operator's manifest: find at ${find.url} gives more than ${MAX_PAGES} pages; narrow its query`,
      );
    },
  };
};
