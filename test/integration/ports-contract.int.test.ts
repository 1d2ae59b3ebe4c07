// The contract of the ports on a nats-server: the same cases as in memory (test/unit/testing/ports-contract.test.ts).

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createServerPorts } from '../../src/jetstream/server-ports.ts';
import { pause } from '../../src/jetstream/pause.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/program/clock.ts';
import { bucketCases, leaseCases } from '../contract-cases/buckets-and-leases.ts';
import { serviceCases } from '../contract-cases/services.ts';
import { streamCases } from '../contract-cases/streams.ts';
import type { ContractWorld } from '../contract-cases/world.ts';
import { leakGuard } from '../support/children.ts';
import { api, openConnection } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let server: TestServer;
let connections: readonly JetStreamConnection[] = [];
let made = 0;

before(async () => {
  server = await startNatsServer();
  const opened = [await openConnection(server, 'one'), await openConnection(server, 'other')];
  connections = opened.map(({ connection }) => connection);
  for (const connection of connections.slice(0, 1)) await provision(connection, { prefix: 'opstream' });
});
after(async () => {
  for (const connection of connections) await connection.close();
  await server.stop();
});

const makeStream = async (
  connection: JetStreamConnection,
  config: Record<string, unknown> & { readonly name: string },
): Promise<void> => {
  const whole = { storage: 'file', allow_direct: true, allow_atomic: true, ...config };
  assert.equal((await api(connection, `STREAM.CREATE.${config.name}`, whole)).error, undefined);
};

const newWorld = (): ContractWorld => {
  const [one, two] = connections;
  assert.ok(one !== undefined && two !== undefined);
  const portsOn = (connection: JetStreamConnection) =>
    createServerPorts(connection, { clock: systemClock, log: silentLog });
  return {
    ports: portsOn(one),
    other: portsOn(two),
    leaseBucket: namesFor('opstream').buckets.leases,
    newStream: async ({ retention = 'limits', maxPerSubject } = {}) => {
      const name = `contract-${(made += 1)}`;
      const limits = maxPerSubject === undefined ? {} : { max_msgs_per_subject: maxPerSubject };
      await makeStream(one, { name, subjects: [`${name}.>`], retention, ...limits });
      return name;
    },
    newBucket: async () => {
      const bucket = `contract-${(made += 1)}`;
      const config = { name: `KV_${bucket}`, subjects: [`$KV.${bucket}.>`], max_msgs_per_subject: 1 };
      await makeStream(one, { ...config, allow_rollup_hdrs: true });
      return bucket;
    },
    until: (condition, what) => waitFor(condition, { what, timeoutMs: 30_000 }),
    pass: (ms) => pause(ms),
  };
};

describe('the ports on a nats-server', () => {
  for (const { name, run } of [...streamCases, ...bucketCases, ...leaseCases, ...serviceCases])
    it(name, () => run(newWorld()));
});
