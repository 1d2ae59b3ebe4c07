// The Hightouch operator, killed at every point of its work: see kill-everywhere.ts. Each resource has a model and a sync of its own, and there is
// one of each too.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { silentLog } from '../../src/program/logger.ts';
import { defaultOptions } from '../../src/stand-ins/hightouch/options.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/hightouch/server.ts';
import { openLane } from '../support/adf-lane.ts';
import { buildPrograms } from '../support/built-programs.ts';
import { assertKilled, isEveryKill, killAll, killEverywhere, type KilledOperator } from '../support/kill-everywhere.ts';
import { model, sync, type AdminRun } from '../support/hightouch-component.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard } from '../support/processes.ts';

leakGuard();

const STEP = isEveryKill ? 1 : 30;
const LANES = 8;

let server: TestServer;
let connection: JetStreamConnection;
let standIn: StandIn;
let programs: string;

before(async () => {
  programs = await buildPrograms();
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await provision(connection, { prefix: 'opstream' });
  standIn = await startStandIn({ queuedMs: 30, runMs: 60, rateLimit: 100_000 });
});

after(async () => {
  await killAll();
  await connection.close();
  await standIn.close();
  await server.stop();
});

const ask = async <T>(path: string): Promise<readonly T[]> =>
  ((await (await fetch(`${standIn.adminUrl}/${path}`)).json()) as { readonly value: readonly T[] }).value;

/** `LANE/RESOURCE` of a slug. */
const ownerOf = (slug: string): string => slug.replace(/-(run-\d+)$/, '/$1');

const hightouch: KilledOperator = {
  ways: ['killed', 'answer lost, then killed', 'killed twice'],
  openLane: (name) =>
    openLane({
      ...{ programs, server, connection, name, operator: 'hightouch' },
      spec: (resource) => ({
        model: { ...model, slug: `model-${name}-${resource}` },
        sync: { ...sync, slug: `${name}-${resource}` },
        trigger: { fullResync: true },
      }),
      env: {
        HIGHTOUCH_SECRET: defaultOptions.apiKey,
        HIGHTOUCH_SERVICE_URL: standIn.url,
        HIGHTOUCH_BASE_PATH: standIn.options.basePath,
        HIGHTOUCH_POLL_INTERVAL: '50ms',
        HIGHTOUCH_RUN_SEARCH_GRACE: '3s',
      },
    }),
  // Of whichever lane starts next: all are held to the same.
  loseAnswer: async () => {
    const fault = { kind: 'drop-after-accept', match: { operation: 'TriggerRunCustom' } };
    const headers = { 'content-type': 'application/json' };
    const said = await fetch(`${standIn.adminUrl}/faults`, { method: 'POST', headers, body: JSON.stringify(fault) });
    assert.ok(said.ok, await said.text());
  },
  started: async () => {
    const syncs = await ask<{ readonly slug: string }>('syncs');
    const runs = await ask<AdminRun>('runs');
    assert.deepEqual([...new Set(runs.map(({ status, triggers }) => `${status} ${triggers}`))], ['success 1']);
    const owners = runs.map(({ syncSlug }) => ownerOf(syncSlug));
    assert.deepEqual(syncs.map(({ slug }) => ownerOf(slug)).toSorted(), owners.toSorted(), 'one sync each');
    return owners;
  },
};

test(
  'Hightouch, killed at every point of its work in turn: one run each',
  { timeout: isEveryKill ? 1_700_000 : 900_000 },
  async (context) => {
    const kills = await killEverywhere(hightouch, { name: 'turn', step: STEP, lanes: LANES });
    context.diagnostic(`${kills.count} kills at ${kills.places.size} places, one run each`);
    assertKilled(kills, STEP, { count: 200, places: 100 });
  },
);
