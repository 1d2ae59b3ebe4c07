// Whether an instance still answers: `/healthz` on its metrics port, asked now and then beside the looks, so that one that hangs holds up no
// look at the others. What answers at all is alive unless it says 5xx; a server that knows no such path is. Checks count from the first
// answer on, or when the instance has had its time to start; those that this process was too busy to wait for do not count.

import { askPath, type ReadinessQuestion } from './readiness.ts';

const PERIOD_MS = 10_000;
const MAX_ANSWER_MS = 5000;
const STARTUP_MS = 60_000;

type Known = {
  readonly startedMs: number;
  failures: number;
  askedMs: number;
  isAsking: boolean;
  hasAnswered: boolean;
};

/** `periodMs`: between two checks, default 10 s; an answer is waited for that long, 5 s at most. */
export const createLiveness = (periodMs = PERIOD_MS, startupMs = STARTUP_MS) => {
  const answerMs = Math.min(MAX_ANSWER_MS, periodMs);
  const known = new Map<string, Known>();

  const ask = async (one: Known, host: string, port: number): Promise<void> => {
    one.isAsking = true;
    one.askedMs = Date.now();
    const status = await askPath(host, port, '/healthz', answerMs);
    const nowMs = Date.now();
    one.isAsking = false;
    if (status !== undefined) one.hasAnswered = true;
    const wasHeldUp = nowMs - one.askedMs > 2 * answerMs;
    if (status !== undefined && status < 500) one.failures = 0;
    else if (!wasHeldUp && (one.hasAnswered || nowMs - one.startedMs >= startupMs)) one.failures += 1;
  };

  return {
    /** Failed checks in a row, as far as is known now. `isReady`: it has answered elsewhere. */
    of: ({ id, startedMs, metricPort, host = '127.0.0.1' }: ReadinessQuestion, isReady = false): number => {
      if (metricPort === undefined) return 0;
      const before = known.get(id);
      const one =
        before?.startedMs === startedMs
          ? before
          : { startedMs, failures: 0, askedMs: 0, isAsking: false, hasAnswered: false };
      if (isReady) one.hasAnswered = true;
      known.set(id, one);
      if (!one.isAsking && Date.now() - one.askedMs >= periodMs) void ask(one, host, metricPort);
      return one.failures;
    },
    forget: (id: string): void => {
      known.delete(id);
    },
  };
};
