// The HTTP server: checks the key and the rate, applies an ordered fault, hands the request to its operation or to the admin surface, and
// keeps the journal. Listens on 127.0.0.1 and nowhere else. Tests use `startStandIn` in their own process; main.ts is the program.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from '../common/faults.ts';
import { dateHeader, readBodyText, send } from '../common/http.ts';
import type { Reply } from '../common/reply.ts';
import { adminPrefix, answerAdmin } from './admin.ts';
import { internalError, notFound, Refusal, replyOfStatus, tooMany, unauthorized, validation } from './answers.ts';
import { matchOperation, type Match } from './api.ts';
import { defaultOptions, type StandInOptions } from './options.ts';
import { admits, createWorld, keep, type LogEntry, type World } from './world.ts';

export type StandIn = {
  /** In place of `https://api.hightouch.com`; the base path is appended by clients. */
  readonly url: string;
  readonly adminUrl: string;
  readonly options: StandInOptions;
  /** Drops every connection and frees the port. */
  close(): Promise<void>;
};

const keyProblem = (authorization: string | undefined, apiKey: string): string | undefined => {
  if (authorization === undefined) return 'No authorization header found';
  return authorization === `Bearer ${apiKey}` ? undefined : 'Invalid API key';
};

const parsed = (text: string | undefined): unknown => {
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal(validation({ body: ['expected JSON'] }));
  }
};

/** undefined for faults that are no answer. */
const replyOfFault = ({ kind, status, body, retryAfterSeconds }: Fault): Reply | undefined => {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  if (kind === 'throttle') return tooMany(headers);
  if (kind !== 'status') return undefined;
  return body === undefined ? replyOfStatus(status, headers) : { status, headers, body };
};

/** A request that the API does not know, or not in that form. */
const violationIn = ({ status, body }: Reply, isUnknown: boolean) => {
  if (status !== 422 && !(status === 404 && isUnknown)) return undefined;
  return { kind: isUnknown ? 'unknown-operation' : 'body-or-query-invalid', detail: JSON.stringify(body) } as const;
};

/**
 * Starts a stand-in inside this process.
 * @throws the system's error when the port cannot be bound
 */
export const startStandIn = async (given: Partial<StandInOptions> = {}): Promise<StandIn> => {
  const options: StandInOptions = { ...defaultOptions, ...given };
  const closing = new AbortController();
  let world = createWorld(options);
  let sequence = 0;

  const answer = (
    current: World,
    match: Match | undefined,
    request: IncomingMessage,
    query: URLSearchParams,
    bodyText: string | undefined,
  ): Reply => {
    const problem = keyProblem(request.headers.authorization, options.apiKey);
    if (problem !== undefined) return unauthorized(problem);
    if (!admits(current)) return tooMany();
    if (match === undefined) return notFound('route');
    try {
      const isJson = (request.headers['content-type'] ?? '').startsWith('application/json');
      if (bodyText !== '' && !isJson) return validation({ body: ['expected content-type application/json'] });
      return match.operation.run({ world: current, id: match.id, query, body: parsed(bodyText) });
    } catch (error) {
      if (error instanceof Refusal) return error.reply;
      throw error;
    }
  };

  const reset = (): void => {
    world = createWorld(options);
  };

  type Asked = { readonly method: string; readonly path: string; readonly searchParams: URLSearchParams };
  const entryOf = (
    { headers }: IncomingMessage,
    asked: Asked & { readonly bodyText: string | undefined; readonly operation: string | undefined },
  ): LogEntry => {
    const { method, path, searchParams, bodyText, operation = 'unknown' } = asked;
    const { traceparent } = headers;
    sequence += 1;
    return {
      ...{ sequence, method, path, operation, query: Object.fromEntries(searchParams) },
      time: new Date(options.now()).toISOString(),
      userAgent: headers['user-agent'],
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      body: bodyText === '' ? undefined : bodyText,
      ...{ status: undefined, outcome: 'pending', fault: undefined },
    };
  };

  /** What is answered, with the ordered fault in its way; undefined when the connection is dropped. */
  const faulty = async (current: World, entry: LogEntry, work: () => Reply): Promise<Reply | undefined> => {
    const fault = current.faults.take(entry.method, entry.path, entry.operation);
    entry.fault = fault?.kind;
    if (fault?.kind === 'drop-before') return undefined;
    const ordered = fault === undefined ? undefined : replyOfFault(fault);
    if (ordered !== undefined) return ordered;
    const reply = work();
    if (fault?.kind === 'drop-after-accept') return undefined;
    if (fault?.kind === 'delay') await wait(fault.delayMs, undefined, { signal: closing.signal }).catch(() => {});
    return reply;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const bodyText = await readBodyText(request);
    const method = request.method ?? 'GET';
    const [path = '/', rawQuery = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
    const searchParams = new URLSearchParams(rawQuery);
    if (path.startsWith(adminPrefix)) {
      const { headers } = request;
      send(response, answerAdmin(world, { method, path, searchParams, headers, bodyText: bodyText ?? '', reset }), {});
      return;
    }
    const current = world;
    const isBelow = path.startsWith(`${options.basePath}/`);
    const match = isBelow ? matchOperation(method, path.slice(options.basePath.length)) : undefined;
    const entry = entryOf(request, { method, path, searchParams, bodyText, operation: match?.operation.name });
    keep(current.requests, entry);
    const reply = await faulty(current, entry, () => {
      const answered = answer(current, match, request, searchParams, bodyText);
      const violation = violationIn(answered, match === undefined);
      if (violation !== undefined) keep(current.violations, { ...violation, method, path });
      return answered;
    });
    if (reply === undefined) {
      entry.outcome = 'dropped';
      request.socket.destroy();
      return;
    }
    entry.status = reply.status;
    entry.outcome = 'answered';
    if (!response.destroyed) send(response, reply, { ...dateHeader(options.now), 'x-content-type-options': 'nosniff' });
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A client that hangs up while its body is read ends here too; everything else is a bug of this program.
      if (request.destroyed && !request.complete) return;
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else send(response, internalError, {});
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address after listening');
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    adminUrl: `${url}/_stand-in`,
    options,
    close: () =>
      new Promise((resolve, reject) => {
        closing.abort();
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
};
