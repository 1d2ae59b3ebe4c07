// The things that are measured, each on a running instance. All clients go over the reply slots, which are also what the limit uses.

import { createStream, countWrites, lastSequence } from './instance.mjs';
import { closedLoop } from './figures.mjs';
import { chain, CHAIN_SERVICE, chainStreams } from './bare-chain.mjs';
import { changeBytes, eventBytes, resource } from './workload.mjs';

const dist = (path) => import(`../../dist/${path}`);

/** (a) Pipelined publishes of events with message id and expected sequence. */
export const rawPublishes = async ({ connection }, { count, inFlight, label }) => {
  const { rawHeaders } = await dist('jetstream/raw-headers.js');
  const stream = `BENCH_${label.toUpperCase()}`;
  await createStream(connection, {
    name: stream,
    subjects: [`bench.${label}.>`],
    storage: 'file',
    compression: 's2',
    duplicate_window: 300e9,
    allow_direct: true,
    allow_atomic: true,
  });
  const events = Array.from({ length: count }, (_, index) => eventBytes(`r-${index}`, index));
  const result = await closedLoop({
    count,
    inFlight,
    once: (index) =>
      new Promise((resolve, reject) => {
        connection.slots.send(`bench.${label}.r-${index}`, events[index], {
          headers: rawHeaders({ 'Nats-Msg-Id': `${label}-${index}`, 'Nats-Expected-Last-Subject-Sequence': 0 }),
          onReply: (message) => {
            if (message.data.length > 0 && message.data[2] === 101)
              reject(new Error(new TextDecoder().decode(message.data)));
            else resolve();
          },
          onFault: reject,
        });
      }),
  });
  await connection.slots.request(`$JS.API.STREAM.DELETE.${stream}`, new Uint8Array());
  return result;
};

/** Until `ask` is answered: whoever serves it has only just been started. */
export const untilServed = async (ask) => {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
};

export const sendApply = async ({ connection }) => {
  const { rawHeaders } = await dist('jetstream/raw-headers.js');
  return (name, body = resource(name)) =>
    new Promise((resolve, reject) => {
      connection.slots.send('opstream.rpc.apply', body, {
        headers: rawHeaders({ 'Opstream-Command-Id': `bench-${name}` }),
        timeoutMs: 20_000,
        onReply: (message) => {
          if (message.headers?.has('Nats-Service-Error')) reject(new Error(new TextDecoder().decode(message.data)));
          else resolve();
        },
        onFault: reject,
      });
    });
};

/** (b) Applies until their receipt. */
export const accepted = async (instance, { count, inFlight, label }) => {
  const apply = await sendApply(instance);
  const bodies = Array.from({ length: count }, (_, index) => resource(`${label}-${index}`));
  return closedLoop({ count, inFlight, once: (index) => apply(`${label}-${index}`, bodies[index]) });
};

const SEEN_MS = 60_000;

/**
 * What `send(name)` starts is over when it has been answered and a message has come on `<prefix><name>` of `stream`: what a client sees that
 * waits for it.
 */
const untilSeen = async ({ connection }, { stream, prefix, count, inFlight, label, send }) => {
  const { createFollower } = await dist('jetstream/follower.js');
  const waiting = new Map();
  const stop = new AbortController();
  const following = createFollower(connection, stream).follow({
    fromSequence: (await lastSequence(connection, stream)) + 1,
    filters: [`${prefix}*`],
    signal: stop.signal,
    onBatch: (batch) => {
      for (const { subject } of batch) {
        const name = subject.slice(prefix.length);
        waiting.get(name)?.resolve();
        waiting.delete(name);
      }
    },
  });
  const seen = (name) =>
    new Promise((resolve, reject) => waiting.set(name, { resolve, reject, sinceMs: performance.now() }));
  const watch = setInterval(() => {
    for (const [name, { reject, sinceMs }] of waiting) {
      if (performance.now() - sinceMs < SEEN_MS) break;
      reject(new Error(`${prefix}${name}: not seen within ${SEEN_MS} ms`));
    }
  }, 1000);
  try {
    const once = (index) => Promise.all([seen(`${label}-${index}`), send(`${label}-${index}`)]);
    return await closedLoop({ count, inFlight, once });
  } finally {
    clearInterval(watch);
    stop.abort();
    await following;
  }
};

/** (b) Applies until their status is in KV. */
export const reconciled = async (instance, { count, inFlight, label }) => {
  const send = await sendApply(instance);
  const prefix = '$KV.opstream-entities.status.public.';
  const writesBefore = await countWrites(instance.connection);
  const seen = { stream: 'KV_opstream-entities', prefix, count, inFlight, label, send };
  const result = await untilSeen(instance, seen);
  const writes = (await countWrites(instance.connection)) - writesBefore;
  return { ...result, writesPerApply: writes / count };
};

/**
 * Starts the first link of the bare chain; `extend` starts the others. What is returned sends one message through it at a time: until its
 * answer, and until it is at the end.
 */
export const startChain = async (instance) => {
  const { connection } = instance;
  const [first, ...others] = chain;
  const startLink = ({ role }) => instance.start(`chain-${role}`, 'scripts/bench/bare-chain.mjs', {}, [role]);
  for (const stream of chainStreams) await createStream(connection, stream);
  await startLink(first);
  const send = (name) =>
    new Promise((resolve, reject) => {
      connection.slots.send(CHAIN_SERVICE, resource(name), { onReply: resolve, onFault: reject });
    });
  await untilServed(() => send('first'));
  return {
    extend: async () => {
      for (const link of others) await startLink(link);
    },
    answered: ({ count, label }) => closedLoop({ count, inFlight: 1, once: (index) => send(`${label}-${index}`) }),
    visible: ({ count, label }) => {
      const prefix = 'bench-chain.view.';
      return untilSeen(instance, { stream: 'BENCH_CHAIN_VIEW', prefix, count, inFlight: 1, label, send });
    },
    stop: async () => {
      for (const { role } of chain) await instance.end(`chain-${role}`);
      for (const { name } of chainStreams) {
        await connection.slots.request(`$JS.API.STREAM.DELETE.${name}`, new Uint8Array());
      }
    },
  };
};

/** (c) A stream of its own with `things` resources that were each declared and then changed `changes` times, thing by turns. */
export const writeHistory = async ({ connection }, { things, changes }) => {
  const { createAppender } = await dist('jetstream/appender.js');
  const { namesFor } = await dist('messages/subjects.js');
  const names = namesFor('bench-history');
  const stream = 'BENCH_HISTORY';
  await createStream(connection, {
    name: stream,
    subjects: [names.eventFilter],
    storage: 'file',
    compression: 's2',
    allow_direct: true,
    allow_atomic: true,
  });
  const appender = createAppender(connection, stream);
  for (let change = 0; change <= changes; change += 1) {
    const events = Array.from({ length: things }, (_, index) => {
      const ref = { kind: 'resource', workspace: 'public', name: `h-${index}` };
      const data = change === 0 ? eventBytes(ref.name, index) : changeBytes(ref.name, index, change);
      return { subject: names.event(ref), id: `${index}-${change}`, data };
    });
    for (let start = 0; start < things; start += 500) await appender.append(events.slice(start, start + 500));
  }
  return { stream, names, events: things * (changes + 1) };
};

/** (c) Reading and parsing every event, without doing anything with it. */
export const consumeAndParse = async ({ connection }, upToSequence, stream = 'OPSTREAM_EVENTS') => {
  const { createFollower } = await dist('jetstream/follower.js');
  const stop = new AbortController();
  const decoder = new TextDecoder();
  let count = 0;
  const startedMs = performance.now();
  await createFollower(connection, stream).follow({
    fromSequence: 1,
    maxBatch: 2000,
    signal: stop.signal,
    onBatch: (batch) => {
      for (const { data } of batch) JSON.parse(decoder.decode(data));
      count += batch.length;
      if (batch.at(-1).sequence >= upToSequence) stop.abort();
    },
  });
  return (count / (performance.now() - startedMs)) * 1000;
};

/** (c) The whole view of resources, from sequence 1 into an empty bucket. */
export const rebuild = async ({ connection }, upToSequence, round, { stream = 'OPSTREAM_EVENTS', names } = {}) => {
  const { createFollower } = await dist('jetstream/follower.js');
  const { createKeyValueStore } = await dist('jetstream/key-value-store.js');
  const { rebuildView } = await dist('engine/projection/rebuild.js');
  const { entities } = await dist('views/desired-state.js');
  const { namesFor } = await dist('messages/subjects.js');
  const { silentLog } = await dist('program/logger.js');
  const { systemClock } = await dist('program/clock.js');
  const bucket = `bench-rebuild-${round}`;
  await createStream(connection, {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: 'file',
    max_msgs_per_subject: 1,
    discard: 'new',
    allow_rollup_hdrs: true,
    allow_direct: true,
    allow_atomic: true,
  });
  const startedMs = performance.now();
  await rebuildView({
    projection: { ...entities(names ?? namesFor('opstream')), stream, bucket },
    follower: createFollower(connection, stream),
    store: createKeyValueStore(connection, bucket),
    upToSequence,
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  });
  const rate = (upToSequence / (performance.now() - startedMs)) * 1000;
  await connection.slots.request(`$JS.API.STREAM.DELETE.KV_${bucket}`, new Uint8Array());
  return rate;
};
