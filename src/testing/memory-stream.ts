// One stream of the memory server: what a nats-server does with it, synchronously. Expected sequences of a subject or of all that match, duplicate
// ids within the window, the most for each subject, messages that run out of time, and atomic batches. No ports here: memory-ports.ts has them.

import { Fault } from '../core/fault.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import { matchesAny, matchesFilter } from './subjects.ts';

export type StreamDefinition = {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Default `limits`. Of a work queue, what is acknowledged is gone. */
  readonly retention?: 'limits' | 'workqueue';
  readonly maxPerSubject?: number;
  /** How long ids are remembered. Default two minutes. */
  readonly duplicateWindowMs?: number;
  /** Which instance of opstream made it. */
  readonly owner?: string;
};

export type StreamWrite = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: string;
  readonly expectedLastSequence?: number;
  readonly expectedSubject?: string;
  readonly ttlMs?: number;
};

export type KeptMessage = StoredMessage & {
  readonly headers: Readonly<Record<string, string>>;
  /** Over all streams: which was stored first. */
  readonly order: number;
  readonly expiresAtMs: number;
};

const MAX_BATCH = 1000;

export type MemoryStream = ReturnType<typeof createMemoryStream>;

export const createMemoryStream = (given: StreamDefinition, world: { nowMs(): number; nextOrder(): number }) => {
  let definition = given;
  const { duplicateWindowMs = 120_000 } = given;
  /** By sequence; what was removed is undefined. */
  const kept: (KeptMessage | undefined)[] = [];
  const bySubject = new Map<string, number[]>();
  const ids = new Map<string, { readonly sequence: number; readonly atMs: number }>();
  const listeners = new Set<() => void>();
  /** Sequences of messages with a time to live. */
  const expiring = new Set<number>();
  let firstKept = 1;
  let count = 0;

  const at = (sequence: number): KeptMessage | undefined => kept[sequence - 1];

  const remove = (sequence: number): void => {
    const message = at(sequence);
    if (message === undefined) return;
    kept[sequence - 1] = undefined;
    count -= 1;
    expiring.delete(sequence);
    while (firstKept <= kept.length && at(firstKept) === undefined) firstKept += 1;
    const left = (bySubject.get(message.subject) ?? []).filter((one) => one !== sequence);
    if (left.length === 0) bySubject.delete(message.subject);
    else bySubject.set(message.subject, left);
  };

  const expire = (): void => {
    if (expiring.size === 0) return;
    const nowMs = world.nowMs();
    for (const sequence of expiring) if ((at(sequence)?.expiresAtMs ?? 0) <= nowMs) remove(sequence);
  };

  const lastOf = (filter: string): KeptMessage | undefined => {
    expire();
    if (!/[*>]/.test(filter)) {
      const sequence = bySubject.get(filter)?.at(-1);
      return sequence === undefined ? undefined : at(sequence);
    }
    let last = 0;
    for (const [subject, sequences] of bySubject)
      if (matchesFilter(filter, subject)) last = Math.max(last, sequences.at(-1) ?? 0);
    return at(last);
  };

  const knownId = (id: string | undefined): number | undefined => {
    if (id === undefined) return undefined;
    const known = ids.get(id);
    return known !== undefined && world.nowMs() - known.atMs <= duplicateWindowMs ? known.sequence : undefined;
  };

  const put = ({ subject, data, headers = {}, id, ttlMs, expectedLastSequence }: StreamWrite): number => {
    const sequence = kept.length + 1;
    const all: Record<string, string> = { ...headers };
    if (id !== undefined) all['Nats-Msg-Id'] = id;
    if (expectedLastSequence !== undefined) all['Nats-Expected-Last-Subject-Sequence'] = String(expectedLastSequence);
    if (ttlMs !== undefined) all['Nats-TTL'] = `${Math.ceil(ttlMs / 1000)}s`;
    const timeMs = world.nowMs();
    const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : timeMs + Math.ceil(ttlMs / 1000) * 1000;
    if (ttlMs !== undefined) expiring.add(sequence);
    count += 1;
    const order = world.nextOrder();
    kept.push({ sequence, subject, data, timeMs, headers: all, order, expiresAtMs, header: (name) => all[name] });
    if (id !== undefined) ids.set(id, { sequence, atMs: timeMs });
    const sequences = bySubject.get(subject) ?? [];
    sequences.push(sequence);
    bySubject.set(subject, sequences);
    const { maxPerSubject } = definition;
    if (maxPerSubject !== undefined && sequences.length > maxPerSubject) remove(sequences[0] ?? 0);
    return sequence;
  };

  const check = (writes: readonly StreamWrite[]): void => {
    const seen = new Set<string>();
    for (const { subject, expectedLastSequence, expectedSubject = subject } of writes) {
      if (!matchesAny(definition.subjects, subject))
        throw new Fault('NATS_NO_RESPONDERS', `${definition.name} does not have ${subject}`);
      const isFirst = !seen.has(expectedSubject);
      seen.add(expectedSubject);
      if (expectedLastSequence === undefined || !isFirst) continue;
      const last = lastOf(expectedSubject)?.sequence ?? 0;
      if (last !== expectedLastSequence)
        throw new Fault('JS_CONFLICT', `${expectedSubject}: expected ${expectedLastSequence}, found ${last}`);
    }
  };

  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };

  /** All or nothing. Faults: JS_CONFLICT, JS_DUPLICATE (several messages, one of which is known), JS_REFUSED (too many). */
  const store = (writes: readonly StreamWrite[]): readonly number[] => {
    if (writes.length > MAX_BATCH)
      throw new Fault('JS_REFUSED', `at most ${MAX_BATCH} messages in one append`, { retry: 'never' });
    const known = writes.map(({ id }) => knownId(id));
    const [only] = known;
    if (writes.length === 1 && only !== undefined) return [only];
    if (known.some((sequence) => sequence !== undefined))
      throw new Fault('JS_DUPLICATE', 'ids of an atomic batch were stored before');
    check(writes);
    const sequences = writes.map(put);
    tell();
    return sequences;
  };

  const readAll = (
    from: number,
    filters: readonly string[] | undefined,
    limit: number,
    take: (message: KeptMessage) => void,
  ): void => {
    let taken = 0;
    for (let sequence = from; sequence <= kept.length && taken < limit; sequence += 1) {
      const message = at(sequence);
      if (message === undefined || !matchesAny(filters, message.subject)) continue;
      taken += 1;
      take(message);
    }
  };

  /** Messages from `fromSequence` on, oldest first. */
  const read = (
    fromSequence: number,
    filters: readonly string[] | undefined,
    limit = Number.POSITIVE_INFINITY,
  ): readonly KeptMessage[] => {
    expire();
    const found: KeptMessage[] = [];
    const take = (message: KeptMessage | undefined): void => {
      if (message !== undefined && message.sequence >= fromSequence && found.length < limit) found.push(message);
    };
    const only = filters?.length === 1 ? filters[0] : undefined;
    if (only !== undefined && !/[*>]/.test(only)) for (const sequence of bySubject.get(only) ?? []) take(at(sequence));
    else readAll(Math.max(firstKept, fromSequence), filters, limit, take);
    return found;
  };

  return {
    get definition() {
      return definition;
    },
    addSubjects: (subjects: readonly string[]): void => {
      definition = { ...definition, subjects: [...new Set([...definition.subjects, ...subjects])] };
    },
    store,
    read,
    lastOf,
    get: (sequence: number) => {
      expire();
      return at(sequence);
    },
    remove,
    /** Wakes those who wait for news. */
    tell,
    subjects: (filter: string): readonly string[] => {
      expire();
      return [...bySubject.keys()].filter((subject) => matchesFilter(filter, subject));
    },
    lastSequence: () => kept.length,
    firstSequence: () => {
      expire();
      return firstKept;
    },
    count: () => {
      expire();
      return count;
    },
    /** Called after each store; the answer takes it off again. */
    onNews: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};
