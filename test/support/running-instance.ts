// A whole instance for one test file: a nats-server and the programs of src/processes (through tsx) or of dist/processes, in as many
// copies as wanted, which can be killed, frozen and started again one by one. What a test checks of the streams it reads itself, past
// the programs.

import { openClient } from '../../src/client/open-client.ts';
import type { Client } from '../../src/client/types.ts';
import { decodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { StoredMessage } from '../../src/engine/ports/streams.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { createFollower } from '../../src/jetstream/follower.ts';
import { namesFor, type Names } from '../../src/messages/subjects.ts';
import { accessOptions, openAccess, type AccessConfig } from '../../src/program/connection-options.ts';
import { silentLog } from './silent-log.ts';
import { startNatsServer, type TestServer, type TestServerOptions } from './nats-server.ts';
import { startProcess, type TestProcess } from './processes.ts';

export const programs = ['command-handler', 'projector', 'query-responder', 'operator-runtime'] as const;
export type Program = (typeof programs)[number];

export type InstanceOptions = {
  /** Default `src`. */
  readonly from?: 'src' | 'dist';
  /** Default: one of each. */
  readonly copies?: Partial<Readonly<Record<Program, number>>>;
  readonly server?: TestServerOptions;
  /** How this test gets in; the programs are told by `env`. */
  readonly access?: Partial<AccessConfig>;
  /** Further variables of the programs. */
  readonly env?: Readonly<Record<string, string>>;
};

export type RunningInstance = {
  readonly server: TestServer;
  readonly names: Names;
  readonly client: Client;
  readonly connection: JetStreamConnection;
  /** The copies that were started and not killed, oldest first. */
  of(program: Program): readonly TestProcess[];
  /** One more copy; resolves when it works or stands by. */
  start(program: Program): Promise<TestProcess>;
  /** The oldest copy when none is named. */
  kill9(program: Program, copy?: TestProcess): Promise<void>;
  /** `kill9`, and another copy in its place. */
  replace(program: Program): Promise<TestProcess>;
  /** Everything that a stream holds now. */
  messages(stream: string, filters?: readonly string[]): Promise<readonly StoredMessage[]>;
  stop(): Promise<void>;
};

/** What a program logs when its work has begun or it waits for the lease. */
const READY: Readonly<Record<Program, readonly string[]>> = {
  'command-handler': ['ready'],
  'query-responder': ['ready'],
  projector: ['waiting for lease'],
  'operator-runtime': ['waiting for lease'],
};

export const clientOf = (url: string, access: Partial<AccessConfig> = {}): Promise<Client> =>
  openClient({
    config: {
      natsUrl: url,
      ...openAccess,
      ...access,
      prefix: 'opstream',
    },
  });

/** A stored event or status. */
export const eventIn = ({ data }: StoredMessage): JsonObject => decodeJson(data) as JsonObject;

export const startInstance = async (options: InstanceOptions = {}): Promise<RunningInstance> => {
  const { from = 'src', copies = {} } = options;
  const server = await startNatsServer(options.server);
  const running = new Map<Program, TestProcess[]>(programs.map((program) => [program, []]));
  const of = (program: Program): TestProcess[] => running.get(program) ?? [];

  const start = async (program: Program): Promise<TestProcess> => {
    const path = from === 'src' ? `src/processes/${program}.ts` : `dist/processes/${program}.js`;
    const copy = startProcess(path, {
      name: program,
      env: { OPSTREAM_NATS_URL: server.url, OPSTREAM_LEASE_TTL: '1s', OPSTREAM_LOG_LEVEL: 'debug', ...options.env },
    });
    of(program).push(copy);
    await copy.waitForLine(({ msg }) => READY[program].includes(String(msg)), { timeoutMs: 30_000 });
    return copy;
  };

  const kill9 = async (program: Program, copy = of(program)[0]): Promise<void> => {
    if (copy === undefined) throw new Error(`no ${program} is running`);
    running.set(
      program,
      of(program).filter((one) => one !== copy),
    );
    await copy.kill9();
  };

  await Promise.all(
    programs.flatMap((program) => Array.from({ length: copies[program] ?? 1 }, async () => start(program))),
  );
  const access = accessOptions({ ...openAccess, ...options.access });
  const connection = await connectNats({ url: server.url, name: 'test', ...access, log: silentLog });
  const client = await clientOf(server.url, options.access);

  return {
    server,
    names: namesFor('opstream'),
    client,
    connection,
    of,
    start,
    kill9,
    replace: async (program) => {
      await kill9(program);
      return start(program);
    },
    messages: async (stream, filters) => {
      const found: StoredMessage[] = [];
      const done = new AbortController();
      await createFollower(connection, stream).follow({
        fromSequence: 1,
        ...(filters === undefined ? {} : { filters }),
        signal: done.signal,
        onEmpty: () => done.abort(),
        onBatch: (batch, pending) => {
          // The data is a view into a buffer of the connection.
          for (const message of batch) found.push({ ...message, data: message.data.slice() });
          if (pending === 0) done.abort();
        },
      });
      return found;
    },
    stop: async () => {
      await client.close();
      await connection.close();
      await Promise.all([...running.values()].flat().map((copy) => copy.kill9()));
      await server.stop();
    },
  };
};
