// A server that answers what a test says and keeps what it was asked, and the parts of the operator without code around it.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { createAuth, type CallContext } from '../../../../src/operators/http/auth.ts';
import type { Definition } from '../../../../src/operators/http/definition.ts';
import { createRestClient } from '../../../../src/operators/http/rest-client.ts';
import { createEvaluate } from '../../../../src/operators/http/template.ts';
import {
  createGate,
  createJqRunner,
  isFault,
  type Fault,
  type HttpTypeSpec,
  type JsonObject,
} from '../../../../src/sdk/index.ts';

const jq = createJqRunner();
after(() => jq.close());
export const evaluate = createEvaluate(jq);

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};
export type Says = {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly text?: string;
};

export const startServer = async (answer: (asked: Asked, count: number) => Says | Promise<Says> = () => ({})) => {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
    const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
    const one = {
      ...{ method: request.method ?? '', path, query: new URLSearchParams(query) },
      ...{ headers: request.headers, body },
    };
    asked.push(one);
    const { status = 200, headers = {}, body: said = {}, text } = await answer(one, asked.length);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text ?? JSON.stringify(said));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
};

export const definitionOf = (http: HttpTypeSpec, env: JsonObject = {}): Definition => ({
  ...{ operator: 'rest', type: 'thing', http, env },
  ...{ pollIntervalMs: 50, timeoutMs: 5000, findForMs: 1000, settleMs: 100, pauseMs: 700 },
});

type ClientOptions = Partial<HttpTypeSpec> & {
  readonly limit?: { readonly requests: number; readonly perMs: number };
  readonly now?: () => number;
};
export const clientFor = (url: string, { limit, now = Date.now, ...http }: ClientOptions = {}, known?: Definition) =>
  createRestClient({
    ...{ definition: known ?? definitionOf({ baseUrl: url, ...http }), evaluate, baseUrl: url },
    ...{ auth: createAuth(http.auth, 5000, now), gate: createGate(limit, now) },
  });

export const context: CallContext = { signal: new AbortController().signal };

/** The Fault that `work` fails with. */
export const faultOf = async (work: () => unknown): Promise<Fault> => {
  try {
    await work();
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  throw new Error('expected a Fault');
};
