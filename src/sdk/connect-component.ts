// The component's side of the server: everything of the jetstream room that it uses, made from its configuration.

import { isFault } from '../core/fault.ts';
import { observeLeadership } from '../engine/loops/leadership.ts';
import type { Appender, StreamFollower, StreamReader, WorkQueue } from '../engine/ports/streams.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { LeaseKeeper } from '../engine/ports/leases.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Metrics } from '../engine/ports/metrics.ts';
import type { Publisher, Subscriber } from '../engine/ports/services.ts';
import { createAppender } from '../jetstream/appender.ts';
import { connectNats } from '../jetstream/connection.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createLeaseKeeper } from '../jetstream/lease-keeper.ts';
import { createPublisher } from '../jetstream/requester.ts';
import { ensureStateBucket } from '../jetstream/state-bucket.ts';
import { createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createStreamReader } from '../jetstream/stream-reader.ts';
import { createSubscriber } from '../jetstream/subscriber.ts';
import { createWorkQueue } from '../jetstream/work-queue.ts';
import { metricCatalogue } from '../messages/metric-catalogue.ts';
import type { Names } from '../messages/subjects.ts';
import { createBucketEntityStore } from './bucket-entity-store.ts';
import { stateBucketOf } from '../messages/component-names.ts';
import type { ComponentConfig } from './config.ts';
import { connectionOptions } from '../program/connection-options.ts';
import type { EntityStore } from './types.ts';

export type ComponentPorts = {
  readonly commands: WorkQueue;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
  readonly leases: LeaseKeeper;
  readonly statuses: Appender;
  readonly statusReader: StreamReader;
  readonly statusFollower: StreamFollower;
  readonly dead: Appender;
};

export type ConnectedComponent = {
  readonly ports: ComponentPorts;
  /** The bucket of the queue, made when it is missing. */
  openEntityStore(): Promise<EntityStore>;
  channelExists(): Promise<boolean>;
  isUp(): boolean;
  close(): Promise<void>;
};

/** A command is settled as soon as it is kept: what a killed replica left is not waited for longer than this. */
const ACK_WAIT_MS = 5000;
/** A replica that is killed in between leaves commands that are known already. */
const ACK_DELAY_MS = 20;

/** Waits for the server. Faults: NATS_UNREACHABLE when `signal` aborted meanwhile, SERVER_TOO_OLD. */
export const connectComponent = async (options: {
  readonly config: ComponentConfig;
  readonly names: Names;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
}): Promise<ConnectedComponent> => {
  const { config, names, log, clock, signal, metrics } = options;
  const connection = await connectNats({
    ...connectionOptions(config),
    name: `${config.prefix}-component-${config.queue}`,
    log,
    signal,
  });
  const channel = createStreamReader(connection, config.stream);
  const reconnects = metrics.counter(metricCatalogue.natsReconnects);
  connection.onReconnect(() => reconnects.add());
  const leases = createLeaseKeeper(connection, { bucket: names.buckets.leases, clock, log });
  return {
    ports: {
      commands: createWorkQueue(connection, config.stream, config.queue, {
        filterSubjects: [config.commandSubject],
        ...{ ackWaitMs: ACK_WAIT_MS, ackDelayMs: ACK_DELAY_MS },
      }),
      subscriber: createSubscriber(connection),
      publisher: createPublisher(connection),
      leases: observeLeadership(leases, metrics).leases,
      statuses: createAppender(connection, names.streams.status),
      statusReader: createLimitedStreamReader(connection, names.streams.status),
      statusFollower: createFollower(connection, names.streams.status),
      dead: createAppender(connection, names.streams.dead),
    },
    openEntityStore: async () => {
      const { prefix, replicas } = config;
      const bucket = stateBucketOf(prefix, config.queue);
      await ensureStateBucket(connection, { prefix, bucket, ...(replicas === undefined ? {} : { replicas }) });
      return createBucketEntityStore({
        ...{ bucket, log },
        store: createKeyValueStore(connection, bucket),
        follower: createFollower(connection, `KV_${bucket}`),
      });
    },
    channelExists: async () => {
      try {
        await channel.lastSequence();
        return true;
      } catch (error) {
        if (isFault(error, 'JS_NOT_FOUND')) return false;
        throw error;
      }
    },
    isUp: () => connection.isUp,
    close: () => connection.close(),
  };
};
