// What one sees of an instance from outside, on real programs: metrics of all five move with an apply, health and readiness, the four
// micro services, and one trace from the header of a command to the headers that the external API gets.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { exampleManifests } from '../../src/embedded/example.ts';
import { metricsOf, programs, type Program } from '../../src/messages/metric-catalogue.ts';
import { startStandIn, type StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { leakGuard } from '../support/children.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { startProcess, type TestProcess } from '../support/processes.ts';
import { clientOf } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Client } from '../../src/client/types.ts';
import type { JsonObject } from '../../src/core/json.ts';

leakGuard();

const run = promisify(execFile);
const cliPath = process.env['OPSTREAM_NATS_CLI'] ?? 'nats';
const hasCli = await run(cliPath, ['--version']).then(
  () => true,
  () => false,
);
const noCli = hasCli ? false : 'the nats CLI is not there (OPSTREAM_NATS_CLI or PATH)';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;
const operatorYaml = readFileSync(`${exampleManifests}/operator.yaml`);
const resourceYaml = readFileSync(`${exampleManifests}/resource.yaml`, 'utf8');

let server: TestServer;
let standIn: StandIn;
let client: Client;
const running = new Map<Program, TestProcess>();

const pathOf = (program: Program): string =>
  program === 'component' ? 'src/operators/azure-data-factory/main.ts' : `src/processes/${program}.ts`;

const start = (program: Program, env: Readonly<Record<string, string>> = {}): TestProcess =>
  startProcess(pathOf(program), {
    name: program,
    env: {
      OPSTREAM_NATS_URL: server.url,
      OPSTREAM_LEASE_TTL: '1s',
      METRIC_PORT: '0',
      ...(program === 'component' ? componentEnv() : {}),
      ...env,
    },
  });

const componentEnv = (): Readonly<Record<string, string>> => ({
  ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'q',
  ENTITY_OF_INTEREST_MESSAGE_STREAM: 'dataos-azure-entities',
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'adf.pipeline.run',
  AZURE_TENANT_ID: standIn.options.tenantId,
  AZURE_CLIENT_ID: standIn.options.clientId,
  AZURE_CLIENT_SECRET: standIn.options.clientSecret,
  AZURE_SUBSCRIPTION_ID: standIn.options.subscriptionId,
  AZURE_AUTHORITY_HOST: standIn.loginUrl,
  AZURE_MANAGEMENT_URL: standIn.url,
  AZURE_POLL_INTERVAL: '100ms',
});

const portOf = async (copy: TestProcess): Promise<number> =>
  Number((await copy.waitForLine('metrics served', { timeoutMs: 30_000 }))['port']);

const get = async (copy: TestProcess, path: string): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(`http://127.0.0.1:${await portOf(copy)}${path}`);
  return { status: response.status, text: await response.text() };
};

const copyOf = (program: Program): TestProcess => {
  const copy = running.get(program);
  assert.ok(copy, program);
  return copy;
};

/** The sum of all series of a metric that have all the labels. */
const sumOf = async (program: Program, name: string, ...labels: readonly string[]): Promise<number> => {
  const { text } = await get(copyOf(program), '/metrics');
  const rows = text.split('\n').filter((row) => row.startsWith(`${name}{`) || row.startsWith(`${name} `));
  return rows
    .filter((row) => labels.every((label) => row.includes(label)))
    .reduce((sum, row) => sum + Number(row.split(' ').at(-1)), 0);
};

const untilMoved = (program: Program, name: string, ...labels: readonly string[]): Promise<number> =>
  waitFor(async () => (await sumOf(program, name, ...labels)) || undefined, {
    timeoutMs: 20_000,
    what: `${name} of the ${program}`,
  });

const untilReady = (copy: TestProcess): Promise<boolean> =>
  waitFor(async () => (await get(copy, '/readyz')).status === 200 || undefined, {
    timeoutMs: 30_000,
    what: `${copy.name} to be ready`,
  });

const apply = async (name: string, traceparent?: string): Promise<JsonObject> => {
  const manifest = resourceYaml.replace('pipeline-run-1', name);
  const receipt = await client.send('apply', new TextEncoder().encode(manifest), {
    ...(traceparent === undefined ? {} : { traceparent }),
  });
  assert.equal(receipt.accepted, true, JSON.stringify(receipt));
  return receipt as unknown as JsonObject;
};

const historyOf = async (name: string): Promise<readonly JsonObject[]> => {
  const answer = await client.query('history', { type: 'resource', workspace: 'public', name });
  assert.ok(answer.ok);
  return answer.value.entries.map(({ stream, event }) => ({ stream, ...(event as JsonObject) }));
};

type Request = { readonly operation: string; readonly traceparent?: string };
const externalRequests = async (): Promise<readonly Request[]> =>
  ((await (await fetch(`${standIn.adminUrl}/requests`)).json()) as { readonly value: readonly Request[] }).value;

const untilSucceeded = (name: string): Promise<boolean> =>
  waitFor(
    async () => {
      const answer = await client.query('status', { type: 'resource', workspace: 'public', name });
      return (
        (answer.ok && (answer.value.status as { runtime?: string } | undefined)?.runtime === 'succeeded') || undefined
      );
    },
    { timeoutMs: 30_000, what: `${name} to succeed` },
  );

before(async () => {
  server = await startNatsServer();
  standIn = await startStandIn({ port: 0, queuedMs: 50, runMs: 1000 });
  for (const program of programs) if (program !== 'component') running.set(program, start(program));
  await Promise.all([...running.values()].map(untilReady));
  client = await clientOf(server.url);
  running.set('component', start('component'));
  const lacking = await waitFor(
    async () => {
      const { status, text } = await get(copyOf('component'), '/readyz');
      return (status === 503 && text.includes('channel') && text) || undefined;
    },
    { timeoutMs: 30_000, what: 'the component to say what it waits for' },
  );
  assert.match(lacking, /is the operator applied\?/);
  const receipt = await client.send('apply', operatorYaml);
  assert.equal(receipt.accepted, true, JSON.stringify(receipt));
  await untilReady(copyOf('component'));
});

after(async () => {
  await client.close();
  await Promise.all([...running.values()].map((copy) => copy.kill9()));
  await standIn.close();
  await server.stop();
});

test('every program exposes the metrics of the catalogue, and its own process', async () => {
  for (const program of programs) {
    const { status, text } = await get(copyOf(program), '/metrics');
    assert.equal(status, 200);
    const exposed = [...text.matchAll(/^# TYPE (opstream_\w+) (\w+)$/gm)].map(([, name, kind]) => `${kind} ${name}`);
    assert.deepEqual(
      exposed.sort(),
      metricsOf(program)
        .map(({ kind, name }) => `${kind} ${name}`)
        .sort(),
      program,
    );
    assert.match(text, /^process_resident_memory_bytes \d+/m, program);
    assert.match(text, /^nodejs_eventloop_lag_seconds /m, program);
    assert.match(text, /^opstream_nats_connected 1$/m, program);
    assert.equal((await get(copyOf(program), '/healthz')).status, 200);
  }
});

test('counts move after an apply, in all five', async () => {
  const before = await sumOf('command-handler', 'opstream_commands_total', 'verb="apply"', 'result="accepted"');
  await apply('counted');
  assert.equal(
    await sumOf('command-handler', 'opstream_commands_total', 'verb="apply"', 'door="rpc"', 'result="accepted"'),
    before + 1,
  );
  assert.ok((await sumOf('command-handler', 'opstream_command_duration_seconds_count', 'verb="apply"')) >= before + 1);
  await untilMoved('command-handler', 'opstream_events_appended_total', 'resource.declared');
  await untilMoved('command-handler', 'opstream_append_duration_seconds_count');
  await untilMoved('operator-runtime', 'opstream_dispatch_batch_duration_seconds_count');
  await untilMoved('projector', 'opstream_events_projected_total', 'projection="entities"');
  await untilMoved('projector', 'opstream_projection_batch_duration_seconds_count', 'projection="entities"');
  await untilMoved('operator-runtime', 'opstream_commands_dispatched_total', 'operator="adf-operator"', 'stored');
  await untilMoved('operator-runtime', 'opstream_events_dispatched_total');
  await untilMoved('query-responder', 'opstream_directory_rows');
  await untilSucceeded('counted');
  await untilMoved('query-responder', 'opstream_queries_total', 'verb="status"', 'answered');
  await untilMoved('query-responder', 'opstream_query_duration_seconds_count', 'verb="status"');
  await untilMoved('component', 'opstream_component_commands_total', 'result="kept"');
  await untilMoved('component', 'opstream_component_reconciles_total', 'result="succeeded"');
  await untilMoved('component', 'opstream_component_reconcile_duration_seconds_count');
  await untilMoved('component', 'opstream_component_statuses_written_total');
  await untilMoved('component', 'opstream_component_is_leader');
  const target = `target="${new URL(standIn.url).host}"`;
  await untilMoved('component', 'opstream_component_external_calls_total', target, 'method="POST"', 'status="2xx"');
  await untilMoved('component', 'opstream_component_external_call_duration_seconds_count', target);
  for (const program of ['command-handler', 'projector', 'operator-runtime', 'component'] as const) {
    await untilMoved(program, 'opstream_lease_held');
  }

  const refused = await client.send('apply', new TextEncoder().encode(resourceYaml.replace('factoryName', 'factory')));
  const code = `code="${refused.rejection?.code ?? ''}"`;
  await untilMoved('command-handler', 'opstream_commands_total', 'result="rejected"', code);
});

test('one trace goes from a command to the external API, over a restart of the component, to the end', async () => {
  const inTrace = async (traceId: string): Promise<readonly Request[]> =>
    (await externalRequests()).filter(({ traceparent }) => traceparent?.includes(traceId));
  const isPoll = ({ operation }: Request): boolean => operation === 'PipelineRuns_Get';
  await apply('traced', TRACEPARENT);
  await waitFor(async () => (await inTrace(TRACE_ID)).some(isPoll) || undefined, {
    timeoutMs: 20_000,
    what: 'the run to be followed',
  });
  // What a component is told of an entity it keeps, with its trace: the next one goes on in it.
  await copyOf('component').kill9();
  const early = (await inTrace(TRACE_ID)).length;
  running.set('component', start('component'));
  await untilSucceeded('traced');
  const mine = await inTrace(TRACE_ID);
  assert.ok(mine.slice(early).some(isPoll), 'the second component calls in the same trace');
  assert.equal(mine.filter(({ operation }) => operation === 'Pipelines_CreateRun').length, 1);
  const spans = mine.map(({ traceparent }) => traceparent?.split('-')[2]);
  assert.equal(new Set([...spans, '00f067aa0ba902b7']).size, mine.length + 1, 'each call is a span of its own');
  const history = await historyOf('traced');
  assert.ok(history.some(({ stream }) => stream === 'status'));
  assert.deepEqual(
    history.filter(({ traceparent }) => traceparent !== TRACEPARENT),
    [],
    'events and statuses have the traceparent of the command',
  );

  const deletion = `00-${'d'.repeat(32)}-00f067aa0ba902b7-01`;
  await client.send('delete', { name: 'traced' }, { traceparent: deletion });
  const deleted = await waitFor(
    async () => (await historyOf('traced')).find(({ type }) => type === 'io.opstream.resource.deleted.v1'),
    { timeoutMs: 20_000, what: 'the end of the deletion' },
  );
  assert.equal(deleted['traceparent'], deletion);
  await untilMoved('operator-runtime', 'opstream_finalizations_total', 'accepted');
});

test('a command without a trace begins one; one that cannot be read is ignored', { skip: noCli }, async () => {
  const nats = async (name: string, ...headers: readonly string[]): Promise<readonly JsonObject[]> => {
    const flags = headers.flatMap((header) => ['-H', header]);
    const body = JSON.stringify({
      ...{ name, version: 'v1alpha', type: 'resource' },
      resource: {
        ...{ operator: 'adf-operator', type: 'pipeline-run' },
        spec: { factoryName: 'f', pipelineName: 'p', resourceGroupName: 'g' },
      },
    });
    const { stdout } = await run(cliPath, [
      ...['-s', server.url, 'req', '--raw', '--no-templates', ...flags, 'opstream.rpc.apply', body],
    ]);
    assert.match(stdout, /"accepted":true/);
    return waitFor(
      async () => {
        const answer = await client.query('history', { type: 'resource', workspace: 'public', name });
        return answer.ok ? answer.value.entries.map(({ event }) => event as JsonObject) : undefined;
      },
      { what: name },
    );
  };
  const [given] = await nats('cli-given', `traceparent:${TRACEPARENT}`, 'Tracestate:rojo=1');
  assert.equal(given?.['traceparent'], TRACEPARENT);
  const history = await waitFor(
    async () => {
      const entries = await historyOf('cli-given');
      return entries.some(({ stream }) => stream === 'status') ? entries : undefined;
    },
    { what: 'a status of cli-given' },
  );
  assert.deepEqual(
    history.filter(({ tracestate }) => tracestate !== 'rojo=1'),
    [],
  );
  const [malformed] = await nats('cli-malformed', 'traceparent:00-xyz');
  const made = String(malformed?.['traceparent']);
  assert.equal(made.split('-')[1], String(malformed?.['id']).replaceAll('-', ''));
  const durable = resourceYaml.replace('pipeline-run-1', 'cli-durable');
  await run(cliPath, [
    ...['-s', server.url, 'pub', '-J', '--no-templates', '-H', `traceparent:${TRACEPARENT}`],
    ...['opstream.cmd.apply', durable],
  ]);
  const event = await waitFor(
    async () => {
      const answer = await client.query('history', { type: 'resource', workspace: 'public', name: 'cli-durable' });
      return answer.ok ? (answer.value.entries[0]?.event as JsonObject | undefined) : undefined;
    },
    { what: 'the durable command' },
  );
  assert.equal(event['traceparent'], TRACEPARENT);
  await untilMoved('command-handler', 'opstream_deliveries_total', 'result="settled"');
  await untilMoved('command-handler', 'opstream_commands_total', 'door="cmd"', 'result="accepted"');
  const [none] = await nats('cli-none');
  assert.notEqual(none?.['traceparent'], undefined);
});

test('the four processes are micro services that say how they are', { skip: noCli }, async () => {
  const { stdout } = await run(cliPath, ['-s', server.url, 'micro', 'ls', '--json']);
  const names = new Set((JSON.parse(stdout) as readonly { readonly name: string }[]).map(({ name }) => name));
  const wanted = programs.filter((program) => program !== 'component').map((program) => `opstream-${program}`);
  assert.deepEqual(
    wanted.filter((name) => !names.has(name)),
    [],
  );
  for (const name of wanted) {
    const info = await run(cliPath, ['-s', server.url, 'micro', 'info', name]);
    assert.match(info.stdout, new RegExp(name));
    const stats = await run(cliPath, ['-s', server.url, 'micro', 'stats', name, '--json']);
    const [copy] = JSON.parse(`[${stats.stdout.trim().replaceAll(/\}\s*\{/g, '},{')}]`).flat() as readonly {
      readonly endpoints: readonly { readonly data?: JsonObject }[];
    }[];
    const data = copy?.endpoints[0]?.data ?? {};
    assert.equal(data['ready'], true, JSON.stringify(data));
    assert.equal(typeof data['lag'], 'number');
    assert.equal((data['series'] as JsonObject)['opstream_nats_connected'], 1);
    if (name === 'opstream-projector') assert.deepEqual(data['leases'], { projector: 'leading' });
    if (name === 'opstream-command-handler') assert.deepEqual(data['leases'], { 'command-intake': 'leading' });
  }
});

test('a copy that stands by is ready, and says so; a port that is taken ends nothing', async () => {
  const port = await portOf(copyOf('projector'));
  const standby = start('projector', { METRIC_PORT: '', OPSTREAM_METRIC_PORT: String(port) });
  await standby.waitForLine('metrics are not served', { timeoutMs: 30_000 });
  try {
    const leases = await waitFor(
      async () => {
        const { stdout } = hasCli
          ? await run(cliPath, ['-s', server.url, 'micro', 'stats', 'opstream-projector', '--json'])
          : { stdout: '"standing-by"' };
        return stdout.includes('"standing-by"') || undefined;
      },
      { timeoutMs: 15_000, what: 'the second projector to stand by' },
    );
    assert.ok(leases);
    // The first one goes; the second takes over its lease and its port.
    await copyOf('projector').kill9();
    running.set('projector', standby);
    await standby.waitForLine('metrics served', { timeoutMs: 20_000 });
    await untilReady(standby);
    await untilMoved('projector', 'opstream_lease_held');
  } finally {
    running.set('projector', standby);
  }
});

test('readiness goes with the connection, health does not', async () => {
  await server.stop();
  for (const program of programs) {
    const copy = copyOf(program);
    await waitFor(async () => (await get(copy, '/readyz')).status === 503 || undefined, {
      what: `${program} to lose it`,
    });
    assert.match((await get(copy, '/readyz')).text, /connection to NATS is down/, program);
    assert.equal((await get(copy, '/healthz')).status, 200);
    assert.equal(await sumOf(program, 'opstream_nats_connected'), 0);
  }
});
