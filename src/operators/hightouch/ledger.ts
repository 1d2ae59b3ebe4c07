// What this process knows of runs beyond the statuses: which resource follows which run, answers that could not be recorded yet, and which
// start of a sync is not confirmed. Lost with the process; it only tells runs of one sync apart, never decides that one is started.

import type { EntityKey } from '../../sdk/index.ts';

const MAX_CLAIMS = 50_000;

export interface Ledger {
  /** When the process began to look at resources; those before it may have claimed nothing yet. */
  readonly sinceMs: number;
  claim(externalRunId: number, key: EntityKey): void;
  isClaimedByOther(externalRunId: number, key: EntityKey): boolean;
  /** The trigger answered, and the answer is not in the status yet. */
  keepAnswer(runId: string, externalRunId: number): void;
  answerFor(runId: string): number | undefined;
  /** One unconfirmed start per sync: runs of a sync cannot be told apart. false: another run has it. */
  reserve(syncId: number, runId: string): boolean;
  settle(runId: string): void;
}

export const createLedger = (sinceMs: number): Ledger => {
  const claims = new Map<number, EntityKey>();
  const answers = new Map<string, number>();
  const starting = new Map<number, string>();
  return {
    sinceMs,
    claim: (externalRunId, key) => {
      claims.delete(externalRunId);
      claims.set(externalRunId, key);
      for (const oldest of claims.keys()) {
        if (claims.size <= MAX_CLAIMS) break;
        claims.delete(oldest);
      }
    },
    isClaimedByOther: (externalRunId, key) => (claims.get(externalRunId) ?? key) !== key,
    keepAnswer: (runId, externalRunId) => answers.set(runId, externalRunId),
    answerFor: (runId) => answers.get(runId),
    reserve: (syncId, runId) => {
      if ((starting.get(syncId) ?? runId) !== runId) return false;
      starting.set(syncId, runId);
      return true;
    },
    settle: (runId) => {
      answers.delete(runId);
      for (const [syncId, other] of starting) if (other === runId) starting.delete(syncId);
    },
  };
};
