// The main job from end to end: an instance, the Azure Data Factory operator against a stand-in of its API, the seed's manifests, and
// what can be seen of them. Everything that is started is stopped; what a killed demo left behind is ended first.

import { mkdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../setup.mjs';
import { withProgress } from '../progress.mjs';
import { opstream, startProgram } from './programs.mjs';

const directory = join(root, '.opstream', 'demo');
const manifests = join('src', 'operators', 'azure-data-factory', 'manifests');
const published = join('test', 'fixtures', 'manifests', 'seed-operator-inline-secrets.published.yaml');

const heading = (text) => process.stdout.write(`\n── ${text} ${'─'.repeat(Math.max(3, 96 - text.length))}\n`);

const expectCode = (code, expected, what) => {
  if (code !== expected) throw new Error(`${what}: expected exit code ${expected}, found ${code}`);
};

export const runDemo = async ({ natsServer }) => {
  const { endLeftovers, startEmbedded } = await import('../../dist/embedded/embedded.js');
  const { exampleOf } = await import('../../dist/embedded/example.js');
  const { supervise } = await import('../../dist/embedded/supervised.js');
  const { awaitServices } = await import('../../dist/embedded/await-services.js');
  const { silentLog } = await import('../../dist/program/logger.js');
  const stop = new AbortController();
  const started = [];
  const stopAll = async () => {
    for (const one of started.splice(0).reverse())
      await one.stop().catch((error) => process.stderr.write(`${error.message}\n`));
  };
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
      process.stderr.write('\nstopping ...\n');
      void stopAll().then(() => process.exit(130));
    });
  }

  try {
    await endLeftovers(directory);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });

    const example = await exampleOf({ directory, environment: process.env, queuedMs: 700, runMs: 3500 });

    heading('an instance: nats-server and the four processes');
    const instance = await withProgress('starting', async () => {
      const embedded = await startEmbedded({
        directory,
        natsServer,
        port: 0,
        syncAlways: true,
        files: example.files,
        environment: { ...process.env, ...example.environment },
        log: silentLog,
      });
      started.push(embedded);
      await awaitServices(
        embedded.url,
        { config: { prefix: 'opstream' }, log: silentLog, signal: stop.signal },
        30_000,
      );
      return embedded;
    });
    process.stdout.write(`  NATS at ${instance.url}, data and logs in ${relative(root, directory)}\n`);
    const environment = { ...process.env, OPSTREAM_NATS_URL: instance.url, OPSTREAM_ACTOR: 'iamgroot' };

    heading("the outside world: a stand-in of Azure Data Factory's API");
    for (const definition of example.processes) started.push(await supervise(definition, directory, silentLog));
    process.stdout.write(`  stand-in at ${example.standInUrl}\n`);

    heading("the seed's operator manifest as it was published: tabs");
    expectCode(await opstream(['apply', '-f', published], environment), 1, 'applying the manifest with tabs');

    heading('the corrected one; the operator-runtime starts its components');
    expectCode(
      await opstream(['apply', '-f', join(manifests, 'operator.yaml'), '--wait=30s'], environment),
      0,
      'applying the operator',
    );
    expectCode(await opstream(['get', '-t', 'operator'], environment), 0, 'get operator');
    await showComponents(environment, stop.signal);

    heading("the seed's resource: a pipeline run; its statuses as they happen");
    const live = await startProgram({
      name: 'live',
      directory,
      program: 'cli/main.js',
      args: ['events', '--follow'],
      environment,
      ready: (line) => (line.length > 0 ? true : undefined),
      onLine: (line) => process.stdout.write(`  live | ${line}\n`),
    });
    started.push(live);
    const applied = opstream(
      ['apply', '-f', join(manifests, 'resource.yaml'), '-w', 'public', '--wait=60s'],
      environment,
    );
    await untilInProgress(environment, stop.signal);
    expectCode(await opstream(['get', '-t', 'resource', '-w', 'public'], environment), 0, 'get resource');
    expectCode(await applied, 0, 'the pipeline run');
    await live.stop();

    heading('what there is now, and the metadata that was synchronized');
    expectCode(await opstream(['get', '-t', 'resource', '-w', 'public'], environment), 0, 'get resource');
    expectCode(
      await opstream(['get', '-t', 'resource', '-w', 'public', '-n', 'pipeline-run-1', '-d'], environment),
      0,
      'get -d',
    );

    heading('how it came about: the history, and a replay of the stored events');
    expectCode(
      await opstream(['history', '-t', 'resource', '-w', 'public', '-n', 'pipeline-run-1'], environment),
      0,
      'history',
    );
    expectCode(
      await opstream(['replay', '-t', 'resource', '-w', 'public', '-n', 'pipeline-run-1'], environment),
      0,
      'replay',
    );

    heading('done; stopping everything');
    await stopAll();
    process.stdout.write('  stopped. `npm start` runs an instance that stays.\n');
    return 0;
  } finally {
    await stopAll();
  }
};

/** Calls `ask` with a client until it gives something; at most 15 s. */
const withClient = async (environment, signal, ask) => {
  const { openClient } = await import('../../dist/client/open-client.js');
  const { silentLog } = await import('../../dist/program/logger.js');
  const { systemClock } = await import('../../dist/program/clock.js');
  const { uuidSource } = await import('../../dist/program/ids.js');
  const config = { natsUrl: environment.OPSTREAM_NATS_URL, prefix: 'opstream' };
  const client = await openClient({ config, log: silentLog, ids: uuidSource, clock: systemClock, signal });
  try {
    for (let tries = 0; tries < 300; tries += 1) {
      const found = await ask(client);
      if (found !== undefined) return found;
      await systemClock.sleep(50, signal);
    }
  } finally {
    await client.close();
  }
  return undefined;
};

const ask = (client, body) => client.query('get', body).catch(() => undefined);

/** What the operator-runtime has started from the manifest. */
const showComponents = async (environment, signal) => {
  const components = await withClient(
    environment,
    signal,
    async (client) => (await ask(client, { type: 'operator', name: 'adf-operator' }))?.value?.status?.components,
  );
  for (const { name, state, ready, desired, instances } of components ?? []) {
    process.stdout.write(`  component ${name}: ${state}, ${ready} of ${desired} ready\n`);
    for (const { replica, handle, addresses } of instances) {
      const places = Object.entries(addresses).map(([what, address]) => `${what} at ${address}`);
      process.stdout.write(`    replica ${replica}: process ${handle}, ${places.join(', ')}\n`);
    }
  }
};

/** Until the run is seen under way, so that the table shows what the seed's shows. */
const untilInProgress = (environment, signal) =>
  withClient(environment, signal, async (client) => {
    const runtime = (await ask(client, { name: 'pipeline-run-1' }))?.value?.summary?.runtime;
    return ['inprogress', 'succeeded'].includes(runtime) ? runtime : undefined;
  });
