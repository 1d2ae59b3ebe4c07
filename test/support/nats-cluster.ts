// Three real nats-servers that are one cluster, for tests and programs that kill them: each node keeps its port and its store over a kill and a
// start, and the cluster can be asked who leads a stream, be told who shall, and be waited for. Gone when the test process is gone.

import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { isReplicated, streamInfo } from '../../src/jetstream/stream-contents.ts';
import { api } from './jetstream.ts';
import { startNatsServer, type TestServer } from './nats-server.ts';
import { silentLog } from './silent-log.ts';
import { waitFor } from './wait-for.ts';

export type ClusterNode = {
  /** `n1`, `n2`, `n3`: the server's own name. */
  readonly name: string;
  /** Of this node alone. */
  readonly url: string;
  readonly isRunning: boolean;
  readonly storeDir: string;
  /** What it has logged since it was first started. */
  log(): string;
  kill9(): Promise<void>;
  /** SIGTERM, and its end. */
  terminate(): Promise<void>;
  /** Starts it (after ending it, when it runs) on the same port and store; resolves when it takes connections. */
  start(): Promise<void>;
};

export type TestCluster = {
  readonly nodes: readonly ClusterNode[];
  /** Of all nodes, comma separated. */
  readonly url: string;
  /** Undefined while there is an election. */
  leaderOf(stream: string): Promise<ClusterNode | undefined>;
  /** Makes the node lead the stream; fails when it does not within 30 s. */
  lead(stream: string, node: ClusterNode): Promise<void>;
  /** Until the cluster answers, and each of the streams has a leader and replicas that have all it has. */
  settled(streams: readonly string[], timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
};

export type TestClusterOptions = {
  /** Every acknowledgement means: on disk. Default false; a kill -9 loses nothing either way. */
  readonly syncAlways?: boolean;
};

const NODES = ['n1', 'n2', 'n3'] as const;
const HOST = '127.0.0.1';
/** Below the ports that the system gives to outgoing connections, beside those of single servers. */
const [FIRST_PORT, PORT_COUNT] = [12_000, 7000];
const TRIES = 5;
const SETTLED_MS = 60_000;

const configurationOf = (name: string, index: number, ports: readonly number[]): string => {
  const routes = ports.map((port) => `"nats://${HOST}:${port}"`).join(', ');
  return `server_name: ${name}\ncluster { name: test, listen: "${HOST}:${ports[index]}", routes: [${routes}] }`;
};

const nodeOf = (name: string, server: TestServer): ClusterNode => {
  let isRunning = true;
  return {
    name,
    get url() {
      return server.url;
    },
    get isRunning() {
      return isRunning;
    },
    storeDir: server.storeDir,
    log: () => server.log(),
    kill9: async () => {
      isRunning = false;
      await server.kill9();
    },
    terminate: async () => {
      isRunning = false;
      await server.end();
    },
    start: async () => {
      await server.restart();
      isRunning = true;
    },
  };
};

/** The three at the same time; a port that was drawn may be somebody else's. */
const startServers = async (options: TestClusterOptions, triesLeft = TRIES): Promise<readonly TestServer[]> => {
  const first = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
  const ports = NODES.map((_, index) => first + index);
  const starts = await Promise.allSettled(
    NODES.map((name, index) => startNatsServer({ ...options, configuration: configurationOf(name, index, ports) })),
  );
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  if (servers.length === NODES.length) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  if (triesLeft > 0) return startServers(options, triesLeft - 1);
  throw new Error(
    `no cluster: ${starts.map((start) => (start.status === 'rejected' ? String(start.reason) : '')).join()}`,
  );
};

/** Resolves when the cluster takes streams. */
export const startNatsCluster = async (options: TestClusterOptions = {}): Promise<TestCluster> => {
  const servers = await startServers(options);
  const nodes = servers.map((server, index) => nodeOf(NODES[index] ?? '', server));
  const url = nodes.map((node) => node.url).join(',');
  const stopAll = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  let connection: JetStreamConnection;
  try {
    connection = await connectNats({ url, name: 'test-cluster', log: silentLog });
    await waitFor(
      () =>
        api(connection, 'INFO').then(
          ({ error }) => error === undefined,
          () => false,
        ),
      {
        timeoutMs: SETTLED_MS,
        what: 'the cluster to elect its leader',
      },
    );
  } catch (error) {
    await stopAll();
    throw error;
  }

  /** Undefined for whatever is not answered at the moment. */
  const infoOf = (stream: string) => streamInfo(connection, stream).catch(() => undefined);
  const leaderOf: TestCluster['leaderOf'] = async (stream) => {
    const leader = (await infoOf(stream))?.cluster?.leader;
    return nodes.find(({ name }) => name === leader);
  };
  return {
    nodes,
    url,
    leaderOf,
    lead: async (stream, node) => {
      await waitFor(
        async () => {
          if ((await leaderOf(stream)) === node) return true;
          await api(connection, `STREAM.LEADER.STEPDOWN.${stream}`, { placement: { preferred: node.name } }).catch(
            () => undefined,
          );
          return false;
        },
        { timeoutMs: 30_000, intervalMs: 500, what: `${node.name} to lead ${stream}` },
      );
    },
    settled: async (streams, timeoutMs = SETTLED_MS) => {
      for (const stream of streams)
        await waitFor(
          async () => {
            const info = await infoOf(stream);
            return info?.cluster?.leader !== undefined && isReplicated(info);
          },
          { timeoutMs, intervalMs: 100, what: `${stream} to have a leader and current replicas` },
        );
    },
    stop: async () => {
      await connection.close();
      await stopAll();
    },
  };
};
