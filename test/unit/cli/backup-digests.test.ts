// What a restored stream is held against: lines about each message of the one that was backed up.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareDigests, digestLine } from '../../../src/cli/backup/digests.ts';
import type { WholeMessage } from '../../../src/jetstream/stream-contents.ts';

const DAY_NANOS = 86_400 * 1e9;
const NOW_MS = Date.parse('2026-03-01T00:00:00Z');

const message = (sequence: number, change: Partial<WholeMessage> = {}): WholeMessage => ({
  sequence,
  subject: 's.a',
  timeMs: NOW_MS - 3600_000,
  time: '2026-02-28T23:00:00.000000001Z',
  headers: [['Nats-Msg-Id', [`id-${sequence}`]]],
  data: new TextEncoder().encode(`body ${sequence}`),
  ...change,
});

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
const compare = (before: readonly WholeMessage[], after: readonly WholeMessage[], maxAgeNanos = 0) =>
  compareDigests(each(before.map((one) => digestLine(one, maxAgeNanos))), each(after), NOW_MS);

describe('a restored stream against its backup', () => {
  it('is equal when every message is as it was, gaps in the sequences included', async () => {
    const all = [message(1), message(2), message(5)];
    assert.deepEqual(await compare(all, all), { equal: 3, expired: 0, differences: 0, told: [] });
    assert.deepEqual(await compare([], []), { equal: 0, expired: 0, differences: 0, told: [] });
  });

  it('differs by whatever is stored of a message', async () => {
    for (const change of [
      { subject: 's.b' },
      { time: '2026-02-28T23:00:00.000000002Z' },
      { headers: [] },
      { headers: [['Nats-Msg-Id', ['id-2', 'id-3']]] as const },
      { data: new Uint8Array() },
    ]) {
      const { differences, told } = await compare([message(1), message(2)], [message(1), message(2, change)]);
      assert.deepEqual([differences, told], [1, ['message 2 differs']], JSON.stringify(change));
    }
  });

  it('tells what is missing and what is too much, the first five of them by sequence', async () => {
    const before = [1, 2, 3, 4, 5, 6, 7, 8].map((sequence) => message(sequence));
    const { equal, differences, told } = await compare(before, [message(4), message(9)]);
    assert.deepEqual([equal, differences], [1, 8]);
    assert.deepEqual(
      told,
      [1, 2, 3, 5, 6].map((sequence) => `message ${sequence} is missing`),
    );
    const more = await compare([message(1)], [message(1), message(2)]);
    assert.deepEqual(more.told, ['message 2 was not there before']);
  });

  it('takes for expired only what the stream may have dropped by now', async () => {
    const old = message(1, { timeMs: NOW_MS - 2 * 86_400_000 });
    const leased = message(2, { headers: [['Nats-TTL', ['5s']]] });
    const kept = message(3);
    const { expired, differences, told } = await compare([old, leased, kept], [], DAY_NANOS);
    assert.deepEqual([expired, differences, told], [2, 1, ['message 3 is missing']]);
  });
});
