// Provisioning on a real server, and the files of streams/ against the server's strict mode and the nats CLI.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isFault, type Fault } from '../../src/core/fault.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import {
  ensureChannelStream,
  ensureStream,
  findChannelConflicts,
  missingStreams,
  provision,
} from '../../src/jetstream/provision.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { readStreamDefinitions } from '../../src/jetstream/stream-definitions.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { leakGuard } from '../support/children.ts';
import { api, bytes, configOf, openConnection, textOf, type LogLine, type Opened } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../../streams/', import.meta.url));
const names = namesFor('opstream');
const allNames = [
  ...Object.values(names.streams),
  ...Object.values(names.buckets).map((bucket) => `KV_${bucket}`),
].sort();

const findCli = async (): Promise<string | undefined> => {
  const path = process.env['OPSTREAM_NATS_CLI'] ?? 'nats';
  return run(path, ['--version']).then(
    () => path,
    () => undefined,
  );
};
const cli = await findCli();
const noCli =
  cli === undefined &&
  `the nats CLI is not there (${process.env['OPSTREAM_NATS_CLI_MISSING'] ?? 'OPSTREAM_NATS_CLI or PATH'})`;

let server: TestServer;
let connection: JetStreamConnection;
let lines: LogLine[];
let opened: Opened[] = [];

const open = async (name: string): Promise<JetStreamConnection> => {
  const one = await openConnection(server, name);
  opened.push(one);
  return one.connection;
};
const streamNames = async (): Promise<readonly string[]> =>
  [...(((await api(connection, 'STREAM.NAMES'))['streams'] ?? []) as readonly string[])].sort();
const create = async (config: Readonly<Record<string, unknown>>): Promise<void> =>
  assert.equal((await api(connection, `STREAM.CREATE.${String(config['name'])}`, config)).error, undefined);
const changes = (): readonly unknown[] =>
  lines.filter(({ message }) => message === 'stream changed to its definition').map(({ fields }) => fields);
const definitionOf = (name: string): Readonly<Record<string, unknown>> => {
  const found = readStreamDefinitions({ prefix: 'opstream' }).find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
};
const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isFault(error), `expected a fault, got ${String(error)}`);
  return error;
};

beforeEach(async () => {
  server ??= await startNatsServer();
  const own = await openConnection(server, 'test');
  opened = [own];
  ({ connection, lines } = own);
  for (const name of await streamNames()) await api(connection, `STREAM.DELETE.${name}`);
});
afterEach(async () => {
  for (const one of opened) await one.connection.close();
});
after(async () => {
  await server.stop();
});

describe('provisioning', () => {
  it('makes everything once, though four do it at the same time, and then changes nothing', async () => {
    assert.deepEqual([...(await missingStreams(connection, 'opstream'))].sort(), allNames);
    const connections = await Promise.all(['a', 'b', 'c', 'd'].map(open));
    await Promise.all(connections.map((one) => provision(one, { prefix: 'opstream' })));
    assert.deepEqual(await streamNames(), allNames);
    assert.deepEqual(await missingStreams(connection, 'opstream'), []);
    await provision(connection, { prefix: 'opstream' });
    assert.deepEqual(changes(), []);
    for (const definition of readStreamDefinitions({ prefix: 'opstream' })) {
      const config = await configOf(connection, definition.name);
      for (const [field, expected] of Object.entries(definition))
        assert.deepEqual(config[field] ?? false, expected, `${definition.name} ${field}`);
    }
  });

  it('makes a second instance beside the first, whose events are republished under its own prefix', async () => {
    await provision(connection, { prefix: 'opstream' });
    await provision(connection, { prefix: 'team-a' });
    assert.equal((await streamNames()).length, allNames.length * 2);
    const other = namesFor('team-a');
    const seen: string[] = [];
    connection.nc.subscribe('*.live.>', { callback: (_error, message) => seen.push(message.subject) });
    const ref = { kind: 'resource', workspace: 'ws', name: 'thing' } as const;
    const status = { operator: 'op', workspace: 'ws', name: 'thing' };
    for (const subject of [other.event(ref), other.status(status), other.outcome('c1')])
      await connection.slots.request(subject, bytes('{}'));
    await waitFor(() => seen.length === 3, { what: 'three live messages' });
    assert.deepEqual(seen, [other.liveEvent(ref), other.liveStatus(status), other.liveOutcome('c1')]);
  });

  it('bounds the statuses of each resource in an older stream, and keeps the last ones of each', async () => {
    const { status } = names.streams;
    await create({ ...definitionOf(status), max_msgs_per_subject: -1 });
    const subjectOf = (name: string): string => names.status({ operator: 'op', workspace: 'ws', name });
    await connection.slots.request(subjectOf('quiet'), bytes('only'));
    for (let index = 1; index <= 1100; index += 1) connection.nc.publish(subjectOf('chatty'), bytes(`${index}`));
    await connection.slots.request(subjectOf('chatty'), bytes('last'));
    await provision(connection, { prefix: 'opstream' });
    assert.deepEqual(changes(), [{ stream: status, fields: ['max_msgs_per_subject'] }]);
    const reader = createStreamReader(connection, status);
    const kept = await reader.readSubject(subjectOf('chatty'));
    assert.equal(kept.length, 1000);
    assert.equal(textOf(kept.at(-1)?.data ?? bytes('')), 'last');
    assert.equal((await reader.readSubject(subjectOf('quiet'))).length, 1);
    await connection.slots.request(subjectOf('chatty'), bytes('newer'));
    assert.equal((await reader.readSubject(subjectOf('chatty'))).length, 1000);
    assert.equal((await reader.readSubject(subjectOf('quiet'))).length, 1, 'the last of each resource stays for ever');
  });

  it('adds to an older stream what takes nothing away, and keeps its messages', async () => {
    const { republish: _republish, allow_atomic: _atomic, ...older } = definitionOf(names.streams.events);
    await create({ ...older, duplicate_window: 60_000_000_000, max_msg_size: 65_536, metadata: { team: 'x' } });
    await connection.slots.request('opstream.event.00.resource.ws.a', bytes('{}'));
    const connections = await Promise.all(['a', 'b', 'c', 'd'].map(open));
    await Promise.all(connections.map((one) => provision(one, { prefix: 'opstream' })));
    const config = await configOf(connection, names.streams.events);
    for (const field of ['republish', 'allow_atomic', 'duplicate_window', 'max_msg_size'])
      assert.deepEqual(config[field], definitionOf(names.streams.events)[field]);
    assert.equal((config['metadata'] as Record<string, string>)['team'], 'x');
    const info = await api(connection, `STREAM.INFO.${names.streams.events}`);
    assert.equal((info['state'] as { messages: number }).messages, 1);
  });

  it('switches compression off on a single server, and remembers that the older blocks are compressed', async () => {
    const name = names.streams.events;
    await create({ ...definitionOf(name), compression: 's2', metadata: { team: 'x' } });
    await provision(connection, { prefix: 'opstream' });
    const config = await configOf(connection, name);
    assert.equal(config['compression'] ?? 'none', 'none');
    const metadata = config['metadata'] as Record<string, string>;
    assert.equal(metadata['team'], 'x');
    assert.equal(metadata['opstream.compressed'], 'its older blocks are');
    // A second start finds nothing to change, and takes no mark away.
    await provision(connection, { prefix: 'opstream' });
    assert.equal(changes().length, 1);
    // Those blocks would be copied to the replicas as they are.
    const fault = await faultOf(provision(connection, { prefix: 'opstream', replicas: 3, only: [name] }));
    assert.equal(fault.code, 'STREAM_COMPRESSED');
    assert.equal(fault.retry, 'never');
    for (const part of [name, '3 replicas', 'when it was compressed', 'opstream backup', 'opstream restore'])
      assert.ok(fault.message.includes(part), fault.message);
    assert.deepEqual(await configOf(connection, name), config);
  });

  it('makes no stream that is compressed and replicated, whatever its definition says', async () => {
    const stream = { name: 'PACKED', subjects: ['packed.>'], compression: 's2', num_replicas: 3 };
    const fault = await faultOf(ensureStream(connection, stream));
    assert.equal(fault.code, 'STREAM_COMPRESSED');
    assert.deepEqual(await streamNames(), []);
  });

  for (const [field, found] of [
    ['storage', 'memory'],
    ['duplicate_window', 3_600_000_000_000],
    ['max_msg_size', -1],
    ['deny_purge', false],
    ['subjects', ['opstream.event.>', 'more.>']],
  ] as const) {
    it(`refuses a stream whose ${field} would have to be taken away from, and leaves it as it is`, async () => {
      const name = names.streams.events;
      await create({ ...definitionOf(name), [field]: found });
      const before = await configOf(connection, name);
      const fault = await faultOf(provision(connection, { prefix: 'opstream' }));
      assert.equal(fault.code, 'STREAM_DRIFT');
      assert.equal(fault.retry, 'never');
      assert.deepEqual(fault.details['drift'], [{ field, expected: definitionOf(name)[field], found }]);
      assert.ok(fault.message.includes(name) && fault.message.includes(field), fault.message);
      assert.deepEqual(await configOf(connection, name), before);
    });
  }
});

describe('channel streams', () => {
  const channel = (...subjects: readonly string[]) => ({ prefix: 'opstream', stream: 'CHAN', subjects });
  const subjectsOf = async (): Promise<readonly string[]> =>
    [...((await configOf(connection, 'CHAN'))['subjects'] as readonly string[])].sort();

  it('get the subjects of all operators, though they are added at the same time', async () => {
    await provision(connection, { prefix: 'opstream' });
    const connections = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(open));
    await Promise.all(
      connections.map((one, index) => ensureChannelStream(one, channel(`chan.op${index}`, 'chan.all'))),
    );
    assert.deepEqual(await subjectsOf(), ['chan.all', 'chan.op0', 'chan.op1', 'chan.op2', 'chan.op3', 'chan.op4']);
    await ensureChannelStream(connection, channel('chan.op3'));
    assert.equal((await subjectsOf()).length, 6);
    const config = await configOf(connection, 'CHAN');
    assert.equal(config['retention'], 'limits');
    assert.equal(config['max_age'], 7 * 24 * 3600 * 1e9);
    assert.equal((config['metadata'] as Record<string, string>)['opstream.owner'], 'opstream');
  });

  it('are not taken from somebody else', async () => {
    for (const metadata of [{}, { 'opstream.owner': 'team-a' }]) {
      await api(connection, 'STREAM.DELETE.CHAN');
      await create({ name: 'CHAN', subjects: ['theirs.>'], metadata });
      const fault = await faultOf(ensureChannelStream(connection, channel('chan.op')));
      assert.equal(fault.code, 'JS_REFUSED');
      assert.equal(fault.retry, 'never');
      assert.deepEqual(fault.details['conflicts'], [{ stream: 'CHAN' }]);
      assert.deepEqual(await subjectsOf(), ['theirs.>']);
    }
  });

  it('do not get a subject that another stream has, whichever is the wider', async () => {
    await provision(connection, { prefix: 'opstream' });
    await create({ name: 'OTHER', subjects: ['other.*.x'] });
    await ensureChannelStream(connection, channel('chan.op'));
    for (const [subject, stream] of [
      ['other.a.x', 'OTHER'],
      ['other.>', 'OTHER'],
      ['opstream.event.00.resource.ws.a', names.streams.events],
    ] as const) {
      const expected = [{ stream, subject }];
      assert.deepEqual(await findChannelConflicts(connection, channel('chan.op', subject)), expected);
      const fault = await faultOf(ensureChannelStream(connection, channel('chan.op', subject)));
      assert.equal(fault.code, 'JS_REFUSED');
      assert.deepEqual(fault.details['conflicts'], expected);
      assert.ok(fault.message.includes(stream) && fault.message.includes(subject), fault.message);
    }
    assert.deepEqual(await subjectsOf(), ['chan.op']);
    assert.deepEqual(await findChannelConflicts(connection, channel('chan.op', 'chan.new')), []);
  });
});

describe('streams/*.json with the nats CLI', { skip: noCli }, () => {
  const nats = (...args: readonly string[]) => run(cli ?? '', ['--server', server.url, ...args], { timeout: 20_000 });

  it('are valid, and make streams that provisioning leaves as they are', async () => {
    const files = readdirSync(folder);
    assert.equal(files.length, allNames.length);
    for (const file of files) {
      const name = file.replace('.json', '');
      await nats('stream', 'add', name, '--config', `${folder}${file}`, '--validate');
      await nats('stream', 'add', name, '--config', `${folder}${file}`);
    }
    assert.deepEqual(await streamNames(), allNames);
    await provision(connection, { prefix: 'opstream' });
    assert.deepEqual(changes(), []);
    const { stdout } = await nats('kv', 'ls', '--names');
    for (const bucket of Object.values(names.buckets)) assert.ok(stdout.includes(bucket), stdout);
  });
});
