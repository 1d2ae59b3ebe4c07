// What one process knows of things outside beyond the statuses: whose each is, answers that could not be recorded yet, which starts are under
// way. Lost with the process, and nothing depends on it for "never twice": it only tells apart what looks the same. One for the runs of a type,
// another one for its objects, if it has some.

import type { Entity, EntityKey } from '../../messages/entity.ts';

/** How long the other resources get, after a component begins to lead, to say what is theirs. */
const CLAIMS_KNOWN_AFTER_MS = 10_000;
const MAX_CLAIMS = 100_000;

/** A resource that was declared anew under the same key owns nothing of the earlier one's. */
export const ownerOf = ({ key, uid }: Pick<Entity, 'key' | 'uid'>): string => `${key} ${uid}`;

export type Ledger = {
  /**
   * Said in each reconcile before anything else, with the fence of its term: another process may have led in between, and this one may have
   * stood by for days.
   */
  inTerm(fence: number): void;
  /** When the other resources have had their time to say what is theirs, in this term. In ms since the epoch. */
  claimsKnownMs(): number;
  /** Whatever others say: a status has it recorded. */
  claim(externalId: string, owner: string): void;
  isFree(externalId: string, owner: string): boolean;
  holderOf(externalId: string): string | undefined;
  /** Claims it, unless it is another's by now. */
  take(externalId: string, owner: string): boolean;
  /** It is nobody's any more. */
  drop(externalId: string): void;
  /**
   * How long something found that only looks right must wait for others to say that it is theirs. Never nothing at the first look of a term: what
   * was kept is in line for its own first look then, and the next look comes after those.
   */
  adoptableAfterMs(what: string): number;
  /** Its id is known, and is not in the status yet. */
  keepAnswer(runId: string, externalId: string): void;
  answerFor(runId: string): string | undefined;
  /** What became of it is in the status now. */
  settle(runId: string): void;
  /** Runs `start`, for which `startsEnded` of what is alike waits; it claims what it made as soon as the id is known. */
  whileStarting<T>(alike: string, start: () => Promise<T>): Promise<T>;
  /** Resolves when the starts that are under way now have ended. */
  startsEnded(alike: string): Promise<void>;
  /** One unconfirmed start for each place, where starts in it cannot be told apart. false: a start of another resource has it. */
  reserve(place: string, runId: string, owner: string): boolean;
  /** The resource is gone, and starts nothing any more. */
  release(key: EntityKey): void;
};

export const createLedger = ({
  now,
  graceMs,
}: {
  readonly now: () => number;
  /** The others get half of it, at most ten seconds. */
  readonly graceMs: number;
}): Ledger => {
  const claims = new Map<string, string>();
  const answers = new Map<string, string>();
  const looked = new Set<string>();
  const starting = new Map<Promise<unknown>, string>();
  const places = new Map<string, { readonly runId: string; readonly owner: string }>();
  let term = Number.NEGATIVE_INFINITY;
  let sinceMs = now();

  const claim: Ledger['claim'] = (externalId, owner) => {
    if (claims.size * 2 < MAX_CLAIMS && claims.get(externalId) === owner) return;
    claims.delete(externalId);
    claims.set(externalId, owner);
    for (const oldest of claims.keys()) {
      if (claims.size <= MAX_CLAIMS) break;
      claims.delete(oldest);
    }
  };
  const isFree: Ledger['isFree'] = (externalId, owner) => (claims.get(externalId) ?? owner) === owner;
  const claimsKnownMs = (): number => sinceMs + Math.min(CLAIMS_KNOWN_AFTER_MS, graceMs / 2);
  const vacate = (isIt: (one: { readonly runId: string; readonly owner: string }) => boolean): void => {
    for (const [place, one] of places) if (isIt(one)) places.delete(place);
  };

  return {
    ...{ claim, isFree, claimsKnownMs },
    inTerm: (fence) => {
      if (fence <= term) return;
      term = fence;
      sinceMs = now();
      looked.clear();
      // What was under way may have been finished by the one that led in between.
      places.clear();
    },
    holderOf: (externalId) => claims.get(externalId),
    take: (externalId, owner) => {
      if (!isFree(externalId, owner)) return false;
      claim(externalId, owner);
      return true;
    },
    drop: (externalId) => {
      claims.delete(externalId);
    },
    adoptableAfterMs: (what) => {
      const leftMs = Math.max(0, claimsKnownMs() - now());
      if (looked.has(what)) return leftMs;
      looked.add(what);
      return Math.max(1, leftMs);
    },
    keepAnswer: (runId, externalId) => answers.set(runId, externalId),
    answerFor: (runId) => answers.get(runId),
    settle: (runId) => {
      answers.delete(runId);
      looked.delete(runId);
      vacate((one) => one.runId === runId);
    },
    whileStarting: async (alike, start) => {
      const started = start();
      starting.set(started, alike);
      try {
        return await started;
      } finally {
        starting.delete(started);
      }
    },
    startsEnded: async (alike) => {
      const others = [...starting].flatMap(([started, other]) => (other === alike ? [started] : []));
      await Promise.allSettled(others);
    },
    reserve: (place, runId, owner) => {
      if ((places.get(place)?.runId ?? runId) !== runId) return false;
      places.set(place, { runId, owner });
      return true;
    },
    release: (key) => vacate(({ owner }) => owner === key || owner.startsWith(`${key} `)),
  };
};
