// A component on ports in memory: the channel, the status stream, the lease and the service are arrays and maps that a test looks
// into. `start` begins the component; every wait of it is on the driven clock.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { Fault } from '../../src/core/fault.ts';
import type { Appender, AppendMessage, Delivery, StoredMessage } from '../../src/engine/ports/streams.ts';
import type { Lease } from '../../src/engine/ports/leases.ts';
import type { ReceivedMessage } from '../../src/engine/ports/services.ts';
import type { StatusEvent } from '../../src/messages/entity.ts';
import { ORIGIN_HEADER } from '../../src/messages/envelope.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { silentLog } from '../../src/program/logger.ts';
import { runComponent } from '../../src/sdk/component.ts';
import { componentConfig } from '../../src/sdk/config.ts';
import { createDeadLetters } from '../../src/engine/loops/dead-letters.ts';
import { createMemoryEntityStore } from '../../src/sdk/memory-stores.ts';
import { createComponentMetrics } from '../../src/sdk/metrics.ts';
import { createStreamStatusStore } from '../../src/sdk/stream-status-store.ts';
import type { EntityStore, Reconciler } from '../../src/sdk/types.ts';
import { drivenClock } from '../../src/testing/driven-clock.ts';

let ids = 0;

type Kept = { readonly sequence: number; readonly message: AppendMessage; readonly timeMs: number };

/** As a server that is frozen: no answer, until `thaw`, which then gives all of them. */
export const createFreezer = () => {
  let isFrozen = false;
  let waiting: (() => void)[] = [];
  return {
    pass: (): Promise<void> => (isFrozen ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    freeze: (): void => {
      isFrozen = true;
    },
    thaw: (): void => {
      isFrozen = false;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
};

/** One stream: an appender and what it holds, with expected sequences and duplicates as the server has them. */
export const memoryStream = (nowMs: () => number = () => 0) => {
  const kept: Kept[] = [];
  const failures: Error[] = [];
  const freezer = createFreezer();
  const lastOf = (subject: string): Kept | undefined => kept.findLast(({ message }) => message.subject === subject);
  const appender: Appender = {
    pending: 0,
    append: async (messages, { signal } = {}) => {
      await turn();
      await freezer.pass();
      if (signal?.aborted) throw new Fault('NATS_TIMEOUT', 'called off');
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      for (const { subject, expectedLastSequence } of messages) {
        if (expectedLastSequence === undefined || expectedLastSequence === (lastOf(subject)?.sequence ?? 0)) continue;
        throw new Fault('JS_CONFLICT', 'not the last');
      }
      return messages.map((message) => {
        kept.push({ sequence: kept.length + 1, message, timeMs: nowMs() });
        return kept.length;
      });
    },
  };
  const toStored = ({ sequence, message, timeMs }: Kept): StoredMessage => ({
    sequence,
    subject: message.subject,
    data: message.data,
    timeMs,
    header: (name) => ({ 'Nats-Msg-Id': message.id, [ORIGIN_HEADER]: message.origin })[name],
  });
  return {
    appender,
    kept,
    failures,
    freezer,
    reader: {
      readSubject: async () => [],
      readLast: async (subject: string) => {
        await freezer.pass();
        const last = lastOf(subject);
        return last === undefined ? undefined : toStored(last);
      },
      lastSequence: async () => kept.length,
    },
    json: () => kept.map(({ message }) => decodeJson(message.data)),
  };
};

export const memoryComponent = (
  reconciler: Reconciler,
  env: Readonly<Record<string, string>> = {},
  entities: EntityStore = createMemoryEntityStore(),
) => {
  const clock = drivenClock();
  const status = memoryStream(() => clock.nowMs());
  const dead = memoryStream();
  const names = namesFor('opstream');
  const settled: { readonly sequence: number; readonly how: string }[] = [];
  const published: { readonly subject: string; readonly value: unknown }[] = [];
  const stopping = new AbortController();
  const lost = new AbortController();
  const subscriptions = createFreezer();

  let channelSequence = 0;
  let deliver: ((delivery: Delivery) => void) | undefined;
  let ask: ((request: ReceivedMessage) => void) | undefined;
  const leases: { token: number; released: number; current: AbortController } = {
    token: 0,
    released: 0,
    current: lost,
  };

  const loaded = componentConfig({
    env: {
      ENTITY_OF_INTEREST_MESSAGE_STREAM: 'channel',
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'adf.pipeline.run',
      ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: 'adf.pipeline.run.query',
      ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: 'adf.reply',
      OPERATOR_MAX_WORKERS: '4',
      OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
      ...env,
    },
    argv: [],
  });
  assert.ok(loaded.ok);

  const start = (): Promise<void> =>
    runComponent({
      config: loaded.value,
      reconciler,
      entities,
      statuses: createStreamStatusStore({
        ...{ names, clock, appender: status.appender, reader: status.reader },
        ids: { next: () => `id-${(ids += 1)}` },
      }),
      commands: {
        consume: async ({ onDelivery, signal }) => {
          deliver = onDelivery;
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          deliver = undefined;
        },
      },
      subscriber: {
        subscribe: async (_subject, _queue, onMessage) => {
          ask = onMessage;
          return { stop: () => subscriptions.pass() };
        },
      },
      publisher: { publish: (subject, data) => published.push({ subject, value: decodeJson(data) }) },
      leases: {
        acquire: async (name, { signal }) => {
          if (signal.aborted) return undefined;
          leases.token += 1;
          leases.current = new AbortController();
          const lease: Lease = {
            name,
            token: leases.token,
            lost: leases.current.signal,
            release: async () => {
              leases.released += 1;
            },
          };
          return lease;
        },
      },
      holder: 'test',
      deadLetters: createDeadLetters(names, dead.appender, clock),
      clock,
      log: silentLog,
      metrics: createComponentMetrics(),
      signal: stopping.signal,
      random: () => 0.5,
      channelExists: async () => true,
    });

  return {
    start,
    clock,
    status,
    dead,
    settled,
    published,
    leases,
    entities,
    subscriptions,
    stop: () => stopping.abort(),
    /** Hands a message to the component as its consumer would. */
    deliver: async (value: unknown, attempt = 1): Promise<void> => {
      const sequence = (channelSequence += 1);
      assert.ok(deliver, 'the component does not consume');
      deliver({
        sequence,
        subject: 'adf.pipeline.run',
        data: value instanceof Uint8Array ? value : encodeJson(value),
        timeMs: 0,
        header: () => undefined,
        attempt,
        ack: () => settled.push({ sequence, how: 'ack' }),
        nak: () => settled.push({ sequence, how: 'nak' }),
        working: () => {},
      });
      await clock.settle();
    },
    /** What is published on the reply subject. */
    ask: async (value: unknown, replySubject: string): Promise<unknown> => {
      assert.ok(ask, 'the component serves no queries');
      ask({
        subject: 'adf.pipeline.run.query',
        data: encodeJson(value),
        replySubject,
        header: () => undefined,
      });
      await clock.settle();
      return published.find(({ subject }) => subject === replySubject)?.value;
    },
    statuses: (): readonly StatusEvent[] => status.json() as unknown as StatusEvent[],
  };
};
