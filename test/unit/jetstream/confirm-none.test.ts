// What a reader makes of "there is none" when the leader knows more: a replica that is behind, and what nobody can read. The server is the test.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { headers } from 'nats';
import { isFault } from '../../../src/core/fault.ts';
import type { JetStreamConnection } from '../../../src/jetstream/connection.ts';
import { createLeaderReader, createLimitedStreamReader } from '../../../src/jetstream/limited-stream.ts';
import { createWholeStreamReader } from '../../../src/jetstream/whole-stream.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Query = {
  readonly seq?: number;
  readonly next_by_subj?: string;
  readonly last_by_subj?: string;
  readonly subjects_filter?: string;
};

/** Messages on subject `a`: what the index of the leader counts, what the leader can read, and what the replica that answers direct gets has. */
let world: {
  indexed: readonly number[];
  readable: readonly number[];
  replica: readonly number[];
  config: Record<string, unknown>;
  state: Record<string, unknown>;
  onDirectGet: () => void;
};
let directGets = 0;
let infos = 0;
let listeners = 0;
let reconnects = 0;

beforeEach(() => {
  world = {
    indexed: [1, 2],
    readable: [1, 2],
    replica: [1, 2],
    config: {},
    state: { messages: 2, first_seq: 1, last_seq: 2 },
    onDirectGet: () => undefined,
  };
  [directGets, infos, listeners, reconnects] = [0, 0, 0, 0];
});

const find = (held: readonly number[], { seq = 1, last_by_subj }: Query): number | undefined =>
  last_by_subj === undefined ? held.find((one) => one >= seq) : held.at(-1);

const statusReply = (code: number) => ({ data: new Uint8Array(), headers: headers(code, 'status') });
const messageReply = (sequence: number) => {
  const given = headers();
  given.set('Nats-Sequence', String(sequence));
  given.set('Nats-Subject', 'a');
  given.set('Nats-Time-Stamp', new Date(0).toISOString());
  return { data: encoder.encode(`m${sequence}`), headers: given };
};

const directGet = (query: Query) => {
  directGets += 1;
  const held = world.replica;
  world.onDirectGet();
  const first = find(held, query);
  if (first === undefined) return [statusReply(404)];
  if (query.next_by_subj === undefined) return [messageReply(first)];
  return [...held.filter((one) => one >= first).map(messageReply), statusReply(204)];
};

const api = (subject: string, query: Query): unknown => {
  if (subject.startsWith('$JS.API.STREAM.INFO.')) {
    infos += 1;
    const subjects = query.subjects_filter === 'a' && world.indexed.length > 0 ? { a: world.indexed.length } : null;
    return { config: world.config, state: { ...world.state, subjects } };
  }
  const found = find(world.readable, query);
  if (found === undefined) return { error: { code: 404, err_code: 10037 } };
  return { message: { seq: found, data: Buffer.from(`m${found}`).toString('base64') } };
};

const connection = {
  get reconnects() {
    return reconnects;
  },
  onReconnect: () => {
    listeners += 1;
    return () => undefined;
  },
  slots: {
    request: async (subject: string, data: Uint8Array) => {
      const query = (data.length === 0 ? { last_by_subj: 'a' } : JSON.parse(decoder.decode(data))) as Query;
      if (subject.startsWith('$JS.API.DIRECT.GET.')) return directGet(query)[0];
      return { data: encoder.encode(JSON.stringify(api(subject, query))) };
    },
    send: (
      _subject: string,
      data: Uint8Array,
      { onReply }: { onReply(message: ReturnType<typeof statusReply>): boolean },
    ) => {
      for (const reply of directGet(JSON.parse(decoder.decode(data)) as Query)) onReply(reply);
    },
  },
} as unknown as JetStreamConnection;

const whole = () => createWholeStreamReader(connection, 'S');
const limited = () => createLimitedStreamReader(connection, 'S');
const sequences = (found: readonly { readonly sequence: number }[]): readonly number[] =>
  found.map(({ sequence }) => sequence);
const isDamaged = (error: unknown): boolean => isFault(error, 'STREAM_DAMAGED') && error.retry === 'later';

for (const [name, open] of [
  ['of a stream that keeps all', whole],
  ['of a stream with limits', limited],
] as const) {
  describe(`a reader ${name}`, () => {
    it('asks again while a replica is behind, and never says that there is none', async () => {
      world.replica = [];
      world.onDirectGet = () => {
        if (directGets === 3) world.replica = [1, 2];
      };
      assert.deepEqual(sequences(await open().readSubject('a')), [1, 2]);
      assert.equal(directGets, 4);
      world.replica = [];
      directGets = 0;
      assert.equal((await open().readLast('a'))?.sequence, 2);
    });

    it('asks again for what comes behind a known message while a replica is behind', async () => {
      world.replica = [1];
      world.onDirectGet = () => {
        if (directGets === 2) world.replica = [1, 2];
      };
      assert.deepEqual(sequences(await open().readSubject('a', { fromSequence: 2 })), [2]);
      assert.deepEqual(sequences(await open().readSubject('a', { fromSequence: 3 })), []);
    });

    it('does not say so of what the leader counts and cannot read', async () => {
      Object.assign(world, { replica: [], readable: [] });
      await assert.rejects(open().readSubject('a'), isDamaged);
      await assert.rejects(open().readLast('a'), isDamaged);
      await assert.rejects(open().readSubject('a', { fromSequence: 2 }), isDamaged);
    });

    it('says so of what nobody knows', async () => {
      Object.assign(world, { replica: [], readable: [], indexed: [] });
      assert.deepEqual(await open().readSubject('a'), []);
      assert.equal(await open().readLast('a'), undefined);
    });
  });
}

describe('a reader of a stream with limits', () => {
  const nothing = { replica: [], readable: [], indexed: [] };

  it('takes for gone what a limit took from the beginning, and from the middle where a limit does that', async () => {
    Object.assign(world, { ...nothing, state: { messages: 3, first_seq: 8, last_seq: 10 } });
    assert.equal(await limited().readLast('a'), undefined);
    Object.assign(world, { config: { max_msgs_per_subject: 10 }, state: { messages: 3, first_seq: 1, last_seq: 10 } });
    assert.equal(await limited().readLast('a'), undefined);
  });

  it('does not say that there is none while something is missing that no limit explains', async () => {
    Object.assign(world, { ...nothing, state: { messages: 3, first_seq: 7, last_seq: 10 } });
    await assert.rejects(limited().readLast('a'), isDamaged);
    await assert.rejects(createLeaderReader(connection, 'S').readLast('a'), isDamaged);
    const lost = { msgs: [3], bytes: 10 };
    const config = { max_msgs_per_subject: 10 };
    Object.assign(world, { config, state: { messages: 10, first_seq: 1, last_seq: 10, lost } });
    await assert.rejects(limited().readSubject('a'), isDamaged);
  });

  it('asks the leader alone where everything acknowledged counts', async () => {
    world.replica = [];
    assert.equal((await createLeaderReader(connection, 'S').readLast('a'))?.sequence, 2);
    assert.equal(directGets, 0);
    world.readable = [];
    await assert.rejects(createLeaderReader(connection, 'S').readLast('a'), isDamaged);
  });
});

describe('a reader that comes and goes with a term', () => {
  it('leaves nothing behind on its connection, and still looks again after a reconnect', async () => {
    const reader = whole();
    await reader.checkWhole();
    assert.equal(reader.checkWhole(), undefined);
    reconnects += 1;
    await reader.checkWhole();
    assert.equal(infos, 2);
    assert.equal(reader.checkWhole(), undefined);
    assert.equal(listeners, 0);
  });
});
