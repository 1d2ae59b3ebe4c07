// Makes the bench: a nats-server and the four processes in a temporary folder, the operator applied with every compute `external`, so that
// it is the suite that starts, kills and starts the component again.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openClient } from '../client/open-client.ts';
import type { Client } from '../client/types.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { JsonObject } from '../core/json.ts';
import { planComponent } from '../engine/supervision/plan.ts';
import { noSecrets } from '../engine/supervision/plan-inputs.ts';
import { createAppender } from '../jetstream/appender.ts';
import { connectNats, type JetStreamConnection } from '../jetstream/connection.ts';
import { createStreamReader } from '../jetstream/stream-reader.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import type { ComponentSpec, OperatorManifest } from '../messages/manifest-types.ts';
import type { Receipt } from '../messages/commands.ts';
import { NO_WORKSPACE } from '../core/names.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import { namesFor } from '../messages/subjects.ts';
import { openAccess } from '../program/connection-options.ts';
import { awaitServices } from '../embedded/await-services.ts';
import { startEmbedded, type Embedded } from '../embedded/embedded.ts';
import { startEmbeddedServer, type EmbeddedServer } from '../embedded/embedded-server.ts';
import { guardFolder } from '../embedded/kill-on-exit.ts';
import { manifestOf, type Bench } from './bench.ts';
import { startComponent, type ComponentProgram } from './component-program.ts';
import { openWitness } from './witness.ts';

export type BenchOptions = {
  readonly manifest: OperatorManifest;
  readonly type: string;
  readonly componentSpec: ComponentSpec;
  readonly command: readonly string[];
  readonly spec: JsonObject;
  readonly changedSpec: JsonObject | undefined;
  readonly replicas: number;
  readonly timeoutMs: number;
  /** Path of the nats-server. */
  readonly natsServer: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Over everything else that the component is started with. */
  readonly overrides: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type OpenBench = { readonly bench: Bench; close(): Promise<void> };

const PREFIX = 'opstream';
const READY_MS = 30_000;
const LEASE_TTL = '1s';
const STOP_MS = 3000;
const SETTINGS = /^(OPSTREAM_|NATS_URL$|METRIC_PORT$|ENTITY_OF_INTEREST_|ELECTION_)/;

/** The user's own, without what would lead to another instance. */
const ownEnvironment = (environment: BenchOptions['environment']): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !SETTINGS.test(name)));

/** Nothing of it is started, and its channel is in the suite's own server. */
const toTest = ({ operator, ...manifest }: OperatorManifest): JsonObject => {
  const { natsClusterConfig: _own, ...rest } = operator;
  return { ...manifest, operator: rest } as unknown as JsonObject;
};

const connectionConfig = (natsUrl: string) => ({
  natsUrl,
  ...openAccess,
  prefix: PREFIX,
});

const wrong = (message: string): Fault => new Fault('CONFIG_INVALID', message, { retry: 'never' });

const assertAccepted = ({ accepted, rejection }: Receipt, what: string): void => {
  if (accepted) return;
  const details = (rejection?.details ?? []).map((one) => `\n  ${one.pointer ?? ''} ${one.message}`).join('');
  throw wrong(`${what} is refused: ${rejection?.message ?? ''}${details}`);
};

/** Applies the manifest and waits until the channel is there. */
const register = async (client: Client, manifest: OperatorManifest, signal: AbortSignal): Promise<OperatorDocument> => {
  assertAccepted(await client.send('apply', toTest(manifest)), "the operator's manifest");
  const identity = { kind: 'operator', workspace: NO_WORKSPACE, name: manifest.name } as const;
  const { outcome, last } = await client.waitReady(identity, 1, { timeoutMs: READY_MS, signal });
  const answer = await client.query('get', { type: 'operator', name: manifest.name });
  if (outcome === 'ready' && answer.ok && answer.value.type === 'operator') return answer.value.operator;
  throw wrong(`the operator does not become ready: ${last?.message ?? outcome}`);
};

/** Faults: CONFIG_INVALID (manifest or spec refused), NATS_UNREACHABLE, NATS_TIMEOUT. */
export const openBench = async (options: BenchOptions): Promise<OpenBench> => {
  const { manifest, componentSpec, clock, ids, log, signal, natsServer } = options;
  const directory = mkdtempSync(join(tmpdir(), 'opstream-contract-'));
  guardFolder(directory);
  const names = namesFor(PREFIX);
  const closers: (() => Promise<void>)[] = [
    async () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }),
  ];
  const close = async (): Promise<void> => {
    for (const one of closers.toReversed())
      await one().catch((error: unknown) => log.warn({ err: error }, 'not closed'));
    closers.length = 0;
  };

  const startServer = (port: number): Promise<EmbeddedServer> =>
    startEmbeddedServer({ directory: join(directory, 'server'), binary: natsServer, port, syncAlways: false });

  const open = async (): Promise<OpenBench> => {
    let server = await startServer(0);
    const { url, port } = server;
    closers.push(() => server.stop());
    const computes = new Set(['external', ...manifest.operator.components.map(({ compute }) => compute)]);
    const embedded: Embedded = await startEmbedded({
      ...{ directory: join(directory, 'instance'), natsServer, natsUrl: url, port: 0, syncAlways: false, log },
      environment: {
        ...ownEnvironment(options.environment),
        OPSTREAM_PREFIX: PREFIX,
        OPSTREAM_LEASE_TTL: LEASE_TTL,
        OPSTREAM_COMPUTES: [...computes].map((compute) => `${compute}=external`).join(','),
      },
    });
    closers.push(() => embedded.stop());
    await awaitServices(url, { config: { prefix: PREFIX }, log, signal }, READY_MS);
    const client = await openClient({ config: connectionConfig(url), log, ids, clock });
    closers.push(() => client.close());
    const connection: JetStreamConnection = await connectNats({ url, name: 'contract-suite', log });
    closers.push(() => connection.close());

    const operator = await register(client, manifest, signal);
    const type = operator.manifest.operator.resources.find((one) => one.name === options.type);
    if (type === undefined) throw wrong(`the operator has no type "${options.type}"`);
    const workspace = operator.manifest.operator.enabledWorkspaces.find((one) => one !== '*') ?? 'public';
    const place = { workspace, operator: operator.name, type };
    for (const spec of [options.spec, ...(options.changedSpec === undefined ? [] : [options.changedSpec])]) {
      const trial = manifestOf(place, 'contract-trial', {}, spec);
      assertAccepted(await client.send('apply', trial, { dryRun: true }), 'a resource with the spec of --spec');
    }
    const witness = await openWitness({ connection, names, operator: manifest.name, api: type.natsApi });
    closers.push(() => witness.stop());

    const [planned] = planComponent(
      operator,
      { ...componentSpec, replicas: 1 },
      {
        prefix: PREFIX,
        access: { environment: { OPSTREAM_NATS_URL: url, OPSTREAM_LEASE_TTL: LEASE_TTL }, credentials: {} },
        secrets: noSecrets,
        digest: () => 'contract',
      },
    );
    const environment = { ...ownEnvironment(options.environment), ...planned?.environment, ...options.overrides };
    const launched: ComponentProgram[] = [];
    closers.push(async () => {
      await Promise.all(launched.map((one) => one.terminate(STOP_MS)));
    });
    const launch = async (): Promise<ComponentProgram> => {
      const name = `component-${launched.length}`;
      const program = await startComponent({ command: options.command, environment, directory, name });
      launched.push(program);
      return program;
    };
    let current: ComponentProgram | undefined;

    const untilServerAnswers = async (): Promise<void> => {
      const reader = createStreamReader(connection, names.streams.status);
      const endMs = performance.now() + READY_MS;
      while (performance.now() < endMs && !signal.aborted) {
        try {
          await reader.lastSequence();
          return;
        } catch (error) {
          if (!isFault(error)) throw error;
          await clock.sleep(100, signal);
        }
      }
    };

    return {
      close,
      bench: {
        ...{ names, client, connection, witness, clock, ids, operator: manifest.name, type, api: type.natsApi },
        ...{
          spec: options.spec,
          changedSpec: options.changedSpec,
          replicas: options.replicas,
          timeoutMs: options.timeoutMs,
        },
        signal,
        workspace,
        channel: createAppender(connection, type.natsApi.command.stream),
        launch,
        component: async () => {
          if (current === undefined || current.ending() !== undefined) current = await launch();
          return current;
        },
        current: () => current,
        restartServer: async () => {
          await server.stop();
          server = await startServer(port);
          await untilServerAnswers();
          await awaitServices(url, { config: { prefix: PREFIX }, log, signal }, READY_MS);
        },
      },
    };
  };

  try {
    return await open();
  } catch (error) {
    await close();
    throw error;
  }
};
