// One operation of the manifest with its templates filled in: what is sent, but for who we are. Called by rest-client.ts.

import { Fault, type HttpOperation, type HttpTypeSpec, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import { createFilling, inUrl, type Evaluate } from './template.ts';

export type Request = {
  readonly method: NonNullable<HttpOperation['method']>;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
};

const refused = (message: string): Fault =>
  new Fault('COMPONENT_TERMINAL', message, { retry: 'never', details: { outcome: 'none' } });

/** Whoever says these decides where a request ends. */
const FRAMING = /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive)$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** One line of Latin-1, as HTTP has it. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Faults: COMPONENT_TERMINAL without the value, which may be a secret. */
export const headerOf = (given: string, value: JsonValue): readonly [string, string] => {
  const name = given.toLowerCase();
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).trim();
  if (!HEADER_NAME.test(name) || FRAMING.test(name)) throw refused(`header ${given}: it cannot be given`);
  if (!HEADER_VALUE.test(text)) throw refused(`header ${given}: a value must be one line of Latin-1 characters`);
  return [name, text];
};

/** As messages name it: without the query, which may hold what is nobody's business. */
export const nameOf = ({ method, url }: Request): string => {
  const { origin, pathname } = new URL(url);
  return `${method} ${origin}${pathname}`;
};

/** Faults: COMPONENT_TERMINAL with `details.outcome` `none`. */
export const createRequests =
  ({
    http,
    evaluate,
    baseUrl,
  }: {
    readonly http: Pick<HttpTypeSpec, 'headers'>;
    readonly evaluate: Evaluate;
    readonly baseUrl: string;
  }) =>
  async (operation: HttpOperation, input: JsonObject): Promise<Request> => {
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
