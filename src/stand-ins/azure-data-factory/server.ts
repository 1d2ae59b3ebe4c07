// The HTTP server: reads a request, applies an ordered fault, hands it to the token endpoint, the management API or the admin
// surface, and keeps the journal. Listens on 127.0.0.1 and nowhere else. Tests use `startStandIn` in their own process;
// main.ts is the program.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { adminPrefix, answerAdmin } from './admin.ts';
import { answerArm, headerText, mediaTypeOf } from './arm.ts';
import { armError, type Reply } from './errors.ts';
import { faultReply } from './fault-reply.ts';
import { dateHeader, mostBodyBytes, readBodyText, send } from '../common/http.ts';
import type { LogEntry } from './journal.ts';
import { defaultOptions, type StandInOptions } from './options.ts';
import { matchRoute, type RouteMatch } from './routes.ts';
import { tenantOfTokenPath } from './token.ts';
import { createWorld, resetWorld, type World } from './world.ts';

export type StandIn = {
  /** Where the management API is: `http://127.0.0.1:PORT`, in place of `https://management.azure.com`. */
  readonly url: string;
  /** The authority, in place of `https://login.microsoftonline.com`; clients append `/{tenant}/oauth2/v2.0/token`. */
  readonly loginUrl: string;
  readonly adminUrl: string;
  readonly options: StandInOptions;
  /** Drops every connection and frees the port. */
  close(): Promise<void>;
};

/**
 * Starts a stand-in inside this process.
 * @throws the system's error when the port cannot be bound
 */
export const startStandIn = async (given: Partial<StandInOptions> = {}): Promise<StandIn> => {
  const options: StandInOptions = { ...defaultOptions, ...given };
  const closing = new AbortController();
  let world = createWorld(options);
  let url = '';

  const answer = (
    request: IncomingMessage,
    path: string,
    searchParams: URLSearchParams,
    bodyText: string,
    match: RouteMatch,
    entry: LogEntry,
    current: World,
  ): Reply => {
    const tenant = tenantOfTokenPath(path);
    if (tenant !== undefined) {
      const { reply, violation } = current.tokens.answer({
        method: entry.method,
        tenant,
        contentType: mediaTypeOf(request.headers),
        body: bodyText,
        requestId: entry.requestId,
        correlationId: entry.correlationId,
      });
      if (violation !== undefined) current.journal.violation(entry, violation);
      return reply;
    }
    return answerArm(
      current,
      {
        match,
        method: entry.method,
        path,
        searchParams,
        headers: request.headers,
        bodyText,
        baseUrl: url,
        note: (violation) => current.journal.violation(entry, violation),
        accepted: (runId) => {
          entry.runId = runId;
        },
      },
      url,
    );
  };

  const openEntry = (
    request: IncomingMessage,
    path: string,
    searchParams: URLSearchParams,
    bodyText: string | undefined,
    match: RouteMatch,
  ): LogEntry => {
    const isToken = tenantOfTokenPath(path) !== undefined;
    const requestId = randomUUID();
    const clientRequestId = headerText(request.headers, isToken ? 'client-request-id' : 'x-ms-client-request-id');
    const plainOperation = isToken ? 'token' : 'unknown';
    return world.journal.open({
      method: request.method ?? 'GET',
      path,
      query: Object.fromEntries(searchParams),
      operation: match.kind === 'operation' ? match.operation.name : plainOperation,
      requestId,
      clientRequestId,
      correlationId: headerText(request.headers, 'x-ms-correlation-request-id') ?? requestId,
      userAgent: request.headers['user-agent'],
      traceparent: headerText(request.headers, 'traceparent'),
      body: isToken || bodyText === '' ? undefined : bodyText,
    });
  };

  const standardHeaders = (request: IncomingMessage, entry: LogEntry): Readonly<Record<string, string>> => ({
    ...dateHeader(options.now),
    'x-ms-request-id': entry.requestId,
    'x-ms-correlation-request-id': entry.correlationId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    ...(headerText(request.headers, 'x-ms-return-client-request-id')?.toLowerCase() === 'true' &&
    entry.clientRequestId !== undefined
      ? { 'x-ms-client-request-id': entry.clientRequestId }
      : {}),
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const startedAt = performance.now();
    const bodyText = await readBodyText(request);
    const method = request.method ?? 'GET';
    const [rawPath = '/', rawQuery = ''] = (request.url ?? '/').split(/\?(.*)/s, 2);
    const searchParams = new URLSearchParams(rawQuery);
    if (rawPath.startsWith(adminPrefix)) {
      const reset = (): void => {
        world = resetWorld(world);
      };
      const { remoteAddress } = request.socket;
      const admin = {
        method,
        path: rawPath,
        searchParams,
        headers: request.headers,
        remoteAddress,
        bodyText: bodyText ?? '',
        reset,
      };
      send(response, answerAdmin(world, admin), {});
      return;
    }

    const current = world;
    const match = matchRoute(method, rawPath);
    const entry = openEntry(request, rawPath, searchParams, bodyText, match);
    response.once('close', () => current.journal.ended(entry));
    current.journal.checkPatience(entry);
    const drop = (): void => {
      current.journal.ended(entry);
      entry.outcome = 'dropped';
      request.socket.destroy();
    };
    const finish = (reply: Reply): void => {
      current.journal.ended(entry);
      const retryAfter = Number(reply.headers?.['retry-after'] ?? 0);
      if (retryAfter > 0) current.journal.askedToWait(entry, retryAfter);
      entry.durationMs = Math.round(performance.now() - startedAt);
      if (response.destroyed) {
        entry.outcome = 'abandoned';
        return;
      }
      entry.status = reply.status;
      entry.outcome = 'answered';
      send(response, reply, standardHeaders(request, entry));
    };

    const fault = current.faults.take(method, rawPath, entry.operation);
    entry.fault = fault?.kind;
    if (fault?.kind === 'drop-before') return drop();
    const ordered = fault === undefined ? undefined : faultReply(fault, current, match, entry.operation === 'token');
    if (ordered !== undefined) return finish(ordered);
    if (bodyText === undefined) {
      current.journal.violation(entry, { kind: 'body-too-large', detail: `more than ${mostBodyBytes} bytes` });
      return finish(armError(413, 'RequestEntityTooLarge', `The request content exceeds ${mostBodyBytes} bytes.`));
    }
    const reply = answer(request, rawPath, searchParams, bodyText, match, entry, current);
    if (fault?.kind === 'drop-after-accept') return drop();
    if (fault?.kind === 'delay') await held(response, fault.delayMs);
    return finish(reply);
  };

  /** Resolves after the delay, or at once when the client or this program goes away. */
  const held = async (response: ServerResponse, delayMs: number): Promise<void> => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    await wait(delayMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A client that hangs up while its body is read ends here too; everything else is a bug of this program.
      if (request.destroyed && !request.complete) return;
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else send(response, armError(500, 'InternalServerError', 'The stand-in failed; see its standard error.'), {});
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address after listening');
  url = `http://127.0.0.1:${address.port}`;

  return {
    url,
    loginUrl: url,
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
