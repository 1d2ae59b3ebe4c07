import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { compareStream } from '../../../src/jetstream/provision.ts';
import { readStreamDefinitions, type StreamDefinition } from '../../../src/jetstream/stream-definitions.ts';
import { namesFor } from '../../../src/messages/subjects.ts';

const wanted = (fields: Readonly<Record<string, unknown>>): StreamDefinition => ({
  name: 'S',
  subjects: ['s.>'],
  ...fields,
});
const verdictOf = (field: string, expected: unknown, found: unknown): string => {
  const { additions, drift } = compareStream(wanted({ [field]: expected }), wanted({ [field]: found }));
  if (drift.length > 0) return `drift ${drift.map((one) => one.field).join()}`;
  return additions.length > 0 ? `add ${additions.map((one) => one.field).join()}` : 'same';
};

describe('stream definitions', () => {
  it('are one file for each stream and bucket, named like it', () => {
    const names = namesFor('opstream');
    const expected = [
      ...Object.values(names.streams),
      ...Object.values(names.buckets).map((bucket) => `KV_${bucket}`),
    ].sort();
    assert.deepEqual(
      readStreamDefinitions({ prefix: 'opstream' })
        .map(({ name }) => name)
        .sort(),
      expected,
    );
    const files = readdirSync(new URL('../../../streams/', import.meta.url)).sort();
    assert.deepEqual(files, expected.map((name) => `${name}.json`).sort());
  });

  it('carry another prefix everywhere, and nothing of the first', () => {
    const names = namesFor('team-a');
    const definitions = readStreamDefinitions({ prefix: 'team-a' });
    const subjectsOf = (name: string): unknown => definitions.find((one) => one.name === name)?.subjects;
    assert.deepEqual(subjectsOf(names.streams.events), [names.eventFilter]);
    assert.deepEqual(subjectsOf(names.streams.status), [names.statusFilter]);
    assert.deepEqual(subjectsOf(names.streams.commands), [names.commandFilter]);
    assert.deepEqual(subjectsOf(`KV_${names.buckets.leases}`), ['$KV.team-a-leases.>']);
    for (const { name, subjects, republish } of definitions) {
      assert.doesNotMatch(JSON.stringify({ name, subjects, republish }), /opstream/i);
    }
  });

  it('take the number of replicas that is asked for', () => {
    assert.ok(readStreamDefinitions({ prefix: 'opstream', replicas: 3 }).every((one) => one['num_replicas'] === 3));
  });

  it('compress nothing: replicas of what is compressed can all become unreadable', () => {
    for (const { name, compression } of readStreamDefinitions({ prefix: 'opstream' }))
      assert.equal(compression, 'none', name);
  });

  it('keep a bounded number of statuses for each resource, and every event', () => {
    const of = (stream: string) => readStreamDefinitions({ prefix: 'opstream' }).find(({ name }) => name === stream);
    assert.equal(of('OPSTREAM_STATUS')?.['max_msgs_per_subject'], 1000);
    assert.equal(of('OPSTREAM_EVENTS')?.['max_msgs_per_subject'], -1);
  });

  it('refuse a prefix that is no token', () => {
    for (const prefix of ['', 'A', 'a.b', 'a b', '*']) assert.throws(() => readStreamDefinitions({ prefix }));
  });
});

describe('comparing a stream with its definition', () => {
  it('adds what takes nothing away', () => {
    for (const [field, expected, found] of [
      ['description', 'new', 'old'],
      ['allow_atomic', true, false],
      ['allow_direct', true, undefined],
      ['num_replicas', 3, 1],
      ['duplicate_window', 300, 120],
      ['max_age', 0, 3600],
      ['max_age', 7200, 3600],
      ['max_bytes', -1, 1000],
      ['max_consumers', -1, 10],
      ['discard', 'new', 'old'],
      ['subjects', ['a', 'b'], ['a']],
      ['republish', { src: 'a', dest: 'b' }, undefined],
    ] as const)
      assert.equal(verdictOf(field, expected, found), `add ${field}`, `${field} ${JSON.stringify([expected, found])}`);
  });

  it('never shrinks, weakens or changes the kind', () => {
    for (const [field, expected, found] of [
      ['num_replicas', 1, 3],
      ['duplicate_window', 120, 300],
      ['allow_direct', false, true],
      ['allow_msg_ttl', false, true],
      ['max_age', 3600, 0],
      ['max_age', 3600, 7200],
      ['max_msgs_per_subject', 1, -1],
      ['max_consumers', 10, -1],
      ['discard', 'old', 'new'],
      ['storage', 'file', 'memory'],
      ['retention', 'limits', 'workqueue'],
      ['deny_delete', true, false],
      ['subjects', ['a'], ['a', 'b']],
    ] as const)
      assert.equal(
        verdictOf(field, expected, found),
        `drift ${field}`,
        `${field} ${JSON.stringify([expected, found])}`,
      );
  });

  it('gives a limit for each subject to a log that has none, and never a smaller one', () => {
    assert.equal(verdictOf('max_msgs_per_subject', 1000, -1), 'add max_msgs_per_subject');
    assert.equal(verdictOf('max_msgs_per_subject', 1000, 500), 'add max_msgs_per_subject');
    assert.equal(verdictOf('max_msgs_per_subject', 1000, 5000), 'drift max_msgs_per_subject');
    assert.equal(verdictOf('max_msgs_per_subject', 1, -1), 'drift max_msgs_per_subject', 'a bucket is no log');
  });

  it('looks only at what the definition says', () => {
    const { additions, drift } = compareStream(
      wanted({}),
      wanted({ sealed: false, max_msgs: 5, metadata: { a: 'b' } }),
    );
    assert.deepEqual({ additions, drift }, { additions: [], drift: [] });
    assert.equal(verdictOf('deny_delete', false, undefined), 'same');
    assert.equal(verdictOf('compression', 'none', undefined), 'same');
  });

  it('keeps the metadata of others', () => {
    const server = { '_nats.ver': '2.15.1', mine: '1', other: 'x' };
    assert.equal(verdictOf('metadata', { mine: '1' }, server), 'same');
    const { additions } = compareStream(wanted({ metadata: { mine: '2' } }), wanted({ metadata: server }));
    assert.deepEqual(additions[0]?.expected, { ...server, mine: '2' });
  });
});
