// Whether an instance does its work: `/readyz` on its metrics port, asked at every look until it says yes and now and then afterwards. An
// instance without that port, or whose server knows no such path, is ready when it has been running for two seconds.

import { get } from 'node:http';

const ANSWER_MS = 1000;
const ASK_AGAIN_MS = 5000;
const SETTLED_MS = 2000;

/** The status code, or undefined when nobody answered in time. */
export const askPath = (host: string, port: number, path: string, timeout = ANSWER_MS): Promise<number | undefined> =>
  new Promise((resolve) => {
    const request = get({ host, port, path, timeout, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    const late = setTimeout(() => request.destroy(), timeout);
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
    request.once('close', () => {
      clearTimeout(late);
      resolve(undefined);
    });
  });

export type ReadinessQuestion = {
  readonly id: string;
  readonly startedMs: number;
  readonly metricPort: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string;
};

/** Remembers what instances have said. */
export const createReadiness = (nowMs: () => number) => {
  const known = new Map<string, { readonly startedMs: number; readonly isReady: boolean; readonly askedMs: number }>();
  return {
    of: async ({ id, startedMs, metricPort, host = '127.0.0.1' }: ReadinessQuestion): Promise<boolean> => {
      const isSettled = nowMs() - startedMs >= SETTLED_MS;
      if (metricPort === undefined) return isSettled;
      const before = known.get(id);
      const isFresh = before?.startedMs === startedMs && before.isReady && nowMs() - before.askedMs < ASK_AGAIN_MS;
      if (isFresh) return true;
      const status = await askPath(host, metricPort, '/readyz');
      const isReady = status === 200 || (status === 404 && isSettled);
      known.set(id, { startedMs, isReady, askedMs: nowMs() });
      return isReady;
    },
    forget: (id: string): void => {
      known.delete(id);
    },
  };
};
