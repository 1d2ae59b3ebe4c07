// The work queue of a controller: one line of keys, worked on by a bounded number of workers, never two for one key. A key that
// waits stands in the line once; a key that changes while it is worked on is worked on once more afterwards. Failures wait with
// back-off, polls until they are due, all on one timer. Level-based: it says which key, never why.
//
// Two lanes: what changed goes before what is merely due (polls, resync), except for every 8th pick, so that neither starves.

import { backOffMs, type BackOff } from './back-off.ts';
import { createDueHeap } from './due-heap.ts';
import { createLane } from './lane.ts';
import type { Clock } from '../ports/clock.ts';

export type WorkOutcome =
  /** Worked; earlier failures are forgotten. `againAfterMs`: due again then; absent: only when it changes or is called due. */
  | { readonly kind: 'done'; readonly againAfterMs?: number }
  /** One more failure. `againAfterMs` instead of the back-off, when somebody said how long to wait. */
  | { readonly kind: 'failed'; readonly againAfterMs?: number }
  /** It needs a change, or somebody outside to mend something. Again after `againAfterMs`; absent: only when it changes. */
  | { readonly kind: 'stuck'; readonly againAfterMs?: number }
  /** Given up on while it goes on: the worker is free at once, the key is not until `until` has settled. One more failure then. */
  | { readonly kind: 'blocked'; readonly until: Promise<unknown> }
  /** The key is gone; nothing is remembered of it. */
  | { readonly kind: 'gone' };

type Settled = Exclude<WorkOutcome, { readonly kind: 'blocked' }>;

export type WorkLineOptions = {
  readonly clock: Clock;
  readonly maxWorkers: number;
  readonly backOff: BackOff;
  /** [0, 1) */
  random(): number;
  /**
   * `attempt` is 1 for the first try since the last success or change; `stalls` says how often in a row it was `stuck` before. A rejection
   * counts as a failure.
   */
  work(key: string, attempt: number, stalls: number): Promise<WorkOutcome>;
};

export interface WorkLine {
  /** Something new is known of the key: work on it as soon as possible; its failures are forgotten. */
  changed(key: string): void;
  /** Look again, with `delayMs` at the earliest; leaves alone what waits already, backs off or is stuck. */
  due(key: string, delayMs?: number): void;
  /** Starts nothing for `forMs` from now; the longest hold counts. What is under way goes on. */
  hold(forMs: number): void;
  readonly waiting: number;
  readonly working: number;
  readonly delayed: number;
  /** Keys that were given up on and are still worked on. */
  readonly blocked: number;
  /** Starts nothing more; resolves when the work under way has ended, also that which was given up on. */
  stop(): Promise<void>;
}

type Item = {
  readonly key: string;
  dueMs: number;
  place: number;
  failures: number;
  stalls: number;
  state: 'resting' | 'waiting' | 'working' | 'stuck';
  /** Its valid place in a lane; a place with an older number was given up. */
  ticket: number;
  lane: 'fresh' | 'old';
  /** Changed while it was worked on. */
  again: boolean;
};

const DUE_TURN = 8;
const MAX_SLEEP_MS = 60_000;
/** Whatever a platform says: after that it is asked again. */
const MAX_HOLD_MS = 3_600_000;

export const createWorkLine = (options: WorkLineOptions): WorkLine => {
  const { clock, maxWorkers, backOff, random, work } = options;
  const items = new Map<string, Item>();
  const heap = createDueHeap<Item>();
  const fresh = createLane<Item>();
  const old = createLane<Item>();
  let waiting = 0;
  let working = 0;
  let blocked = 0;
  let tickets = 0;
  let picks = 0;
  let stopped = false;
  let heldUntilMs = 0;
  const released = new AbortController();
  let onIdle = (): void => {};
  const idle = new Promise<void>((resolve) => {
    onIdle = resolve;
  });
  // The one timer: a sleep until the earliest due time, cut short when something earlier comes.
  let sleeping: { readonly untilMs: number; readonly wake: AbortController } | undefined;

  const itemOf = (key: string): Item => {
    let item = items.get(key);
    if (item === undefined) {
      item = {
        key,
        dueMs: 0,
        place: -1,
        failures: 0,
        stalls: 0,
        state: 'resting',
        ticket: 0,
        lane: 'old',
        again: false,
      };
      items.set(key, item);
    }
    return item;
  };

  const queue = (item: Item, lane: Item['lane']): void => {
    // A key that stays in its lane keeps its place in it: else one that changes all the time would never be first.
    if (item.state === 'waiting' && item.lane === lane) return;
    heap.remove(item);
    if (item.state !== 'waiting') waiting += 1;
    item.state = 'waiting';
    tickets += 1;
    item.ticket = tickets;
    item.lane = lane;
    (lane === 'fresh' ? fresh : old).push(item);
  };

  const rest = (item: Item, delayMs: number): void => {
    item.state = 'resting';
    heap.set(item, clock.nowMs() + delayMs);
    armTimer();
  };

  const armTimer = (): void => {
    const first = heap.peek();
    if (stopped || first === undefined || (sleeping !== undefined && sleeping.untilMs <= first.dueMs)) return;
    sleeping?.wake.abort();
    const nowMs = clock.nowMs();
    const mine = { untilMs: Math.min(first.dueMs, nowMs + MAX_SLEEP_MS), wake: new AbortController() };
    sleeping = mine;
    void clock.sleep(Math.max(1, mine.untilMs - nowMs), mine.wake.signal).then(() => {
      if (sleeping !== mine) return;
      sleeping = undefined;
      takeDue();
      armTimer();
    });
  };

  const takeDue = (): void => {
    const nowMs = clock.nowMs();
    for (let first = heap.peek(); first !== undefined && first.dueMs <= nowMs; first = heap.peek()) queue(first, 'old');
    pump();
  };

  const next = (): Item | undefined => {
    picks += 1;
    const lanes = picks % DUE_TURN === 0 ? [old, fresh] : [fresh, old];
    return lanes[0]?.shift() ?? lanes[1]?.shift();
  };

  const pump = (): void => {
    while (!stopped && working < maxWorkers && heldUntilMs === 0) {
      const item = next();
      if (item === undefined) return;
      item.state = 'working';
      item.ticket = 0;
      item.again = false;
      waiting -= 1;
      working += 1;
      void workOn(item);
    }
  };

  const workOn = async (item: Item): Promise<void> => {
    let outcome: WorkOutcome;
    try {
      outcome = await work(item.key, item.failures + 1, item.stalls);
    } catch {
      outcome = { kind: 'failed' };
    }
    working -= 1;
    if (outcome.kind === 'blocked') waitFor(item, outcome.until);
    else settle(item, outcome);
    pump();
    if (stopped && isIdle()) onIdle();
  };

  const isIdle = (): boolean => working === 0 && blocked === 0;

  /** It stays `working`, without a worker: a second try beside it would be two for one key. */
  const waitFor = (item: Item, until: Promise<unknown>): void => {
    blocked += 1;
    const release = (): void => {
      blocked -= 1;
      settle(item, { kind: 'failed' });
      pump();
      if (stopped && isIdle()) onIdle();
    };
    until.then(release, release);
  };

  /** Undefined: it does not come back by itself. */
  const pauseAfter = (item: Item, outcome: Settled): number | undefined => {
    if (outcome.kind === 'gone') return undefined;
    return outcome.againAfterMs ?? (outcome.kind === 'failed' ? backOffMs(item.failures, backOff, random) : undefined);
  };

  const settle = (item: Item, outcome: Settled): void => {
    if (item.again) {
      // What was found out is about a state that is no longer the newest one.
      item.failures = 0;
      item.stalls = 0;
      queue(item, 'fresh');
      return;
    }
    const isWell = outcome.kind === 'done' || outcome.kind === 'gone';
    item.failures = isWell ? 0 : item.failures + 1;
    item.stalls = isWell ? 0 : item.stalls + Number(outcome.kind === 'stuck');
    const pauseMs = pauseAfter(item, outcome);
    if (pauseMs !== undefined) rest(item, pauseMs);
    else if (outcome.kind === 'stuck') item.state = 'stuck';
    else items.delete(item.key);
  };

  const waitForRelease = async (): Promise<void> => {
    while (!stopped && heldUntilMs > clock.nowMs()) await clock.sleep(heldUntilMs - clock.nowMs(), released.signal);
    heldUntilMs = 0;
    pump();
  };

  return {
    hold: (forMs) => {
      const untilMs = clock.nowMs() + Math.min(Math.max(0, forMs), MAX_HOLD_MS);
      const isHeld = heldUntilMs !== 0;
      heldUntilMs = Math.max(heldUntilMs, untilMs);
      if (!isHeld) void waitForRelease();
    },
    changed: (key) => {
      if (stopped) return;
      const item = itemOf(key);
      item.failures = 0;
      item.stalls = 0;
      if (item.state === 'working') item.again = true;
      else queue(item, 'fresh');
      pump();
    },
    due: (key, delayMs = 0) => {
      if (stopped) return;
      const item = itemOf(key);
      const free = item.state === 'resting' && (item.place < 0 || item.failures === 0);
      if (!free) return;
      if (delayMs > 0) {
        if (item.place < 0 || item.dueMs > clock.nowMs() + delayMs) rest(item, delayMs);
        return;
      }
      queue(item, 'old');
      pump();
    },
    get waiting() {
      return waiting;
    },
    get working() {
      return working;
    },
    get delayed() {
      return heap.size;
    },
    get blocked() {
      return blocked;
    },
    stop: () => {
      stopped = true;
      released.abort();
      sleeping?.wake.abort();
      sleeping = undefined;
      if (isIdle()) onIdle();
      return idle;
    },
  };
};
