// Takes messages from a work-queue stream through a durable consumer with explicit acks. `restart` makes the consumer anew, which is the
// only way to get what an earlier holder left unsettled in order: acknowledged messages are gone from such a stream, so a new
// consumer begins with the first one that is left.

import { AckPolicy, DeliverPolicy, type ConsumerMessages, type JsMsg } from 'nats';
import { isFault } from '../core/fault.ts';
import type { Delivery, WorkQueue } from '../engine/ports/streams.ts';
import { toFault } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { headerReader } from './message-headers.ts';
import { pause } from './pause.ts';

const ACK_WAIT_MS = 30_000;
const RETRY_MS = 500;
const NANOS = 1_000_000;
/** The consumer exists with another configuration. */
const CONSUMER_EXISTS = 10148;

const ACK = new TextEncoder().encode('+ACK');

type Acknowledge = (reply: string) => void;

// Acks go through the outbox: each comes in a microtask of its own, and the client would write to its socket for each (outbox.ts).
const acknowledging = ({ slots }: Pick<JetStreamConnection, 'slots'>, delayMs: number, signal: AbortSignal) => {
  let waiting: string[] = [];
  const flush = (): void => {
    const due = waiting;
    waiting = [];
    for (const reply of due) slots.publish(reply, ACK);
  };
  return (reply: string): void => {
    waiting.push(reply);
    if (delayMs === 0 || signal.aborted) flush();
    else if (waiting.length === 1) void pause(delayMs, signal).then(flush);
  };
};

const toDelivery = (message: JsMsg, acknowledge: Acknowledge): Delivery => {
  const { info } = message;
  return {
    sequence: message.seq,
    subject: message.subject,
    data: message.data,
    timeMs: Math.floor(info.timestampNanos / NANOS),
    attempt: info.redeliveryCount,
    header: headerReader(message),
    ack: () => {
      const { reply } = message as unknown as { readonly reply?: string };
      if (reply === undefined) message.ack();
      else acknowledge(reply);
    },
    nak: (delayMs) => message.nak(delayMs),
    working: () => message.working(),
  };
};

export type WorkQueueOptions = {
  /** Of the subjects of the stream; default: all. */
  readonly filterSubjects?: readonly string[];
  /** Time to settle a delivery before it comes again. Default 30 000 ms. */
  readonly ackWaitMs?: number;
  /**
   * For who keeps what it acknowledges: acks wait so long for others, which spares the server a wake-up for each. After a crash in between
   * the deliveries come again. Default 0.
   */
  readonly ackDelayMs?: number;
};

export const createWorkQueue = (
  connection: JetStreamConnection,
  stream: string,
  durable: string,
  options: WorkQueueOptions = {},
): WorkQueue => {
  const { nc, log } = connection;

  const ensureConsumer = async (maxInFlight: number, restart: boolean): Promise<void> => {
    const manager = await nc.jetstreamManager({ checkAPI: false });
    if (restart) {
      await manager.consumers.delete(stream, durable).catch((error: unknown) => {
        if (!isFault(toFault(error, durable), 'JS_NOT_FOUND')) throw error;
      });
    }
    // What another configuration of the program may change on the consumer that is there.
    const changeable = {
      ack_wait: (options.ackWaitMs ?? ACK_WAIT_MS) * NANOS,
      max_deliver: -1,
      max_ack_pending: Math.max(1, maxInFlight),
      ...(options.filterSubjects === undefined ? {} : { filter_subjects: [...options.filterSubjects] }),
    };
    const wanted = {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ...changeable,
    };
    await manager.consumers.add(stream, wanted).catch(async (error: unknown) => {
      const fault = toFault(error, durable);
      if (!isFault(fault) || fault.details['errorCode'] !== CONSUMER_EXISTS) throw error;
      await manager.consumers.update(stream, durable, changeable);
    });
  };

  const consumeOnce = async (
    maxInFlight: number,
    signal: AbortSignal,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<void> => {
    const consumer = await nc.jetstream({ checkAPI: false }).consumers.get(stream, durable);
    let failed: (error: unknown) => void = () => undefined;
    const failure = new Promise<never>((_resolve, reject) => {
      failed = reject;
    });
    const acknowledge = acknowledging(connection, options.ackDelayMs ?? 0, signal);
    const messages: ConsumerMessages = await consumer.consume({
      max_messages: maxInFlight,
      callback: (message) => {
        if (!signal.aborted) onDelivery(toDelivery(message, acknowledge));
      },
    });
    const stop = (): void => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    // It may have aborted while the consumer was being made; the listener would then never be called.
    if (signal.aborted) stop();
    const watch = async (): Promise<void> => {
      for await (const status of await messages.status()) {
        if (
          status.type === 'consumer_not_found' ||
          status.type === 'consumer_deleted' ||
          status.type === 'stream_not_found'
        )
          messages.stop();
      }
    };
    watch().catch(failed);
    try {
      await Promise.race([messages.closed(), failure]);
    } finally {
      signal.removeEventListener('abort', stop);
      messages.stop();
    }
  };

  return {
    consume: async ({ maxInFlight, restart = false, signal, onDelivery }) => {
      let isRestartDue = restart;
      while (!signal.aborted) {
        try {
          await ensureConsumer(maxInFlight, isRestartDue);
          isRestartDue = false;
          await consumeOnce(maxInFlight, signal, onDelivery);
        } catch (error) {
          const fault = toFault(error, `consumer ${durable} of ${stream}`);
          if (!isFault(fault) || fault.code === 'JS_REFUSED') throw fault;
          log.warn({ stream, durable, err: fault }, 'work queue cannot be read');
        }
        if (!signal.aborted) await pause(RETRY_MS, signal);
      }
    },
  };
};
