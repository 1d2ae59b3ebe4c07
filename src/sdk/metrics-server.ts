// METRIC_PORT: `/metrics` for Prometheus, `/healthz` (the program is alive and connected), `/readyz` (it leads, or stands by).
// A port that is taken is no reason not to work: replicas on one host are often given the same one.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../engine/ports.ts';

export type MetricsServerOptions = {
  /** 0: any free port. */
  readonly port: number;
  readonly log: Log;
  metrics(): string;
  healthy(): boolean;
  ready(): boolean;
};

/** Resolves when it listens (or cannot); `port` is the one it listens on. */
export const serveMetrics = async (
  options: MetricsServerOptions,
): Promise<{ readonly port: number | undefined; stop(): void }> => {
  const { log } = options;
  const server = createServer((request, response) => {
    const answer = (code: number, text: string): void => {
      response.writeHead(code, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    };
    const path = (request.url ?? '').split('?')[0];
    if (path === '/metrics') answer(200, options.metrics());
    else if (path === '/healthz') answer(options.healthy() ? 200 : 503, options.healthy() ? 'ok\n' : 'not connected\n');
    else if (path === '/readyz') answer(options.ready() ? 200 : 503, options.ready() ? 'ok\n' : 'not ready\n');
    else answer(404, 'expected /metrics, /healthz or /readyz\n');
  });
  const port = await new Promise<number | undefined>((resolve) => {
    server.once('error', (error) => {
      log.warn({ port: options.port, err: error }, 'metrics are not served');
      resolve(undefined);
    });
    server.listen(options.port, () => resolve((server.address() as AddressInfo).port));
  });
  if (port !== undefined) log.info({ port }, 'metrics served');
  return {
    port,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
