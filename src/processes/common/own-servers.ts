// The operators' own NATS servers for one term of leading: the ports of engine/own-server, made on the shared connection and on one
// connection for each server. Called by the operator-runtime and nothing else.

import { createServerFolders } from '../../compute/server-folder.ts';
import type { OperatorDirectory } from '../../engine/history/operator-directory.ts';
import { createOwnServers, type OwnServers } from '../../engine/own-server/own-servers.ts';
import type { OwnServer, ServerPlace, ServerSide } from '../../engine/own-server/ports.ts';
import { createAppender } from '../../jetstream/appender.ts';
import { readChannelPosition } from '../../jetstream/channel-position.ts';
import { connectNats, type JetStreamConnection } from '../../jetstream/connection.ts';
import { createFollower } from '../../jetstream/follower.ts';
import { createKeyValueStore } from '../../jetstream/key-value-store.ts';
import { ensureChannelStream, provision } from '../../jetstream/provision.ts';
import { createPublisher, createRequester } from '../../jetstream/requester.ts';
import { createLimitedStreamReader } from '../../jetstream/limited-stream.ts';
import { createSubscriber } from '../../jetstream/subscriber.ts';
import type { Appender } from '../../engine/ports/streams.ts';
import type { Names } from '../../messages/subjects.ts';
import type { Instance } from './open-instance.ts';

/** A dispatch must not wait long for one operator's server. */
const APPEND_MS = 3000;

type Appenders = (stream: string) => Appender;

const sideOf = (connection: JetStreamConnection, names: Names, appenderOf: Appenders): ServerSide => ({
  statuses: appenderOf(names.streams.status),
  statusReader: createLimitedStreamReader(connection, names.streams.status),
  statusFollower: createFollower(connection, names.streams.status),
  deadFollower: createFollower(connection, names.streams.dead),
  dead: appenderOf(names.streams.dead),
  positions: createKeyValueStore(connection, names.buckets.leases),
  requester: createRequester(connection),
  subscriber: createSubscriber(connection),
  publisher: createPublisher(connection),
});

const appendersOn = (connection: JetStreamConnection): Appenders => {
  const known = new Map<string, Appender>();
  return (stream) => {
    const appender = known.get(stream) ?? createAppender(connection, stream, { deadlineMs: APPEND_MS });
    known.set(stream, appender);
    return appender;
  };
};

const connectOwn = async (
  { names, log }: Instance,
  { url, runtime }: ServerPlace,
  operator: string,
  signal: AbortSignal,
): Promise<OwnServer> => {
  const name = `${names.prefix}-operator-runtime-${operator}`;
  const connection = await connectNats({ url, name, ...runtime, log, signal });
  const { prefix, streams, buckets } = names;
  try {
    await provision(connection, { prefix, only: [streams.status, streams.dead, `KV_${buckets.leases}`] });
  } catch (error) {
    await connection.close();
    throw error;
  }
  const appenderOf = appendersOn(connection);
  return {
    ...sideOf(connection, names, appenderOf),
    get isUp() {
      return connection.isUp;
    },
    appenderOf,
    ensureChannel: (stream, subjects) => ensureChannelStream(connection, { prefix, stream, subjects }),
    positionOf: (stream, subject) => readChannelPosition(connection, stream, subject),
    close: () => connection.close(),
  };
};

export const openOwnServers = (
  instance: Instance,
  term: {
    /** The folder of the process driver, and what each compute means. */
    readonly data: string;
    readonly computes: ReadonlyMap<string, string>;
    readonly directory: OperatorDirectory;
    readonly signal: AbortSignal;
    onReady(operator: string): void;
  },
): OwnServers => {
  const { names, connection, clock, log, appenderOf, deadLetters } = instance;
  const { data, ...rest } = term;
  return createOwnServers({
    ...{ ...rest, names, deadLetters, clock, log, metrics: instance.vitals.metrics },
    folders: createServerFolders({ data, prefix: names.prefix }),
    connect: (place, operator, signal) => connectOwn(instance, place, operator, signal),
    shared: sideOf(connection, names, appenderOf),
  });
};
