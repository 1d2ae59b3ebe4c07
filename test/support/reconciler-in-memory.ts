// A reconciler with the SDK's own loop and controller on stores in memory, against whatever it calls outside. `restart` is what follows a
// crash: another process with the same stores and a larger fence.

import { after } from 'node:test';
import { systemClock } from '../../src/program/clock.ts';
import { silentLog } from '../../src/program/logger.ts';
import { createController } from '../../src/sdk/controller.ts';
import { createMemoryEntityStatusStore, createMemoryEntityStore } from '../../src/sdk/index.ts';
import { createComponentMetrics } from '../../src/sdk/metrics.ts';
import { createReconcileLoop, type ReconcileLoop } from '../../src/sdk/reconcile-loop.ts';
import type { Entity, EntityStatus, Log, Reconciler } from '../../src/sdk/index.ts';
import { waitFor } from './wait-for.ts';

export type InMemoryOptions = {
  readonly log?: Log;
  /** Called before a status is stored; a throw keeps it out. */
  onPut?(status: EntityStatus): void | Promise<void>;
};

/** Starts at once. `makeReconciler` is called for each start. */
export const reconcilerInMemory = (makeReconciler: () => Reconciler, options: InMemoryOptions = {}) => {
  const entities = createMemoryEntityStore();
  const kept = createMemoryEntityStatusStore();
  const history: EntityStatus[] = [];
  let fence = 0;
  let current: ReconcileLoop | undefined;

  const start = ({ log = silentLog, onPut }: InMemoryOptions): void => {
    fence += 1;
    const own = fence;
    const reconciler = makeReconciler();
    const controller = createController({
      entities,
      statuses: {
        get: (key, operator) => kept.get(key, operator),
        put: async (status, token) => {
          await onPut?.(status);
          // A later component has taken over: what the earlier one says does not count any more.
          if (own !== fence) throw new Error('fenced off');
          await kept.put(status, token);
          history.push(status);
        },
      },
      operator: undefined,
      clock: systemClock,
      fence: () => own,
    });
    void reconciler.init?.(controller);
    current = createReconcileLoop({
      ...{ reconciler, controller, entities, log, maxWorkers: 4 },
      clock: systemClock,
      metrics: createComponentMetrics(),
      fence: own,
      resyncIntervalMs: 3_600_000,
      reconcileTimeoutMs: 30_000,
      backOff: { baseMs: 20, capMs: 200 },
      random: Math.random,
      onFenced: () => {},
      onGone: () => {},
    });
  };

  start(options);
  after(() => current?.stop('test'));

  return {
    history,
    declare: async (entity: Entity): Promise<void> => {
      await entities.put(entity);
      current?.line.changed(entity.key);
    },
    restart: async (changes: InMemoryOptions = {}): Promise<void> => {
      const old = current;
      start({ ...options, ...changes });
      void old?.stop('crash');
      for await (const { key } of entities.list()) current?.line.due(key);
    },
    until: async (isReached: (status: EntityStatus) => boolean, what: string, key: string, operator: string) => {
      let status: EntityStatus | undefined;
      await waitFor(
        async () => {
          status = await kept.get(key, operator);
          return status !== undefined && isReached(status);
        },
        { timeoutMs: 15_000, what: `${what}; last: ${JSON.stringify(history.at(-1))}` },
      );
      return status as EntityStatus;
    },
  };
};
