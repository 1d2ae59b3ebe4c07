// METRIC_PORT: `/metrics` for Prometheus, `/healthz` (the program is alive and its event loop turns: it answered), `/readyz` (it does its
// work, or stands by to take it over; else what is missing, a line each). A port that is taken is no reason not to work: replicas on one
// host are often given the same one, and a program that is being replaced still has it. It is tried again until it is free.

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../engine/ports/log.ts';

export type MetricsServerOptions = {
  /** 0: any free port. */
  readonly port: number;
  readonly log: Log;
  readonly metrics: { readonly contentType: string; expose(): Promise<string> };
  /** What is missing for the program to do its work; empty: nothing. */
  missing(): readonly string[];
  /** How long until a port that is taken is tried again. Default 5000. */
  readonly againAfterMs?: number;
};

export type MetricsServer = {
  /** The port it listens on; undefined while it does not. */
  readonly port: number | undefined;
  stop(): void;
};

const PLAIN = 'text/plain; charset=utf-8';
const SCRAPE_TIMEOUT_MS = 10_000;

const answer = (response: ServerResponse, code: number, text: string, contentType = PLAIN): void => {
  response.writeHead(code, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
};

const createHandler = ({ metrics, missing, log }: MetricsServerOptions): Server => {
  const server = createServer({ requestTimeout: SCRAPE_TIMEOUT_MS }, (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'expected GET\n');
    } else if (path === '/healthz') {
      answer(response, 200, 'ok\n');
    } else if (path === '/readyz') {
      const lacking = missing();
      answer(response, lacking.length === 0 ? 200 : 503, lacking.length === 0 ? 'ok\n' : `${lacking.join('\n')}\n`);
    } else if (path === '/metrics') {
      metrics.expose().then(
        (text) => answer(response, 200, text, metrics.contentType),
        (error: unknown) => {
          log.error({ err: error }, 'metrics could not be read');
          answer(response, 500, 'metrics could not be read; see the log\n');
        },
      );
    } else {
      answer(response, 404, 'expected /metrics, /healthz or /readyz\n');
    }
  });
  return server.unref();
};

/** Resolves when it listens, or has found that it cannot yet. */
export const serveMetrics = async (options: MetricsServerOptions): Promise<MetricsServer> => {
  const { log, againAfterMs = 5000 } = options;
  const server = createHandler(options);
  let again: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isWarned = false;

  const listen = (): Promise<void> =>
    new Promise((resolve) => {
      server.removeAllListeners('error').removeAllListeners('listening');
      server.on('error', (error) => {
        if (!isWarned) log.warn({ port: options.port, err: error }, 'metrics are not served');
        isWarned = true;
        if (!isStopped && !server.listening) again = setTimeout(() => void listen(), againAfterMs).unref();
        resolve();
      });
      server.once('listening', () => {
        log.info({ port: (server.address() as AddressInfo).port }, 'metrics served');
        resolve();
      });
      server.listen(options.port);
    });
  await listen();

  return {
    get port() {
      return server.listening ? (server.address() as AddressInfo).port : undefined;
    },
    stop: () => {
      isStopped = true;
      clearTimeout(again);
      server.close();
      server.closeAllConnections();
    },
  };
};
