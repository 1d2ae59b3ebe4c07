// What this process knows of runs (and, in another ledger, of things) beyond the statuses: whose each is, answers that could not be recorded yet,
// and which starts are under way. Lost with the process, and nothing depends on it for "never twice": it only tells apart what looks the same.

/** How long the other resources get, after a component begins to lead, to say which runs are theirs. */
const CLAIMS_KNOWN_AFTER_MS = 10_000;
const MAX_CLAIMS = 100_000;

export type Ledger = {
  /** What a status has recorded; called in each reconcile, whatever it is about. `fence`: of the term in which it is. */
  learn(externalIds: readonly string[], owner: string, fence: number): void;
  isFree(externalId: string, owner: string): boolean;
  /** Who claims it. */
  holderOf(externalId: string): string | undefined;
  /** It is nobody's any more. */
  drop(externalId: string): void;
  /** Claims the run, unless it is another's by now. */
  take(externalId: string, owner: string): boolean;
  /**
   * How long a found run that only looks right must wait for others to say that it is theirs. Never nothing at the first look of a term: what
   * was kept is in line for its own first look then, and the next look comes after those.
   */
  adoptableAfterMs(runId: string): number;
  /** The run is known, and is not in the status yet. */
  keepAnswer(runId: string, externalId: string): void;
  answerFor(runId: string): string | undefined;
  /** What became of the run is in the status now. */
  settle(runId: string): void;
  /** Runs `start`, for which `startsEnded` waits; it claims the run as soon as its id is known. */
  whileStarting<T>(start: () => Promise<T>): Promise<T>;
  /** Resolves when the starts that are under way now have ended. */
  startsEnded(): Promise<void>;
};

export const createLedger = ({
  now,
  findForMs,
}: {
  readonly now: () => number;
  readonly findForMs: number;
}): Ledger => {
  const claims = new Map<string, string>();
  const answers = new Map<string, string>();
  const looked = new Set<string>();
  const starting = new Set<Promise<unknown>>();
  let term = Number.NEGATIVE_INFINITY;
  let sinceMs = now();

  const claim = (externalId: string, owner: string): void => {
    if (claims.size * 2 < MAX_CLAIMS && claims.get(externalId) === owner) return;
    claims.delete(externalId);
    claims.set(externalId, owner);
    for (const oldest of claims.keys()) {
      if (claims.size <= MAX_CLAIMS) break;
      claims.delete(oldest);
    }
  };
  const isFree: Ledger['isFree'] = (externalId, owner) => (claims.get(externalId) ?? owner) === owner;

  return {
    learn: (externalIds, owner, fence) => {
      // Another may have led in between, and this one may have stood by for days.
      if (fence > term) {
        term = fence;
        sinceMs = now();
        looked.clear();
      }
      for (const externalId of externalIds) claim(externalId, owner);
    },
    isFree,
    holderOf: (externalId) => claims.get(externalId),
    drop: (externalId) => {
      claims.delete(externalId);
    },
    take: (externalId, owner) => {
      if (!isFree(externalId, owner)) return false;
      claim(externalId, owner);
      return true;
    },
    adoptableAfterMs: (runId) => {
      const leftMs = Math.max(0, sinceMs + Math.min(CLAIMS_KNOWN_AFTER_MS, findForMs / 2) - now());
      if (looked.has(runId)) return leftMs;
      looked.add(runId);
      return Math.max(1, leftMs);
    },
    keepAnswer: (runId, externalId) => answers.set(runId, externalId),
    answerFor: (runId) => answers.get(runId),
    settle: (runId) => {
      answers.delete(runId);
      looked.delete(runId);
    },
    whileStarting: async (start) => {
      const started = start();
      starting.add(started);
      try {
        return await started;
      } finally {
        starting.delete(started);
      }
    },
    startsEnded: async () => {
      await Promise.allSettled(starting);
    },
  };
};
