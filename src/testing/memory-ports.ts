// All ports of the engine on one memory server, for one program: what `createServerPorts` is on a connection. Each program gets its own link.

import type { Clock } from '../engine/ports/clock.ts';
import type { ServerPorts } from '../engine/ports/server.ts';
import { directLink, type Link } from './link.ts';
import { memoryBucket, type BucketOptions } from './memory-bucket.ts';
import { memoryLeases } from './memory-leases.ts';
import type { MemoryServer } from './memory-server.ts';
import { memoryPublisher, memoryRequester, memoryServices, memorySubscriber } from './memory-services.ts';
import { memoryChannels, memoryStorage } from './memory-storage.ts';
import { memoryAppender, memoryFollower, memoryReader, memoryWorkQueue } from './memory-streams.ts';

export const createMemoryPorts = (
  server: MemoryServer,
  options: BucketOptions & {
    readonly clock: Clock;
    /** Default: everything arrives at once. */
    readonly link?: Link;
  },
): ServerPorts => {
  const { clock, link = directLink(), ...bucket } = options;
  const parts = { server, link, clock };
  const reader: ServerPorts['reader'] = (stream) => memoryReader(parts, stream);
  return {
    ...memoryChannels(parts),
    appender: (stream, wanted) => memoryAppender(parts, stream, wanted),
    reader,
    wholeReader: (stream) => ({
      ...memoryReader(parts, stream),
      checkWhole: () => undefined,
      lastOnLeader: () => undefined,
      subjects: { mayHave: () => false, add: () => undefined },
    }),
    limitedReader: reader,
    leaderReader: reader,
    follower: (stream) => memoryFollower(parts, stream),
    workQueue: (stream, durable, wanted) => memoryWorkQueue(parts, stream, durable, wanted),
    bucket: (name) => memoryBucket(parts, name, bucket),
    leases: (name) => memoryLeases(parts, name),
    storage: (prefix) => memoryStorage(parts, prefix),
    services: memoryServices(parts),
    requester: memoryRequester(parts),
    publisher: memoryPublisher(parts),
    subscriber: memorySubscriber(parts),
  };
};
