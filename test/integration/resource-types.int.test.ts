// Resource types end to end: four processes, a real server and two components made with the SDK, one for each type of one operator, each on
// its own channel. External names, actions and their cancellation, and schemas that change under resources.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { decodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createSubscriber } from '../../src/jetstream/subscriber.ts';
import type { EntityAnswer } from '../../src/messages/entity.ts';
import { systemClock } from '../../src/program/clock.ts';
import { uuidSource } from '../../src/program/ids.ts';
import {
  operate,
  type Entity,
  type OController,
  type ReconcileRequest,
  type StatusUpdate,
} from '../../src/sdk/index.ts';
import { mustApply } from '../support/manifests.ts';
import { leakGuard, nodeArguments } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const schema = (spec: JsonObject) => ({ jsonSchema: JSON.stringify({ type: 'object', ...spec }) });
const databaseSchema = (size: JsonObject) => schema({ properties: { size }, required: ['size'] });

const operatorWith = (size: JsonObject, rest: JsonObject = {}): JsonObject => ({
  name: 'shop',
  version: 'v1alpha',
  type: 'operator',
  operator: {
    components: [{ name: 'controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
    resources: [
      {
        name: 'database',
        nameJqFilter: '"\\(.workspace)-\\(.name)-\\(.resource.spec.size)"',
        specSchema: databaseSchema(size),
        actions: [
          { name: 'backup', specSchema: schema({ properties: { to: { type: 'string' } }, required: ['to'] }) },
          { name: 'restore' },
        ],
        natsApi: {
          command: { stream: 'shop-database', subject: 'shop.database' },
          query: { subject: 'shop.database.query', replySubject: 'shop.database.reply' },
        },
      },
      {
        name: 'import',
        isRunnable: true,
        natsApi: {
          command: { stream: 'shop-import', subject: 'shop.import' },
          query: { subject: 'shop.import.query', replySubject: 'shop.import.reply' },
        },
      },
    ],
    enabledWorkspaces: ['public', 'sandbox'],
    ...rest,
  },
});
const resource = (type: string, name: string, spec: JsonObject, workspace = 'public'): JsonObject => ({
  name,
  version: 'v1alpha',
  type: 'resource',
  workspace,
  resource: { operator: 'shop', type, spec },
});

type Seen = { readonly request: ReconcileRequest; readonly entity: Entity };
type Component = { readonly seen: Seen[]; stop(): Promise<void> };

/** Reports every run as succeeded, but a restore as going on until it is cancelled. */
const statusOf = ({ key, run }: Entity): StatusUpdate => {
  if (run === undefined) return { key, status: 'active' };
  const state = run.cancelRequested ? 'cancelled' : run.action === 'restore' ? 'inprogress' : 'succeeded';
  return { key, status: 'active', runtime: state, run: { id: run.id, state } };
};

const startComponent = (server: string, type: string): Component => {
  const stopping = new AbortController();
  const seen: Seen[] = [];
  let controller: OController | undefined;
  const running = operate(
    {
      reconciler: {
        id: () => type,
        init: (given) => {
          controller = given;
        },
        reconcile: async (request) => {
          const entity = await controller?.getEntity(request.key, request.type);
          if (controller === undefined || entity === undefined) return {};
          seen.push({ request, entity });
          const isDeleting = entity.deletionRequestedAt !== undefined;
          await controller.updateEntityStatus(isDeleting ? { key: entity.key, status: 'deleted' } : statusOf(entity));
          return {};
        },
      },
    },
    stopping.signal,
    {
      environment: {
        env: {
          OPSTREAM_NATS_URL: server,
          OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
          OPSTREAM_LEASE_TTL: '1s',
          OPERATOR_STATE_STORE_TYPE: 'memory',
          ENTITY_OF_INTEREST_MESSAGE_QUEUE: `shop-${type}-queue`,
          ENTITY_OF_INTEREST_MESSAGE_STREAM: `shop-${type}`,
          ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `shop.${type}`,
          ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: `shop.${type}.query`,
          ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: `shop.${type}.reply`,
        },
        argv: [],
      },
      log: silentLog,
      clock: systemClock,
      ids: uuidSource,
    },
  );
  return {
    seen,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

const runOpstream = (argv: readonly string[], env: Readonly<Record<string, string>>) =>
  new Promise<{ readonly code: number; readonly stderr: string }>((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 };
    const program = [...nodeArguments('src/cli/main.ts'), ...argv];
    const child = execFile(process.execPath, program, options, (_error, _stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stderr }),
    );
  });

let instance: RunningInstance;
let databases: Component;
let imports: Component;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 2 } });
  await mustApply(instance.client, operatorWith({ type: 'integer' }));
  databases = startComponent(instance.server.url, 'database');
  imports = startComponent(instance.server.url, 'import');
});
after(async () => {
  await databases.stop();
  await imports.stop();
  await instance.stop();
});

const get = async (name: string) => {
  const answer = await instance.client.query('get', { name });
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
  assert.ok(answer.value.type === 'resource');
  return answer.value;
};
const untilRuntime = (name: string, runtime: string) =>
  waitFor(async () => (await get(name)).summary.runtime === runtime, { what: `${name} ${runtime}`, timeoutMs: 15_000 });

describe('two types of one operator', () => {
  it('reach each its own component, and only a runnable one runs', async () => {
    await mustApply(instance.client, resource('database', 'books', { size: 3 }));
    await mustApply(instance.client, resource('import', 'nightly', { from: 'ftp' }));
    await untilRuntime('nightly', 'succeeded');
    await waitFor(async () => (await get('books')).summary.status === 'active', { what: 'books active' });
    assert.equal((await get('books')).summary.runtime, '');
    assert.deepEqual([...new Set(databases.seen.map(({ request }) => request.type))], ['database']);
    assert.deepEqual([...new Set(imports.seen.map(({ request }) => request.type))], ['import']);
  });

  it('are asked on their own query subjects (natsApi.query), and answer on their replySubject as well', async () => {
    const replies: EntityAnswer[] = [];
    const subscription = await createSubscriber(instance.connection).subscribe(
      'shop.database.reply',
      'test',
      ({ data }) => replies.push(decodeJson(data) as unknown as EntityAnswer),
    );
    for (const name of ['books', 'nightly']) {
      const answer = await instance.client.query('status', { name, refresh: true });
      assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
      assert.ok(answer.value.status !== undefined && 'key' in answer.value.status);
      assert.equal(answer.value.status.key, `public.${name}`);
    }
    await waitFor(() => replies.length > 0, { what: 'an answer on the reply subject' });
    assert.deepEqual(
      replies.map(({ status }) => status?.key),
      ['public.books'],
    );
    await subscription.stop();
  });

  it('give external names where the type says how', async () => {
    const { entity, summary } = await get('books');
    assert.equal(entity.externalName, 'public-books-3');
    assert.equal(summary.externalName, 'public-books-3');
    assert.ok(databases.seen.some(({ entity: seen }) => seen.externalName === 'public-books-3'));
    assert.equal((await get('nightly')).entity.externalName, undefined);
    const listed = await instance.client.query('list', { type: 'resource', resourceType: 'database' });
    assert.ok(listed.ok);
    assert.deepEqual(
      listed.value.items.map(({ externalName }) => externalName),
      ['public-books-3'],
    );
  });
});

describe('actions', () => {
  it('are carried out by the component and reported like a run, from the command line', async () => {
    const env = { OPSTREAM_NATS_URL: instance.server.url };
    const ran = await runOpstream(['run', 'books', '--action', 'backup', '--param', 'to=s3', '--wait=20s'], env);
    assert.equal(ran.code, 0, ran.stderr);
    const { summary, status } = await get('books');
    assert.equal(summary.runtime, 'succeeded');
    assert.equal(status !== undefined && 'run' in status ? status.run?.action : undefined, 'backup');
    const last = databases.seen.at(-1);
    assert.equal(last?.request.action, 'backup');
    assert.deepEqual(last?.request.parameters, { to: 's3' });
    assert.deepEqual(last?.entity.run?.parameters, { to: 's3' });
    const wrong = await runOpstream(['run', 'books', '--action', 'backup', '--param', 'to=5'], env);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /ACTION_INVALID|parameters/);
  });

  it('can be cancelled', async () => {
    await instance.client.send('run', { name: 'books', action: 'restore' });
    await untilRuntime('books', 'inprogress');
    assert.equal((await instance.client.send('cancel', { name: 'books' })).accepted, true);
    await untilRuntime('books', 'cancelled');
  });

  it('are what a type without a normal run is refused with', async () => {
    const { rejection } = await instance.client.send('run', { name: 'books' });
    assert.equal(rejection?.code, 'NOT_RUNNABLE');
    assert.match(rejection?.message ?? '', /backup, restore/);
  });
});

describe('a changed operator', () => {
  it('is held against every resource, and against what was accepted just before', async () => {
    const { client } = instance;
    const count = 1200;
    const bodies = Array.from({ length: count }, (_, index) => resource('database', `r-${index}`, { size: index + 1 }));
    for (let from = 0; from < count; from += 400) {
      const documents = bodies.slice(from, from + 400).map((body) => JSON.stringify(body));
      await mustApply(client, new TextEncoder().encode(documents.join('\n---\n')));
    }
    const startedMs = Date.now();
    const other = client.send('run', { name: 'nightly' });
    const refused = await client.send('apply', operatorWith({ type: 'integer', maximum: count - 1 }), { dryRun: true });
    assert.equal(refused.rejection?.code, 'SCHEMA_BREAKS_RESOURCES');
    assert.equal(refused.rejection?.details.length, 1, JSON.stringify(refused.rejection?.details));
    assert.match(
      refused.rejection?.details[0]?.message ?? '',
      new RegExp(`public/r-${count - 1}: /resource/spec/size`),
    );
    assert.equal((await other).accepted, true);
    assert.ok(Date.now() - startedMs < 20_000);
    const one = await client.send('apply', operatorWith({ type: 'integer', minimum: 2 }));
    assert.match(one.rejection?.details[0]?.message ?? '', /public\/r-0/);
    assert.equal((await client.send('apply', operatorWith({ type: 'integer', maximum: count }))).accepted, true);
    // Another copy may go by what it knew of the operator for a second more.
    const late = resource('database', 'late', { size: count + 1 });
    const isRefused = async () =>
      (await client.send('apply', late, { dryRun: true })).rejection?.code === 'SPEC_INVALID';
    await waitFor(isRefused, { what: 'the new schema in every copy', timeoutMs: 5000 });
  });

  it('keeps a workspace that has resources', async () => {
    await mustApply(instance.client, resource('import', 'elsewhere', {}, 'sandbox'));
    const narrow = operatorWith({ type: 'integer' }, { enabledWorkspaces: ['public'] });
    const { rejection } = await instance.client.send('apply', narrow);
    assert.equal(rejection?.code, 'SCHEMA_BREAKS_RESOURCES');
    assert.match(rejection?.details[0]?.message ?? '', /sandbox\/elsewhere/);
  });
});
