// What this process knows of runs beyond the statuses: which resource follows which run, answers that could not be recorded yet, and which
// start of a sync is not confirmed, which syncs a resource uses, when it was last compared. Lost with the process; it only tells runs of
// one sync apart, never decides that one is started.

import type { EntityKey } from '../../sdk/index.ts';
import type { Id } from './ids.ts';

const MAX_CLAIMS = 50_000;

export interface Ledger {
  /** When this process began to lead; what others follow, it may not know yet. */
  readonly sinceMs: number;
  /** Said in each reconcile, with the fence of its term: another may have led in between, and this process may have stood by for days. */
  inTerm(fence: number): void;
  claim(externalRunId: Id, key: EntityKey): void;
  isClaimedByOther(externalRunId: Id, key: EntityKey): boolean;
  /** The trigger answered, and the answer is not in the status yet. */
  keepAnswer(runId: string, externalRunId: Id): void;
  answerFor(runId: string): Id | undefined;
  /** One unconfirmed start per sync: runs of a sync cannot be told apart. false: a run of another resource has it. */
  reserve(syncId: Id, runId: string, key: EntityKey): boolean;
  settle(runId: string): void;
  /** Syncs that a resource uses, as ids and slugs. */
  use(key: EntityKey, syncs: readonly string[]): void;
  /** The resource is gone: it uses no sync, and starts nothing any more. */
  forget(key: EntityKey): void;
  othersUsing(key: EntityKey, syncs: readonly string[]): readonly EntityKey[];
  /** Comparisons of what was there before this process are spread over the interval. */
  isDriftCheckDue(key: EntityKey, intervalMs: number, nowMs: number): boolean;
  driftChecked(key: EntityKey, nowMs: number): void;
}

export const createLedger = (now: () => number, random: () => number = Math.random): Ledger => {
  let term = Number.NEGATIVE_INFINITY;
  let sinceMs = now();
  const claims = new Map<Id, EntityKey>();
  const answers = new Map<string, Id>();
  const starting = new Map<Id, { readonly runId: string; readonly key: EntityKey }>();
  const uses = new Map<EntityKey, readonly string[]>();
  const checkedMs = new Map<EntityKey, number>();
  return {
    get sinceMs() {
      return sinceMs;
    },
    inTerm: (fence) => {
      if (fence <= term) return;
      term = fence;
      sinceMs = now();
      // What was under way may have been finished by the one that led in between.
      starting.clear();
    },
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
    reserve: (syncId, runId, key) => {
      if ((starting.get(syncId)?.runId ?? runId) !== runId) return false;
      starting.set(syncId, { runId, key });
      return true;
    },
    settle: (runId) => {
      answers.delete(runId);
      for (const [syncId, other] of starting) if (other.runId === runId) starting.delete(syncId);
    },
    use: (key, syncs) => uses.set(key, syncs),
    forget: (key) => {
      uses.delete(key);
      checkedMs.delete(key);
      for (const [syncId, other] of starting) if (other.key === key) starting.delete(syncId);
    },
    othersUsing: (key, syncs) =>
      [...uses].flatMap(([other, used]) => (other !== key && used.some((one) => syncs.includes(one)) ? [other] : [])),
    isDriftCheckDue: (key, intervalMs, nowMs) => {
      const lastMs = checkedMs.get(key) ?? nowMs - random() * intervalMs;
      checkedMs.set(key, lastMs);
      return nowMs - lastMs >= intervalMs;
    },
    driftChecked: (key, nowMs) => checkedMs.set(key, nowMs),
  };
};
