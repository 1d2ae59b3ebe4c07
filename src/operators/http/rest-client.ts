// One operation of the manifest as a request: templates filled in, authenticated, throttled. What goes wrong is a Fault whose
// `details.outcome` says whether the request can have had an effect. Nothing is tried again here except once with a new token.

import {
  callHttp,
  Fault,
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
  /** Everything on all pages that matches. */
  find(find: HttpFind, input: JsonObject, context: CallContext): Promise<readonly Found[]>;
  /** A program on an answer. */
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

const textHeader = (name: string, value: JsonValue): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/[\r\n\0]/.test(text)) {
    throw new Fault('COMPONENT_TERMINAL', `header ${name}: a value must be one line`, {
      retry: 'never',
      details: { outcome: 'none' },
    });
  }
  return text;
};

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
    const filling = createFilling();
    const path = filling.text(operation.url, inUrl);
    const query = filling.json((operation.query ?? {}) as JsonObject);
    const headers = filling.json({ ...http.headers, ...operation.headers } as JsonObject);
    const body = operation.body === undefined ? undefined : filling.json(operation.body);
    await filling.evaluate(evaluate, input);
    const url = new URL(`${baseUrl.replace(/\/$/, '')}/${String(path()).replace(/^\//, '')}`);
    for (const [name, value] of Object.entries(query() as JsonObject))
      if (value !== null) url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    const given = Object.entries(headers() as JsonObject).filter(([, value]) => value !== null);
    const named = given.map(([name, value]) => [name.toLowerCase(), textHeader(name, value)] as const);
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    return {
      method: operation.method ?? 'GET',
      url: url.toString(),
      headers: { accept: 'application/json', 'user-agent': 'opstream-http', ...content, ...Object.fromEntries(named) },
      ...(body === undefined ? {} : { body: JSON.stringify(body()) }),
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
      const retry = retryAfterMs === undefined ? 'later' : { afterMs: retryAfterMs };
      return new Fault('COMPONENT_RETRYABLE', message, { retry, details });
    }
    return new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details });
  };

  const send: RestClient['send'] = async (operation, input, context, isStarting = false) => {
    const request = await fill(operation, input);
    for (let tries = 1; ; tries += 1) {
      gate.pass();
      const credentials = await auth.headers(context);
      const reply = await callHttp({
        ...{ method: request.method ?? 'GET', url: request.url, timeoutMs, signal: context.signal },
        headers: { ...request.headers, ...credentials },
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(isStarting ? { finishWithinMs: FINISH_MS } : {}),
        ...(context.fetch === undefined ? {} : { fetch: context.fetch }),
      });
      const { status } = reply;
      if ((status >= 200 && status < 300) || operation.accept?.includes(status) === true)
        return { status, headers: Object.fromEntries(reply.headers), body: reply.body ?? null };
      if (status === 401 && tries === 1 && auth.discard()) continue;
      if (throttleStatuses.includes(status)) {
        const pauseMs = reply.retryAfterMs ?? definition.pauseMs;
        gate.close(pauseMs);
      }
      throw faultOf(reply, request);
    }
  };

  const valueOn = async (program: string, input: JsonObject): Promise<JsonValue> =>
    (await evaluate([program], input))[0] ?? null;

  const matching = async (find: HttpFind, page: JsonObject, items: readonly JsonValue[]): Promise<readonly Found[]> => {
    // One program for all items of the page.
    const program = `. as $all | [$all.items[] | . as $item | ($all.context + {item: $item}) | [(${find.match}\n), (${find.externalId}\n | tostring)]]`;
    const [verdicts] = await evaluate([program], { items, context: page });
    return (verdicts as readonly (readonly [JsonValue, JsonValue])[]).flatMap(([isMatch, externalId], index) =>
      isMatch === true ? [{ externalId: String(externalId), item: items[index] ?? null }] : [],
    );
  };

  return {
    send,
    read: (program, input, answer) => valueOn(program, { ...input, response: answer }),

    find: async (find, input, context) => {
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
          found.push(...(await matching(find, { ...input, page }, items as readonly JsonValue[])));
        const next = find.next === undefined ? null : await valueOn(find.next, seen);
        if (!isJsonObject(next)) break;
        over = next;
      }
      return found;
    },
  };
};
