// The ports of one server over one connection: what the programs are composed of. Called by processes/common.

import type { Clock } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { ServerPorts } from '../engine/ports/server.ts';
import { createAppender } from './appender.ts';
import { readChannelPosition } from './channel-position.ts';
import type { JetStreamConnection } from './connection.ts';
import { createEraser } from './erase-message.ts';
import { createFollower } from './follower.ts';
import { createKeyValueStore } from './key-value-store.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { createLeaderReader, createLimitedStreamReader } from './limited-stream.ts';
import { createOperatorStorage } from './operator-storage.ts';
import { ensureChannelStream } from './provision.ts';
import { createPublisher, createRequester } from './requester.ts';
import { createServiceHost } from './service-host.ts';
import { createStreamReader } from './stream-reader.ts';
import { createSubscriber } from './subscriber.ts';
import { createWholeStreamReader } from './whole-stream.ts';
import { createWorkQueue } from './work-queue.ts';

export const createServerPorts = (
  connection: JetStreamConnection,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ServerPorts => ({
  appender: (stream, options) => createAppender(connection, stream, options),
  reader: (stream) => createStreamReader(connection, stream),
  wholeReader: (stream) => createWholeStreamReader(connection, stream),
  limitedReader: (stream) => createLimitedStreamReader(connection, stream),
  leaderReader: (stream) => createLeaderReader(connection, stream),
  follower: (stream) => createFollower(connection, stream),
  workQueue: (stream, durable, options) => createWorkQueue(connection, stream, durable, options),
  bucket: (name) => createKeyValueStore(connection, name),
  leases: (bucket) => createLeaseKeeper(connection, { bucket, clock, log }),
  eraser: (stream) => createEraser(connection, stream),
  storage: (prefix) => createOperatorStorage(connection, prefix),
  ensureChannel: (channel) => ensureChannelStream(connection, channel),
  channelPosition: (stream, subject) => readChannelPosition(connection, stream, subject),
  services: createServiceHost(connection, log),
  requester: createRequester(connection),
  publisher: createPublisher(connection),
  subscriber: createSubscriber(connection),
});
