// One life of one program: its clock and its link to the server. A crash closes the gate: whatever the program still waits for never comes, so none of
// its continuations runs any more; what it has sent may still arrive. A freeze holds back all that would wake it, and lets it in late.

import { Fault } from '../../src/core/fault.ts';
import type { Clock } from '../../src/engine/ports/clock.ts';
import type { Link, Route } from '../../src/testing/index.ts';
import type { Random } from '../../scripts/chaos/random.ts';
import type { Network } from './network.ts';
import type { Schedule } from './schedule.ts';

/** As long as one attempt of an adapter waits for its answer. */
const ATTEMPT_MS = 2000;

export type Incarnation = {
  readonly name: string;
  readonly clock: Clock;
  readonly link: Link;
  readonly isAlive: boolean;
  readonly isFrozen: boolean;
  crash(): void;
  freeze(forMs: number): void;
  thaw(): void;
};

export const createIncarnation = (
  name: string,
  parts: { readonly schedule: Schedule; readonly network: Network; readonly random: Random },
): Incarnation => {
  const { schedule, network, random } = parts;
  const ends: (() => void)[] = [];
  const lanes = new Map<string, number>();
  let isAlive = true;
  let frozenUntilMs = 0;
  let held: (() => void)[] = [];

  /** Wakes the program, unless it is dead; when it is frozen, afterwards. */
  const wake = (run: () => void): void => {
    if (!isAlive) return;
    if (schedule.nowMs() < frozenUntilMs) held.push(run);
    else run();
  };

  const thaw = (): void => {
    frozenUntilMs = 0;
    const late = held;
    held = [];
    for (const run of late) schedule.at(schedule.nowMs() + random.between(0, 3), () => wake(run));
  };

  /** What one program sends to one place arrives in its order. */
  const arriveMs = ({ kind, name: place }: Route): number => {
    const dueMs = schedule.nowMs() + network.delayMs();
    if (kind === 'read' || kind === 'pull' || kind === 'request') return dueMs;
    const lane = `${kind} ${place}`;
    const inOrderMs = Math.max(dueMs, lanes.get(lane) ?? 0);
    lanes.set(lane, inOrderMs);
    return inOrderMs;
  };

  const atServer = (route: Route, run: () => void): void => {
    const survives = random.chance(0.5);
    schedule.at(arriveMs(route), () => {
      if (isAlive || survives) run();
    });
  };

  const link: Link = {
    call: (route, work) =>
      new Promise((resolve, reject) => {
        if (!isAlive) return;
        const isRequestLost = network.happens('lostRequest');
        const isAnswerLost = !isRequestLost && network.happens('lostAnswer');
        if (isRequestLost || isAnswerLost)
          schedule.at(schedule.nowMs() + (route.timeoutMs ?? ATTEMPT_MS), () =>
            wake(() => reject(new Fault('NATS_TIMEOUT', `${route.kind} ${route.name}: no answer`))),
          );
        if (isRequestLost) return;
        atServer(route, () => {
          const answer = (run: () => void): void => {
            if (!isAnswerLost) schedule.at(schedule.nowMs() + network.delayMs(), () => wake(run));
          };
          try {
            const problem = network.problemOf(route);
            if (problem !== undefined) throw problem;
            const result = work();
            answer(() => resolve(result));
          } catch (error) {
            answer(() => reject(error as Error));
          }
        });
      }),
    send: (route, work) => {
      if (!isAlive || network.happens('lostMessage')) return;
      atServer(route, () => {
        if (network.problemOf(route) === undefined) work();
      });
    },
    push: (_route, receive) => {
      if (!isAlive || network.happens('lostMessage')) return;
      schedule.at(schedule.nowMs() + network.delayMs(), () => wake(receive));
    },
    onEnd: (end) => {
      ends.push(end);
    },
  };

  const clock: Clock = {
    nowMs: () => schedule.nowMs(),
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (!isAlive) return;
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const onAbort = (): void => {
          cancel();
          resolve();
        };
        const cancel = schedule.at(schedule.nowMs() + Math.max(0, delayMs), () =>
          wake(() => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          }),
        );
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };

  return {
    name,
    clock,
    link,
    get isAlive() {
      return isAlive;
    },
    get isFrozen() {
      return isAlive && schedule.nowMs() < frozenUntilMs;
    },
    crash: () => {
      isAlive = false;
      held = [];
      for (const end of ends.splice(0)) end();
    },
    freeze: (forMs) => {
      frozenUntilMs = schedule.nowMs() + forMs;
      schedule.at(frozenUntilMs, () => {
        if (frozenUntilMs !== 0 && schedule.nowMs() >= frozenUntilMs) thaw();
      });
    },
    thaw,
  };
};
