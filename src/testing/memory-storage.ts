// What is asked of the memory server about streams of operators: channels, positions, what is there and its removal.

import { Fault } from '../core/fault.ts';
import type { ServerPorts, WantedChannel } from '../engine/ports/server.ts';
import type { OperatorStorage, StorageFacts, StorageRef } from '../engine/ports/storage.ts';
import { isMarker } from '../messages/view-documents.ts';
import { persist } from './link.ts';
import { bucketStream } from './memory-server.ts';
import type { PortParts } from './memory-streams.ts';

const DEADLINE_MS = 8000;

const streamOf = ({ kind, name }: StorageRef): string => (kind === 'stream' ? name : bucketStream(name));

export const memoryStorage = ({ server, link, clock }: PortParts, prefix: string): OperatorStorage => {
  const call = <T>(name: string, work: () => T): Promise<T> =>
    persist(clock, DEADLINE_MS, () => link.call({ kind: 'manage', name }, work));

  const look = (ref: StorageRef): StorageFacts | undefined => {
    const name = streamOf(ref);
    const stream = server.streams.get(name);
    if (stream === undefined) return undefined;
    const isOurs = ref.kind === 'stream' ? stream.definition.owner === prefix : ref.name.startsWith(`${prefix}-state-`);
    const messages = stream.count();
    const hasOnlyMarkers = ref.kind === 'bucket' && stream.read(1, undefined).every(isMarker);
    return {
      isOurs,
      subjects: ref.kind === 'stream' ? stream.definition.subjects : [],
      messages,
      isEmpty: messages === 0 || (isOurs && hasOnlyMarkers),
      isUsed: server.consumersOf(name).some((consumer) => consumer.isBusy()),
    };
  };

  return {
    look: (ref) => call(ref.name, () => look(ref)),
    remove: (ref) => call(ref.name, () => server.removeStream(streamOf(ref))),
  };
};

export const memoryChannels = ({
  server,
  link,
  clock,
}: PortParts): Pick<ServerPorts, 'ensureChannel' | 'channelPosition' | 'eraser'> => {
  const call = <T>(name: string, work: () => T): Promise<T> =>
    persist(clock, DEADLINE_MS, () => link.call({ kind: 'manage', name }, work));

  const ensure = ({ prefix, stream, subjects }: WantedChannel): void => {
    const known = server.streams.get(stream);
    const owners = subjects.map((subject) => server.streamOfSubject(subject)?.definition.name);
    const isTaken = owners.some((owner) => owner !== undefined && owner !== stream);
    if (isTaken || (known !== undefined && known.definition.owner !== prefix))
      throw new Fault('JS_REFUSED', `channel ${stream} is somebody else's`, { retry: 'never' });
    if (known === undefined) server.addStream({ name: stream, subjects, owner: prefix });
    else known.addSubjects(subjects);
  };

  return {
    ensureChannel: (channel) => call(channel.stream, () => ensure(channel)),
    channelPosition: (name, subject) =>
      call(name, () => {
        const stream = server.streams.get(name);
        if (stream === undefined) return undefined;
        const position = { firstSequence: stream.firstSequence(), lastSequence: stream.lastSequence() };
        const floors = server
          .consumersOf(name)
          .filter((consumer) => consumer.takes(subject))
          .map((consumer) => consumer.floor());
        return floors.length === 0 ? position : { ...position, takenTo: Math.max(...floors) };
      }),
    eraser: (name) => (sequence) => call(name, () => server.stream(name).remove(sequence)),
  };
};
