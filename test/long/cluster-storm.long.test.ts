// What an instance on three servers keeps when they are killed: it begins as a single server whose streams were compressed, is moved by backup
// and restore, and then loses leaders, two nodes, all nodes, and each in turn, under load. Afterwards every node in turn leads every stream and
// shows every message that was ever acknowledged.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createFollower } from '../../src/jetstream/follower.ts';
import { ensureStream, provision } from '../../src/jetstream/provision.ts';
import { readStreamDefinitions } from '../../src/jetstream/stream-definitions.ts';
import type { Client } from '../../src/client/types.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { temporaryFolder } from '../support/children.ts';
import { bodyOf, startLoad, type Load } from '../support/cluster-load.ts';
import { textOf } from '../support/jetstream.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { startNatsCluster, type ClusterNode, type TestCluster } from '../support/nats-cluster.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { clientOf, programs } from '../support/running-instance.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const names = namesFor('opstream');
const { streams, buckets } = names;
/** A stream like OPSTREAM_EVENTS, for load that the projector need not understand. */
const LOAD = { stream: 'LOAD', subject: 'load.a' } as const;
const OF_INSTANCE = [...Object.values(streams), ...Object.values(buckets).map((bucket) => `KV_${bucket}`)];
const ALL = [...OF_INSTANCE, LOAD.stream, 'op-channel'];
/** Acknowledged between two steps of the storm, so that each of them meets load. */
const STEP = 6000;

const folder = temporaryFolder();
/** Of what `before` starts and ends by itself, for when it does not come so far. */
const cleanups: (() => Promise<unknown>)[] = [];
let cluster: TestCluster;
let load: Load;
let client: Client;
let processes: TestProcess[] = [];
/** What became of those that ended by themselves. */
const endings: string[] = [];
/** Sequence of the event by the command id of each receipt that said accepted. */
const receipts = new Map<string, number>();
let applying: Promise<void>;
const stopApplying = new AbortController();

const startPrograms = (url: string, copies: number, env: Readonly<Record<string, string>> = {}): TestProcess[] =>
  programs.flatMap((program) =>
    Array.from({ length: copies }, () =>
      startProcess(`dist/processes/${program}.js`, { name: program, env: { OPSTREAM_NATS_URL: url, ...env } }),
    ),
  );
/** Until the server, the streams, the services and the leases are all there. */
const whole = (url: string): Promise<boolean> =>
  waitFor(async () => (await opstreamAt(url, 'doctor')).code === 0, {
    ...{ timeoutMs: 90_000, intervalMs: 500, what: `the instance at ${url} to be whole` },
  });

const applyOne = async (number: number): Promise<void> => {
  const commandId = `storm-${number}`;
  for (;;) {
    try {
      const receipt = await client.send('apply', datasetOf('op', `r${number % 50}`, { number }), { commandId });
      assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
      receipts.set(commandId, receipt.events?.[0]?.sequence ?? 0);
      return;
    } catch (error) {
      // No answer, and no command-handler: the same id again.
      if (!(error instanceof Error) || error.name !== 'Fault') throw error;
    }
  }
};

/** A single server as an earlier release left it: compressed, with a history. Its backup. */
const olderInstance = async (): Promise<string> => {
  const backup = join(folder.path, 'backup');
  const server = await startNatsServer();
  const connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  for (const definition of readStreamDefinitions({ prefix: 'opstream' }))
    await ensureStream(connection, { ...definition, compression: 's2' });
  await provision(connection, { prefix: 'opstream' });
  const started = startPrograms(server.url, 1);
  cleanups.push(...started.map((one) => () => one.kill9()), () => server.stop());
  const older = await clientOf(server.url);
  await whole(server.url);
  await mustApply(older, operatorNamed('op'));
  for (let number = 0; number < 50; number += 1) {
    const receipt = await mustApply(older, datasetOf('op', `r${number}`, { number: -1 }), {
      commandId: `old-${number}`,
    });
    receipts.set(`old-${number}`, receipt.events?.[0]?.sequence ?? 0);
  }
  await older.close();
  await Promise.all(started.map((one) => one.terminate()));
  const { code, err } = await opstreamAt(server.url, 'backup', backup);
  assert.equal(code, 0, err);
  await connection.close();
  await server.stop();
  return backup;
};

before(async () => {
  const backup = await olderInstance();
  cluster = await startNatsCluster();
  const restored = await opstreamAt(cluster.url, 'restore', backup, '--replicas', '3');
  assert.equal(restored.code, 0, restored.err);
  const connection = await connectNats({ url: cluster.url, name: 'test', log: silentLog });
  await ensureStream(connection, {
    ...{ name: LOAD.stream, subjects: [LOAD.subject], num_replicas: 3, compression: 'none', storage: 'file' },
    ...{ deny_delete: true, deny_purge: true, allow_direct: true, duplicate_window: 300_000_000_000 },
  });
  await connection.close();
  processes = startPrograms(cluster.url, 2, { OPSTREAM_STREAM_REPLICAS: '3' });
  for (const one of processes) void one.ended.then(({ code }) => endings.push(`${one.name} ended with ${code}`));
  client = await clientOf(cluster.url);
  await whole(cluster.url);
  load = await startLoad(cluster.url, LOAD.subject);
  let number = 0;
  const apply = async (): Promise<void> => {
    while (!stopApplying.signal.aborted) await applyOne((number += 1));
  };
  applying = Promise.all([apply(), apply(), apply(), apply()]).then(() => undefined);
  applying.catch(() => undefined);
});
after(async () => {
  stopApplying.abort();
  await load?.stop();
  await client?.close();
  await Promise.all(processes.map((one) => one.kill9()));
  await cluster?.stop();
  for (const cleanup of cleanups) await cleanup();
  folder.remove();
});

/** Load goes on: so many more messages are acknowledged, and some more commands. */
const underLoad = async (): Promise<void> => {
  const [messages, commands] = [load.acknowledged.size + STEP, receipts.size + 5];
  await waitFor(() => load.acknowledged.size >= messages && receipts.size >= commands, {
    timeoutMs: 90_000,
    what: 'load to go on',
  });
};

const killAndStart = async (nodes: readonly ClusterNode[]): Promise<void> => {
  await underLoad();
  await Promise.all(nodes.map((node) => node.kill9()));
  // With a majority left the load goes on without them.
  if (nodes.length === 1) await underLoad();
  await Promise.all(nodes.map((node) => node.start()));
  await cluster.settled(ALL, 120_000);
};

/** Everything that the stream's leader has. */
const contents = async (connection: JetStreamConnection, stream: string) => {
  const found: { readonly sequence: number; readonly id: string; readonly text: string }[] = [];
  const done = new AbortController();
  await createFollower(connection, stream).follow({
    fromSequence: 1,
    signal: done.signal,
    onEmpty: () => done.abort(),
    onBatch: (batch, pending) => {
      for (const { sequence, header, data } of batch)
        found.push({ sequence, id: header('Nats-Msg-Id') ?? '', text: textOf(data) });
      if (pending === 0) done.abort();
    },
  });
  return found;
};

describe('a cluster of three that is killed under load', () => {
  it('goes on after leaders were killed: of the load and of the events, by turns', async () => {
    for (const stream of [LOAD.stream, streams.events, LOAD.stream, streams.events, LOAD.stream]) {
      const leader = await waitFor(() => cluster.leaderOf(stream), { what: 'a leader' });
      await killAndStart([leader]);
    }
  });

  it('goes on after two of three were killed', async () => {
    await killAndStart(cluster.nodes.slice(0, 2));
  });

  it('goes on after all three were killed', async () => {
    await killAndStart(cluster.nodes);
  });

  it('goes on through a rolling restart', async () => {
    for (const node of cluster.nodes) {
      await underLoad();
      await node.terminate();
      await node.start();
      await cluster.settled(ALL, 120_000);
    }
    await underLoad();
  });

  it('shows every message that was acknowledged through every node, once', async (test) => {
    stopApplying.abort();
    await applying;
    await load.stop();
    await cluster.settled(ALL);
    for (const node of cluster.nodes) {
      const connection = await connectNats({ url: node.url, name: 'test', log: silentLog });
      for (const stream of [LOAD.stream, streams.events]) {
        await cluster.lead(stream, node);
        const found = await contents(connection, stream);
        const bySequence = new Map(found.map((one) => [one.sequence, one]));
        assert.equal(bySequence.size, found.at(-1)?.sequence, `${stream} through ${node.name} has holes`);
        if (stream === LOAD.stream) {
          for (const [id, sequence] of load.acknowledged) {
            assert.equal(bySequence.get(sequence)?.id, id, `${node.name} #${sequence}`);
            assert.equal(bySequence.get(sequence)?.text, bodyOf(id));
          }
          assert.equal(new Set(found.map(({ id }) => id)).size, found.length, 'a message was stored twice');
        } else {
          const commands = found.map(({ text }) => (JSON.parse(text) as { readonly commandid: string }).commandid);
          assert.equal(new Set(commands).size, commands.length, 'a command was carried out twice');
          for (const [commandId, sequence] of receipts)
            assert.ok(bySequence.get(sequence)?.text.includes(`"${commandId}"`), `${node.name} ${commandId}`);
        }
      }
      await connection.close();
    }
    for (const node of cluster.nodes) assert.doesNotMatch(node.log(), /compression reader|unsupported input|corrupt/i);
    test.diagnostic(
      `${load.acknowledged.size} messages and ${receipts.size} commands were acknowledged, 0 lost, 0 twice`,
    );
  });

  it('leaves processes that never ended, and views that equal the streams', async () => {
    assert.deepEqual(endings, []);
    const { code, out, err } = await opstreamAt(cluster.url, 'verify');
    assert.equal(code, 0, out + err);
    const doctor = await opstreamAt(cluster.url, 'doctor');
    assert.equal(doctor.code, 0, doctor.out + doctor.err);
  });
});
