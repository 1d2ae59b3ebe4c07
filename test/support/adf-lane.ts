// One component after another on one channel of a real server, as programs that can be killed: a lane; of the Data Factory operator, or of
// another one that is named. Lanes share the server and the stand-in and nothing else. What the operator-runtime would do, sending commands into the channel, the test does.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { ensureChannelStream } from '../../src/jetstream/provision.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import type { Entity, EntityStatus } from '../../src/messages/entity.ts';
import { decodeStatusEvent } from '../../src/messages/stored-event.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { uuidSource } from '../../src/program/ids.ts';
import { environmentFor, seedSpec } from '../unit/operators/azure-data-factory/support.ts';
import type { StandIn } from '../../src/stand-ins/azure-data-factory/server.ts';
import { temporaryFolder } from './children.ts';
import { commandFor, entityAt } from './entities.ts';
import { resourceManifest } from './fixtures.ts';
import type { TestServer } from './nats-server.ts';
import { root, startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

const names = namesFor('opstream');
const preload = pathToFileURL(join(root, 'test', 'support', 'crash-at-await.mjs')).href;

/** A dozen programs that start at once on a busy machine have printed nothing after 15 s. */
const START_MS = 90_000;

export type LaneOptions = {
  readonly programs: string;
  readonly server: TestServer;
  readonly connection: JetStreamConnection;
  /** Of Azure, for those that call it. */
  readonly standIn?: StandIn;
  /** Folder of the operator. Default: azure-data-factory. */
  readonly operator?: string;
  readonly arguments?: readonly string[];
  /** Of a resource. Default: a run of the lane's pipeline, with the resource's name as parameter. */
  spec?(resource: string): JsonObject;
  /** Name of the operator, the channel and the pipeline. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
};

export type Lane = {
  readonly name: string;
  /** A component; `crashAt`: armed from its start. */
  start(options?: { readonly crashAt?: number; readonly env?: Readonly<Record<string, string>> }): TestProcess;
  /** Arms a running component: it dies at the n-th point from its next command on. */
  arm(process: TestProcess, crashAt: number): Promise<void>;
  /** Resolves also when it has died meanwhile. */
  disarm(process: TestProcess): Promise<void>;
  /** Wants a run of a resource of that name; a number above the last one is a new run. */
  want(resource: string, changes?: Partial<Entity>): Promise<Entity>;
  status(resource: string): Promise<EntityStatus | undefined>;
  succeeded(resource: string, timeoutMs?: number): Promise<EntityStatus>;
};

export const openLane = async (options: LaneOptions): Promise<Lane> => {
  const { programs, server, connection, standIn, name, operator = 'azure-data-factory' } = options;
  const crashFile = join(temporaryFolder().path, 'crash-at');
  await ensureChannelStream(connection, { prefix: 'opstream', stream: name, subjects: [`${name}.run`] });
  const channel = createAppender(connection, name);
  const reader = createStreamReader(connection, names.streams.status);
  const baseEnv = {
    ...(standIn === undefined ? {} : environmentFor(standIn, { AZURE_RUN_SEARCH_GRACE: '3s' })),
    NODE_OPTIONS: `--import ${preload}`,
    OPSTREAM_NATS_URL: server.url,
    OPSTREAM_LEASE_TTL: '1s',
    OPSTREAM_OPERATOR: name,
    OPSTREAM_TEST_CRASH_FILE: crashFile,
    OPERATOR_MAX_WORKERS: '16',
    OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
    ENTITY_OF_INTEREST_MESSAGE_QUEUE: name,
    ENTITY_OF_INTEREST_MESSAGE_STREAM: name,
    ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${name}.run`,
    ...options.env,
  };
  let sequence = 0;

  const status = async (resource: string): Promise<EntityStatus | undefined> => {
    const message = await reader.readLast(names.status({ operator: name, workspace: 'public', name: resource }));
    const decoded = message === undefined ? undefined : decodeStatusEvent(message.data);
    return decoded !== undefined && 'event' in decoded ? (decoded.event.data as EntityStatus) : undefined;
  };

  const arm = async (process: TestProcess, crashAt: number): Promise<void> => {
    const armed = (): number => process.lines.filter(({ msg }) => msg === 'armed').length;
    const before = armed();
    writeFileSync(crashFile, String(crashAt));
    process.signal('SIGUSR2');
    await process.waitForLine(() => armed() > before);
  };
  /** Before that it may not listen to the signal yet, which would end it. */
  const armWhenLeading = async (process: TestProcess, crashAt: number): Promise<void> => {
    await process.waitForLine('lease acquired', { timeoutMs: START_MS });
    await arm(process, crashAt);
  };

  return {
    name,
    status,
    start: ({ crashAt = 0, env = {} } = {}) =>
      startProcess(join(programs, 'operators', operator, 'main.js'), {
        name: `component of ${name}`,
        arguments: options.arguments ?? [],
        env: { ...baseEnv, OPSTREAM_TEST_CRASH_AT: String(crashAt), ...env },
      }),
    arm: armWhenLeading,
    disarm: (process) => armWhenLeading(process, 0).catch(() => undefined),
    want: async (resource, changes = {}) => {
      sequence += 1;
      const id = uuidSource.next();
      const pipeline = { ...seedSpec, pipelineName: name, parameters: { item: resource } };
      const spec = options.spec?.(resource) ?? pipeline;
      const manifest = resourceManifest(spec, { name: resource });
      const entity = entityAt(sequence, {
        name: resource,
        uid: `uid-${resource}`,
        runnable: true,
        run: { id, number: sequence, requestedAt: new Date().toISOString(), cancelRequested: false },
        ...changes,
        manifest: { ...manifest, resource: { ...manifest.resource, operator: name } },
      });
      await channel.append([{ subject: `${name}.run`, id: uuidSource.next(), data: encodeJson(commandFor(entity)) }]);
      return entity;
    },
    succeeded: async (resource, timeoutMs = START_MS) => {
      let found: EntityStatus | undefined;
      const isDone = async () => {
        found = await status(resource);
        return found?.runtime === 'succeeded' ? found : undefined;
      };
      const options = { timeoutMs, intervalMs: 50, what: `success of ${name}/${resource}` };
      return waitFor(isDone, options).catch((error: unknown) => {
        throw new Error(`${String(error)}; last status: ${JSON.stringify(found)}`, { cause: error });
      });
    },
  };
};
