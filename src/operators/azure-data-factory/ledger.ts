// What this process knows of runs beyond the statuses: which resource follows which run, which answers came but could not be recorded
// yet, and which starts are under way. Lost with the process, and nothing depends on it for "never twice": it only tells
// runs apart that look the same.

import type { EntityKey } from '../../sdk/index.ts';

const MAX_CLAIMS = 50_000;

export interface Ledger {
  /** When this process began to lead; what others follow, it may not know yet. */
  readonly sinceMs: number;
  /** Said in each reconcile, with the fence of its term: another may have led in between, and this process may have stood by for days. */
  inTerm(fence: number): void;
  claim(adfRunId: string, key: EntityKey): void;
  isClaimedByOther(adfRunId: string, key: EntityKey): boolean;
  /** createRun answered, and the answer is not in the status yet. */
  keepAnswer(runId: string, adfRunId: string): void;
  answerFor(runId: string): string | undefined;
  /** What became of the run is in the status now. */
  settle(runId: string): void;
  /** Whether this process itself recorded the intent for the run. */
  intended(runId: string): boolean;
  /** Runs `start` while others see that a run like `likeness` is being started for `runId`. */
  whileStarting<T>(runId: string, likeness: string, start: () => Promise<T>): Promise<T>;
  isOtherStarting(runId: string, likeness: string): boolean;
}

export const createLedger = (now: () => number): Ledger => {
  let term = Number.NEGATIVE_INFINITY;
  let sinceMs = now();
  const claims = new Map<string, EntityKey>();
  const answers = new Map<string, string>();
  const intents = new Set<string>();
  const starting = new Map<string, string>();
  return {
    get sinceMs() {
      return sinceMs;
    },
    inTerm: (fence) => {
      if (fence <= term) return;
      term = fence;
      sinceMs = now();
      intents.clear();
    },
    claim: (adfRunId, key) => {
      if (claims.size * 2 < MAX_CLAIMS && claims.get(adfRunId) === key) return;
      claims.delete(adfRunId);
      claims.set(adfRunId, key);
      for (const oldest of claims.keys()) {
        if (claims.size <= MAX_CLAIMS) break;
        claims.delete(oldest);
      }
    },
    isClaimedByOther: (adfRunId, key) => (claims.get(adfRunId) ?? key) !== key,
    keepAnswer: (runId, adfRunId) => answers.set(runId, adfRunId),
    answerFor: (runId) => answers.get(runId),
    settle: (runId) => {
      answers.delete(runId);
      intents.delete(runId);
    },
    intended: (runId) => intents.has(runId),
    whileStarting: async (runId, likeness, start) => {
      intents.add(runId);
      starting.set(runId, likeness);
      try {
        return await start();
      } finally {
        starting.delete(runId);
      }
    },
    isOtherStarting: (runId, likeness) =>
      [...starting].some(([other, otherLikeness]) => other !== runId && otherLikeness === likeness),
  };
};
