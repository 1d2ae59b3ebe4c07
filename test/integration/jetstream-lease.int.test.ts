// Leases on a real server: never two holders, take-over after a release and after a kill, and giving up in time.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lease, LeaseKeeper } from '../../src/engine/ports/leases.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createLeaseKeeper } from '../../src/jetstream/lease-keeper.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { rawHeaders } from '../../src/jetstream/raw-headers.ts';
import { systemClock } from '../../src/program/clock.ts';
import { ended, leakGuard, track } from '../support/children.ts';
import { api, bytes, keptLog, openConnection, textOf } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const BUCKET = 'opstream-leases';
const TTL_MS = 2000;
let server: TestServer;
let connection: JetStreamConnection;

const keeperOn = (on: JetStreamConnection): LeaseKeeper =>
  createLeaseKeeper(on, { bucket: BUCKET, clock: systemClock, log: keptLog().log });
const never = new AbortController().signal;
const acquire = async (keeper: LeaseKeeper, name: string, holder: string, ttlMs = TTL_MS): Promise<Lease> => {
  const lease = await keeper.acquire(name, { ttlMs, holder, signal: AbortSignal.timeout(20_000) });
  assert.ok(lease !== undefined);
  return lease;
};
type Entry = { readonly revision: number; readonly value: Readonly<Record<string, unknown>> };
const entryOf = async (name: string, on = connection): Promise<Entry | undefined> => {
  const { message } = (await api(on, `STREAM.MSG.GET.KV_${BUCKET}`, {
    last_by_subj: `$KV.${BUCKET}.${name}`,
  })) as {
    readonly message?: { readonly seq: number; readonly data?: string };
  };
  if (message === undefined) return undefined;
  const text = Buffer.from(message.data ?? '', 'base64').toString();
  return { revision: message.seq, value: text === '' ? {} : (JSON.parse(text) as Entry['value']) };
};
const overwrite = async (name: string, value: unknown, ttl: string | undefined = '30s'): Promise<number> => {
  const headers = ttl === '' ? {} : { headers: rawHeaders({ 'Nats-TTL': ttl }) };
  const message = await connection.slots.request(`$KV.${BUCKET}.${name}`, bytes(JSON.stringify(value)), headers);
  return (JSON.parse(textOf(message.data)) as { seq: number }).seq;
};
const renewals = (name: string, from: number, on = connection): Promise<Entry> =>
  waitFor(
    async () => {
      const entry = await entryOf(name, on);
      return entry !== undefined && entry.revision > from ? entry : undefined;
    },
    { what: 'a renewal' },
  );

before(async () => {
  server = await startNatsServer();
  ({ connection } = await openConnection(server));
  await provision(connection, { prefix: 'opstream' });
});
after(async () => {
  await connection.close();
  await server.stop();
});

/** A program that holds a lease until it is killed. */
const startHolder = async (name: string): Promise<ChildProcess> => {
  const source = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  const script = `
    import { connectNats } from ${source('src/jetstream/connection.ts')};
    import { createLeaseKeeper } from ${source('src/jetstream/lease-keeper.ts')};
    import { systemClock } from ${source('src/program/clock.ts')};
    import { silentLog as log } from ${source('test/support/silent-log.ts')};
    const connection = await connectNats({ url: ${JSON.stringify(server.url)}, name: 'holder', log });
    const keeper = createLeaseKeeper(connection, { bucket: '${BUCKET}', clock: systemClock, log });
    await keeper.acquire('${name}', { ttlMs: ${TTL_MS}, holder: 'child', signal: new AbortController().signal });
    process.stdout.write('held');`;
  const child = track(
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
    'holder of a lease',
  );
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitFor(() => output === 'held', { what: 'the lease in the other program', timeoutMs: 30_000 });
  return child;
};

describe('lease', () => {
  it('is never held by two of many contenders, and each holder has a larger token', async () => {
    const opened = await Promise.all(Array.from({ length: 4 }, (_, index) => openConnection(server, `c${index}`)));
    let holders = 0;
    let mostHolders = 0;
    const tokens: number[] = [];
    const contend = async (keeper: LeaseKeeper, holder: string): Promise<void> => {
      for (let turn = 0; turn < 2; turn += 1) {
        const lease = await acquire(keeper, 'crowd', holder);
        holders += 1;
        mostHolders = Math.max(mostHolders, holders);
        tokens.push(lease.token);
        // Others must have the time to look: a few round trips.
        for (let trip = 0; trip < 20; trip += 1) await connection.nc.flush();
        assert.equal(lease.lost.aborted, false);
        holders -= 1;
        await lease.release();
      }
    };
    await Promise.all(opened.map(({ connection: on }, index) => contend(keeperOn(on), `h${index}`)));
    await Promise.all(opened.map(({ connection: on }) => on.close()));
    assert.equal(mostHolders, 1);
    assert.equal(tokens.length, 8);
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((a, b) => a - b),
    );
  });

  it('is renewed while it is held, and taken over within the ttl and a second after a kill -9', async () => {
    const child = await startHolder('killed');
    const acquired = await entryOf('killed');
    assert.ok(acquired !== undefined);
    assert.equal(acquired.value['holder'], 'child');
    let isTaken = false;
    const waiting = acquire(keeperOn(connection), 'killed', 'standby').then((lease) => {
      isTaken = true;
      return lease;
    });
    // Past its first ttl: four renewals, a third of the ttl apart.
    let revision = acquired.revision;
    for (let count = 0; count < 4; count += 1) ({ revision } = await renewals('killed', revision));
    assert.equal(isTaken, false, 'taken from a holder that lives');
    child.kill('SIGKILL');
    await ended(child);
    const killedMs = performance.now();
    const standby = await waiting;
    const tookMs = performance.now() - killedMs;
    assert.ok(tookMs < TTL_MS + 1000, `taken over after ${Math.round(tookMs)} ms`);
    assert.ok(standby.token > revision);
    await standby.release();
  });

  it('is taken over at once when it is released', async () => {
    const lease = await acquire(keeperOn(connection), 'released', 'first', 30_000);
    const next = acquire(keeperOn(connection), 'released', 'second', 30_000);
    await connection.nc.flush();
    const releasedMs = performance.now();
    await lease.release();
    const second = await next;
    assert.ok(performance.now() - releasedMs < 1500);
    assert.ok(second.token > lease.token);
    assert.equal(lease.lost.aborted, false, 'given back, not lost');
    await second.release();
  });

  it('is given up before the ttl is over when the server is away', async () => {
    const own = await startNatsServer();
    const { connection: on } = await openConnection(own, 'lonely');
    try {
      await provision(on, { prefix: 'opstream' });
      const lease = await acquire(keeperOn(on), 'lonely', 'me');
      const goneMs = performance.now();
      await own.kill9();
      await waitFor(() => lease.lost.aborted, { what: 'the loss', intervalMs: 5 });
      const tookMs = performance.now() - goneMs;
      assert.ok(tookMs < TTL_MS, `lost after ${Math.round(tookMs)} ms`);
      await lease.release();
    } finally {
      await on.close();
      await own.stop();
    }
  });

  it('is kept over a restart of the server that is shorter than the ttl', async () => {
    const own = await startNatsServer();
    const { connection: on, lines } = await openConnection(own, 'patient');
    try {
      await provision(on, { prefix: 'opstream' });
      const lease = await acquire(keeperOn(on), 'patient', 'me', 6000);
      await own.kill9();
      await own.restart();
      await waitFor(() => lines.some(({ message }) => message === 'reconnected to NATS'), { what: 'the connection' });
      const { value } = await renewals('patient', lease.token, on);
      assert.equal(value['token'], lease.token);
      await lease.release();
      assert.equal(lease.lost.aborted, false);
    } finally {
      await on.close();
      await own.stop();
    }
  });

  it('is lost when somebody else has the key, and then not taken from them', async () => {
    const lease = await acquire(keeperOn(connection), 'stolen', 'me');
    const revision = await overwrite('stolen', { holder: 'thief' });
    await waitFor(() => lease.lost.aborted, { what: 'the loss' });
    await lease.release();
    const entry = await entryOf('stolen');
    assert.deepEqual([entry?.revision, entry?.value['holder']], [revision, 'thief']);
  });

  it('is kept by its holder when something that is no lease was stored over it', async () => {
    const lease = await acquire(keeperOn(connection), 'scribbled', 'me');
    let { revision } = await renewals('scribbled', lease.token);
    for (const [value, ttl] of [
      [{ type: 'io.nats.micro.v1.ping_response' }, '30s'],
      ['text', ''],
    ] as const) {
      revision = await overwrite('scribbled', value, ttl);
      const entry = await renewals('scribbled', revision);
      assert.equal(entry.value['token'], lease.token);
    }
    assert.equal(lease.lost.aborted, false);
    await lease.release();
  });

  it('is taken over within a ttl and a second from what is no lease, or has no time to live', async () => {
    const foreign = [
      ['pong', { type: 'io.nats.micro.v1.ping_response', name: 'x' }, '99s'],
      ['list', [1, 2], '99s'],
      ['for-ever', { holder: 'somebody', token: 4 }, ''],
    ] as const;
    const takeOver = async ([name, value, ttl]: (typeof foreign)[number]): Promise<void> => {
      const revision = await overwrite(name, value, ttl);
      const lease = await acquire(keeperOn(connection), name, 'me');
      assert.ok(lease.token > revision);
      await lease.release();
    };
    await Promise.all(foreign.map(takeOver));
  });

  it('is left to a holder whose time to live is longer than that of who waits', async () => {
    await overwrite('patient', { holder: 'slow', token: 1 }, '60s');
    const stop = AbortSignal.timeout(3500);
    assert.equal(await keeperOn(connection).acquire('patient', { ttlMs: 1000, holder: 'me', signal: stop }), undefined);
  });

  it('is kept when a renewal was stored and only its answer got lost', async () => {
    const lease = await acquire(keeperOn(connection), 'unanswered', 'me');
    let { revision } = await renewals('unanswered', lease.token);
    revision = await overwrite('unanswered', { holder: 'me', token: lease.token });
    for (let count = 0; count < 4; count += 1) ({ revision } = await renewals('unanswered', revision));
    assert.equal(lease.lost.aborted, false);
    await lease.release();
    assert.deepEqual((await entryOf('unanswered'))?.value, {}, 'released');
  });

  it('is given back when it is released in the middle of a renewal', async () => {
    const lease = await acquire(keeperOn(connection), 'busy', 'me', 3000);
    let released: Promise<void> = Promise.resolve();
    process.kill(server.pid, 'SIGSTOP');
    try {
      await waitFor(() => connection.slots.openCount > 0, { what: 'a renewal', intervalMs: 5 });
      released = lease.release();
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    await released;
    assert.deepEqual((await entryOf('busy'))?.value, {});
  });

  it('is not waited for any longer when the signal aborts, and nothing is left behind', async () => {
    const lease = await acquire(keeperOn(connection), 'waited', 'me');
    const stopping = new AbortController();
    const waiting = keeperOn(connection).acquire('waited', { holder: 'other', signal: stopping.signal });
    await connection.nc.flush();
    stopping.abort();
    assert.equal(await waiting, undefined);
    await lease.release();
    assert.deepEqual((await entryOf('waited'))?.value, {});

    // Aborted while the write is under way: the key is written, and given back.
    const late = new AbortController();
    const taking = keeperOn(connection).acquire('late', { holder: 'other', signal: late.signal });
    late.abort();
    assert.equal(await taking, undefined);
    assert.deepEqual((await entryOf('late'))?.value, {});
  });

  it('has a name that is a token', async () => {
    await assert.rejects(keeperOn(connection).acquire('a.b', { holder: 'me', signal: never }));
  });
});
