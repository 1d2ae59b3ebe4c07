// A component for the type `dataset` of `operatorNamed`, made with the SDK: it reports every resource active as soon as it sees it, and
// deleted when that is wanted, unless a test holds that back.

import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import { operate, type OController, type Reconciler } from '../../src/sdk/index.ts';
import type { RunningInstance } from './running-instance.ts';
import { silentLog } from './silent-log.ts';

export type DatasetComponent = {
  /** Deletions are not reported while it is true. */
  holdsDeletions: boolean;
  stop(): Promise<void>;
};

export const startDatasetComponent = (instance: RunningInstance, operator: string): DatasetComponent => {
  const stopping = new AbortController();
  let controller: OController | undefined;
  const component = { holdsDeletions: false };
  const reconciler: Reconciler = {
    id: () => `${operator}-component`,
    init: (given) => {
      controller = given;
    },
    reconcile: async ({ key, type }) => {
      const entity = await controller?.getEntity(key, type);
      if (controller === undefined || entity === undefined) return {};
      if (entity.deletionRequestedAt === undefined) await controller.updateEntityStatus({ key, status: 'active' });
      else if (component.holdsDeletions) return { requeueAfterMs: 100 };
      else await controller.updateEntityStatus({ key, status: 'deleted' });
      return {};
    },
  };
  const running = operate({ reconciler }, stopping.signal, {
    environment: {
      env: {
        OPSTREAM_NATS_URL: instance.server.url,
        OPERATOR_MAX_WORKERS: '64',
        OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
        OPSTREAM_LEASE_TTL: '1s',
        OPERATOR_STATE_STORE_TYPE: 'memory',
        ENTITY_OF_INTEREST_MESSAGE_QUEUE: `${operator}-queue`,
        ENTITY_OF_INTEREST_MESSAGE_STREAM: `${operator}-channel`,
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${operator}.dataset`,
        ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: `${operator}.dataset.query`,
        ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: `${operator}.dataset.reply`,
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
