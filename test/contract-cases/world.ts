// What the cases of the ports' contract are given: the ports of two programs on one server, streams and buckets of their own, and a way to wait that
// is right for the clock behind the ports. The unit test runs them in memory, the integration test on a nats-server.

import assert from 'node:assert/strict';
import { isFault, type FaultCode } from '../../src/core/fault.ts';
import type { ServerPorts } from '../../src/engine/ports/server.ts';
import type { Delivery, StoredMessage, StreamFollower } from '../../src/engine/ports/streams.ts';

export type NewStream = {
  readonly retention?: 'limits' | 'workqueue';
  readonly maxPerSubject?: number;
};

export type ContractWorld = {
  readonly ports: ServerPorts;
  /** Of another program on the same server. */
  readonly other: ServerPorts;
  /** A new stream with the subjects `<name>.>`: its name. */
  newStream(options?: NewStream): Promise<string>;
  newBucket(): Promise<string>;
  /** The bucket of leases. */
  readonly leaseBucket: string;
  /** The first truthy value. */
  until<T>(condition: () => T | Promise<T>, what: string): Promise<NonNullable<T>>;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
};

export type ContractCase = {
  readonly name: string;
  run(world: ContractWorld): Promise<void>;
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (data: Uint8Array): string => Buffer.from(data).toString();

let ids = 0;
/** A message of the stream, with a new id unless one is given. */
export const message = (
  stream: string,
  subject: string,
  more: { readonly id?: string; readonly expectedLastSequence?: number; readonly expectedSubject?: string } = {},
) => ({ subject: `${stream}.${subject}`, id: `contract-${(ids += 1)}`, data: bytes(subject), ...more });

export const refused = async (work: Promise<unknown>, ...codes: readonly FaultCode[]): Promise<void> => {
  const failure = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(isFault(failure), `expected a Fault ${codes.join(' or ')}, found ${String(failure)}`);
  assert.ok(codes.includes(failure.code), `expected ${codes.join(' or ')}, found ${failure.code}`);
};

export const collect = (follower: StreamFollower, options: Partial<Parameters<StreamFollower['follow']>[0]> = {}) => {
  const stopping = new AbortController();
  const seen: StoredMessage[] = [];
  const batches: { readonly size: number; readonly pending: number }[] = [];
  let empties = 0;
  const ended = follower.follow({
    fromSequence: 1,
    onEmpty: () => {
      empties += 1;
    },
    onBatch: (batch, pending) => {
      seen.push(...batch);
      batches.push({ size: batch.length, pending });
    },
    ...options,
    signal: stopping.signal,
  });
  return {
    seen,
    batches,
    sequences: () => seen.map(({ sequence }) => sequence),
    empties: () => empties,
    ended,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
};

export const consume = (
  ports: ServerPorts,
  stream: string,
  options: {
    readonly maxInFlight?: number;
    readonly restart?: boolean;
    readonly ackWaitMs?: number;
    onDelivery?(delivery: Delivery): void;
  } = {},
) => {
  const { maxInFlight = 10, restart = false, ackWaitMs, onDelivery } = options;
  const stopping = new AbortController();
  const deliveries: Delivery[] = [];
  const ended = ports.workQueue(stream, 'worker', ackWaitMs === undefined ? {} : { ackWaitMs }).consume({
    maxInFlight,
    restart,
    signal: stopping.signal,
    onDelivery: (delivery) => {
      deliveries.push(delivery);
      onDelivery?.(delivery);
    },
  });
  return {
    deliveries,
    texts: () => deliveries.map(({ data }) => textOf(data)),
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
};
