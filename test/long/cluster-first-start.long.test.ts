// The first start of an instance on a cluster that is not all there: eight processes begin when one of three servers runs, a node is killed while
// the streams are being made, and none of the eight ends.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connectNats } from '../../src/jetstream/connection.ts';
import { streamsOf } from '../../src/jetstream/stream-contents.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { startNatsCluster, type TestCluster } from '../support/nats-cluster.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { programs } from '../support/running-instance.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const { streams, buckets } = namesFor('opstream');
const ALL = [...Object.values(streams), ...Object.values(buckets).map((bucket) => `KV_${bucket}`)];
let cluster: TestCluster;
let processes: readonly TestProcess[] = [];
const endings: string[] = [];
const node = (index: number) => {
  const found = cluster.nodes[index];
  assert.ok(found !== undefined);
  return found;
};

before(async () => {
  cluster = await startNatsCluster();
});
after(async () => {
  await Promise.all(processes.map((one) => one.kill9()));
  await cluster?.stop();
});

describe('the first start on a cluster', () => {
  it('waits in each of eight processes while there is no majority', async () => {
    await node(1).terminate();
    await node(2).terminate();
    processes = [...programs, ...programs].map((name) =>
      startProcess(`src/processes/${name}.ts`, {
        name,
        env: { OPSTREAM_NATS_URL: cluster.url, OPSTREAM_STREAM_REPLICAS: '3' },
      }),
    );
    for (const one of processes) void one.ended.then(({ code }) => endings.push(`${one.name} ended with ${code}`));
    for (const one of processes) await one.waitForLine('waiting, and trying again', { timeoutMs: 60_000 });
    assert.deepEqual(endings, []);
  });

  it('goes on with each node that comes, and over one that is killed while the streams are made', async () => {
    await node(1).start();
    await node(2).start();
    const connection = await connectNats({ url: node(0).url, name: 'test', log: silentLog });
    await waitFor(async () => (await streamsOf(connection, 'opstream').catch(() => [])).length > 1, {
      ...{ timeoutMs: 90_000, what: 'the first streams' },
    });
    await node(2).kill9();
    await node(2).start();
    await waitFor(async () => (await opstreamAt(cluster.url, 'doctor')).code === 0, {
      ...{ timeoutMs: 120_000, intervalMs: 500, what: 'the instance to be whole' },
    });
    await cluster.settled(ALL);
    await connection.close();
    assert.deepEqual(endings, []);
  });

  it('ends in no process, and with three replicas of everything', async () => {
    const { out } = await opstreamAt(cluster.url, 'doctor');
    for (const stream of ALL) assert.match(out, new RegExp(`^ok {3}${stream}: .*3 replicas$`, 'm'));
    assert.deepEqual(endings, []);
  });
});
