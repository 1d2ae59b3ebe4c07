// A NATS server in memory: streams, buckets (streams too, as on a real one), durable consumers, subscriptions with queue groups. Synchronous and
// without any choice of its own, but for who of a queue group gets a message: `pick` says that. Programs reach it over ports (memory-ports.ts).
//
// What it has not: republished subjects, replicas, limits of bytes and age, flow control.

import { Fault } from '../core/fault.ts';
import { createMemoryConsumer, type ConsumerOptions, type MemoryConsumer } from './memory-consumer.ts';
import { createMemoryStream, type MemoryStream, type StreamDefinition } from './memory-stream.ts';
import { matchesAny, matchesFilter } from './subjects.ts';

export type Headers = Readonly<Record<string, string>>;
export type SentMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers;
  readonly replySubject: string | undefined;
};
export type Subscription = {
  readonly subject: string;
  readonly queue: string | undefined;
  receive(message: SentMessage): void;
};

export type ServerOptions = {
  nowMs(): number;
  /** Which of so many members of a queue group gets a message. Default: each in turn. */
  pick?(count: number): number;
};

export const bucketStream = (bucket: string): string => `KV_${bucket}`;

export type MemoryServer = ReturnType<typeof createMemoryServer>;

export const createMemoryServer = ({ nowMs, pick }: ServerOptions) => {
  const streams = new Map<string, MemoryStream>();
  const consumers = new Map<string, Map<string, MemoryConsumer>>();
  const subscriptions = new Set<Subscription>();
  let order = 0;
  let turns = 0;
  let inboxes = 0;
  const nextOrder = (): number => (order += 1);
  const choose = pick ?? ((count: number): number => (turns += 1) % count);

  const stream = (name: string): MemoryStream => {
    const found = streams.get(name);
    if (found === undefined) throw new Fault('JS_NOT_FOUND', `no stream ${name}`, { retry: 'never' });
    return found;
  };

  const addStream = (definition: StreamDefinition): MemoryStream => {
    const made = createMemoryStream(definition, { nowMs, nextOrder });
    streams.set(definition.name, made);
    return made;
  };

  const streamOfSubject = (subject: string): MemoryStream | undefined =>
    [...streams.values()].find(({ definition }) => matchesAny(definition.subjects, subject));

  const consumersOf = (name: string): Map<string, MemoryConsumer> => {
    const known = consumers.get(name) ?? new Map<string, MemoryConsumer>();
    consumers.set(name, known);
    return known;
  };

  return {
    nowMs,
    streams,
    stream,
    addStream,
    addBucket: (bucket: string): MemoryStream =>
      addStream({ name: bucketStream(bucket), subjects: [`$KV.${bucket}.>`], maxPerSubject: 1 }),
    removeStream: (name: string): void => {
      streams.delete(name);
      consumers.delete(name);
    },
    streamOfSubject,

    consumersOf: (name: string): readonly MemoryConsumer[] => [...(consumers.get(name)?.values() ?? [])],
    consumer: (streamName: string, durable: string): MemoryConsumer | undefined =>
      consumers.get(streamName)?.get(durable),
    /** As it is, with these options; `restart` makes it anew. */
    ensureConsumer: (name: string, durable: string, options: ConsumerOptions, restart: boolean): void => {
      const of = consumersOf(name);
      const known = restart ? undefined : of.get(durable);
      if (known === undefined) of.set(durable, createMemoryConsumer(stream(name), options, nowMs));
      else known.change(options);
    },

    subscribe: (subscription: Subscription): (() => void) => {
      subscriptions.add(subscription);
      return () => subscriptions.delete(subscription);
    },
    inbox: (): string => `_INBOX.memory.${(inboxes += 1)}`,
    /** To a stream that has the subject, and to subscriptions: one of each queue group. False: nobody is there. */
    publish: (message: SentMessage): boolean => {
      const { subject, data, headers } = message;
      const taking = streamOfSubject(subject);
      const id = headers['Nats-Msg-Id'];
      taking?.store([{ subject, data, headers, ...(id === undefined ? {} : { id }) }]);
      const groups = new Map<string, Subscription[]>();
      const all: Subscription[] = [];
      for (const one of subscriptions) {
        if (!matchesFilter(one.subject, subject)) continue;
        if (one.queue === undefined) all.push(one);
        else groups.set(one.queue, [...(groups.get(one.queue) ?? []), one]);
      }
      for (const group of groups.values()) {
        const chosen = group[group.length === 1 ? 0 : choose(group.length)];
        if (chosen !== undefined) all.push(chosen);
      }
      for (const one of all) one.receive(message);
      return taking !== undefined || all.length > 0;
    },
  };
};
