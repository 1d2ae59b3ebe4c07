// A component for the runnable type `pipeline-run` of `operatorNamed`, made with the SDK and run in the process of the test: each run goes on
// until the test lets it end (at once by default), a cancel ends it, and what was started is listed.

import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import {
  operate,
  type Entity,
  type ObservedRun,
  type OController,
  type Reconciler,
  type RuntimeStatus,
} from '../../src/sdk/index.ts';
import type { RunningInstance } from './running-instance.ts';
import { silentLog } from './silent-log.ts';

export type RunningComponent = {
  /** Runs stay in progress while it is true. */
  holdsRuns: boolean;
  /** `key` and id of each run, in the order of the starts; one that was started twice is there twice. */
  readonly started: { readonly key: string; readonly runId: string }[];
  stop(): Promise<void>;
};

const ENDED: readonly unknown[] = ['succeeded', 'failed', 'cancelled'];

export const startRunningComponent = (instance: RunningInstance, operator: string): RunningComponent => {
  const stopping = new AbortController();
  let controller: OController | undefined;
  const component: Omit<RunningComponent, 'stop'> = { holdsRuns: false, started: [] };
  const inUse = (): OController => {
    if (controller !== undefined) return controller;
    throw new TypeError('init was not called');
  };

  const follow = async (key: string, run: NonNullable<Entity['run']>, seen: ObservedRun | undefined) => {
    const report = (state: RuntimeStatus): Promise<void> =>
      inUse().updateEntityStatus({ key, status: 'active', runtime: state, run: { id: run.id, state } });
    const isStarted = seen?.id === run.id;
    if (isStarted && ENDED.includes(seen.state)) return {};
    if (run.cancelRequested) {
      await report('cancelled');
      return {};
    }
    if (!isStarted) {
      component.started.push({ key, runId: run.id });
      await report('inprogress');
    }
    if (component.holdsRuns) return { requeueAfterMs: 20 };
    await report('succeeded');
    return {};
  };

  const reconciler: Reconciler = {
    id: () => `${operator}-runs`,
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      const entity = await inUse().getEntity(key, type);
      if (entity === undefined) return {};
      if (entity.deletionRequestedAt !== undefined) {
        await inUse().updateEntityStatus({ key, status: 'deleted' });
        return {};
      }
      const status = await inUse().getEntityStatus(key, type);
      const seen = status?.uid === entity.uid ? status.run : undefined;
      return entity.run === undefined ? {} : follow(key, entity.run, seen);
    },
  };
  const running = operate({ reconciler }, stopping.signal, {
    environment: {
      env: {
        OPSTREAM_NATS_URL: instance.server.url,
        OPERATOR_MAX_WORKERS: '16',
        OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
        OPSTREAM_LEASE_TTL: '1s',
        OPERATOR_STATE_STORE_TYPE: 'memory',
        ENTITY_OF_INTEREST_MESSAGE_QUEUE: `${operator}-runs-queue`,
        ENTITY_OF_INTEREST_MESSAGE_STREAM: `${operator}-channel`,
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${operator}.pipeline-run`,
      },
      argv: [],
    },
    log: silentLog,
    clock: systemClock,
    ids: uuidSource,
  });
  return Object.assign(component, {
    stop: async () => {
      stopping.abort();
      await running;
    },
  });
};
