// `npm run bench -- --component`: one component with many resources that it polls. Starts a server, the stand-in of Azure and the Data
// Factory component, wants one long run of each resource, and when all are under way measures a window of nothing but polling: CPU and
// memory of the component, how evenly the polls come, and that no status is written.

import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../setup.mjs';

const TICKS_PER_SECOND = 100;
const RECONCILES = 'opstream_component_reconciles_total';
const WAITING = 'opstream_component_keys_waiting';
const log = (text) => process.stderr.write(`  ${text}\n`);

const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};
const residentMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

const eventually = async (what, condition, timeoutMs = 300_000) => {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    const value = await condition();
    if (value) return value;
    await pause(500);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`);
};

export const measureComponent = async ({
  natsServer,
  entities = 10_000,
  pollSeconds = 10,
  windowSeconds = 30,
  programs = join(root, 'dist'),
}) => {
  const load = (path) => import(join(programs, path));
  const { connectNats } = await load('jetstream/connection.js');
  const { provision, ensureChannelStream } = await load('jetstream/provision.js');
  const { createAppender } = await load('jetstream/appender.js');
  const { createStreamReader } = await load('jetstream/stream-reader.js');
  const { silentLog } = await load('program/logger.js');
  const { defaultOptions: azure } = await load('stand-ins/azure-data-factory/options.js');
  const folder = await mkdtemp(join(tmpdir(), 'opstream-scale-'));
  const [natsPort, azurePort, metricPort] = [0, 1, 2].map(
    (place) => 20_000 + place * 4000 + Math.floor(Math.random() * 4000),
  );
  const children = [];
  const run = (program, args, env = {}) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } });
    children.push(child);
    return child;
  };
  let connection;
  try {
    run(natsServer, ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(natsPort), '-l', join(folder, 'log')]);
    const many = ['reads', 'writes', 'deletes'].flatMap((name) => [
      ...[`--${name}-burst`, '1000000'],
      ...[`--${name}-per-second`, '100000'],
    ]);
    const timing = ['--queued-ms', '0', '--run-ms', '36000000', '--port', String(azurePort)];
    run(process.execPath, [join(programs, 'stand-ins/azure-data-factory/main.js'), ...timing, ...many]);
    connection = await connectNats({ url: `nats://127.0.0.1:${natsPort}`, name: 'bench', log: silentLog });
    await provision(connection, { prefix: 'opstream' });
    await ensureChannelStream(connection, { prefix: 'opstream', stream: 'scale', subjects: ['scale.run'] });
    const { factories, ...account } = azure;
    const [factory] = factories;
    const spec = {
      factoryName: factory.name,
      resourceGroupName: factory.resourceGroup,
      pipelineName: factory.pipelines[0],
    };
    const time = new Date().toISOString();
    const commandOf = (index) => {
      const name = `run-${index}`;
      const resource = { operator: 'scale', type: 'pipeline-run', spec: { ...spec, parameters: { item: name } } };
      const meta = {
        version: 'v1alpha',
        type: 'resource',
        layer: 'user',
        tags: [],
        owner: 'bench',
        workspace: 'public',
      };
      const who = { createdAt: time, updatedAt: time, createdBy: 'bench', updatedBy: 'bench' };
      const wanted = { id: `run-id-${index}`, number: 1, requestedAt: time, cancelRequested: false };
      const entity = {
        ...{ key: `public.${name}`, uid: `uid-${index}`, generation: 1, runnable: true, suspended: false, ...who },
        ...{ run: wanted, manifest: { name, ...meta, resource }, sequence: index },
      };
      return {
        ...{ specversion: '1.0', id: `command-${index}`, source: '/bench', type: 'io.opstream.entity.command' },
        ...{ subject: `resource.public.${name}`, time, correlationid: 'c', causationid: 'c', commandid: 'c' },
        ...{ actor: 'bench', generation: 1, data: { command: 'apply', entity, fence: 1 } },
      };
    };
    const { COMMAND_TYPE } = await load('messages/entity.js');
    const channel = createAppender(connection, 'scale');
    const encoder = new TextEncoder();
    await Promise.all(
      Array.from({ length: entities }, (_, index) => {
        const data = encoder.encode(JSON.stringify({ ...commandOf(index + 1), type: COMMAND_TYPE }));
        return channel.append([{ subject: 'scale.run', id: `command-${index}`, data }]);
      }),
    );
    const component = run(process.execPath, [join(programs, 'operators/azure-data-factory/main.js')], {
      AZURE_TENANT_ID: account.tenantId,
      AZURE_CLIENT_ID: account.clientId,
      AZURE_CLIENT_SECRET: account.clientSecret,
      AZURE_SUBSCRIPTION_ID: account.subscriptionId,
      AZURE_AUTHORITY_HOST: `http://127.0.0.1:${azurePort}`,
      AZURE_MANAGEMENT_URL: `http://127.0.0.1:${azurePort}`,
      AZURE_POLL_INTERVAL: `${pollSeconds}s`,
      OPSTREAM_NATS_URL: `nats://127.0.0.1:${natsPort}`,
      OPSTREAM_LOG_LEVEL: 'warn',
      METRIC_PORT: String(metricPort),
      OPSTREAM_OPERATOR: 'scale',
      OPERATOR_MAX_WORKERS: '64',
      OPERATOR_RECONCILE_WORKERS_INTERVAL: `${pollSeconds}s`,
      ENTITY_OF_INTEREST_MESSAGE_STREAM: 'scale',
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'scale.run',
    });
    const startedMs = performance.now();
    const statuses = createStreamReader(connection, 'OPSTREAM_STATUS');
    let before = -1;
    await eventually('all runs under way', async () => {
      const now = await statuses.lastSequence();
      if (now >= 3 * entities && now === before) return true;
      before = now;
      await pause(pollSeconds * 1000);
      return false;
    });
    log(
      `${entities} runs started and followed ${Math.round((performance.now() - startedMs) / 1000)} s after the start`,
    );
    const metrics = async () => {
      const text = await (await fetch(`http://127.0.0.1:${metricPort}/metrics`)).text();
      const lines = text.split('\n').map((line) => /^(\w+)(?:\{.*\})? (\S+)/.exec(line));
      return (name) => lines.reduce((sum, match) => (match?.[1] === name ? sum + Number(match[2]) : sum), 0);
    };
    const was = await metrics();
    const written = await statuses.lastSequence();
    const cpu = cpuSeconds(component.pid);
    const samples = [];
    for (let second = 0; second < windowSeconds; second += 1) {
      const usedBefore = cpuSeconds(component.pid);
      await pause(1000);
      samples.push(cpuSeconds(component.pid) - usedBefore);
    }
    const cores = (cpuSeconds(component.pid) - cpu) / windowSeconds;
    const now = await metrics();
    return {
      entities,
      pollSeconds,
      cores,
      busiestSecond: Math.max(...samples),
      residentMiB: residentMiB(component.pid),
      statusesWritten: (await statuses.lastSequence()) - written,
      pollsPerSecond: (now(RECONCILES) - was(RECONCILES)) / windowSeconds,
      heapMiB: now('nodejs_heap_size_used_bytes') / 2 ** 20,
      externalMiB: now('nodejs_external_memory_bytes') / 2 ** 20,
      waiting: now(WAITING),
    };
  } finally {
    await connection?.close();
    for (const child of children) child.kill('SIGKILL');
    await pause(300);
    rmSync(folder, { recursive: true, force: true });
  }
};
