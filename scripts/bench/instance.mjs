// An instance to be measured: the embedded set in a folder of its own, and a connection for the bench itself.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';

const dist = (path) => import(`../../dist/${path}`);

export const startInstance = async ({ natsServer, syncAlways, name }) => {
  const { endLeftovers, startEmbedded } = await dist('embedded/embedded.js');
  const { supervise } = await dist('embedded/supervised.js');
  const { connectNats } = await dist('jetstream/connection.js');
  const { silentLog } = await dist('program/logger.js');
  const directory = join(root, '.opstream', name);
  await endLeftovers(directory);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const environment = {
    ...process.env,
    OPSTREAM_LOG_LEVEL: 'warn',
    OPSTREAM_COMPUTES: 'runnable-default=external,external=external',
  };
  const embedded = await startEmbedded({
    directory,
    natsServer,
    port: 0,
    syncAlways,
    environment,
    log: silentLog,
    processes: ['command-handler'],
  });
  const connection = await connectNats({ url: embedded.url, name: 'bench', log: silentLog });
  const extra = [];
  const pids = () =>
    Object.fromEntries([
      ['nats-server', embedded.serverPid],
      ...[...embedded.processes, ...extra].map((one) => [one.name, one.pid()]),
    ]);
  return {
    connection,
    directory,
    pids,
    start: async (processName, program, variables = {}, programArguments = []) => {
      const definition = {
        name: processName,
        program: join(root, program),
        arguments: programArguments,
        environment: { ...environment, ...variables, OPSTREAM_NATS_URL: embedded.url },
      };
      extra.push(await supervise(definition, directory, silentLog));
    },
    end: async (processName) => {
      await extra.find((one) => one.name === processName)?.stop();
      extra.splice(
        extra.findIndex((one) => one.name === processName),
        1,
      );
    },
    stop: async () => {
      await connection.close();
      await Promise.all(extra.map((one) => one.stop()));
      await embedded.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

/** Sum of the last sequences of all streams: how many messages JetStream has written. */
export const countWrites = async (connection) => {
  let total = 0;
  for (let offset = 0; ;) {
    const message = await connection.slots.request(
      '$JS.API.STREAM.LIST',
      new TextEncoder().encode(JSON.stringify({ offset })),
    );
    const answer = JSON.parse(new TextDecoder().decode(message.data));
    for (const { state } of answer.streams) total += state.last_seq;
    offset += answer.streams.length;
    if (offset >= answer.total || answer.streams.length === 0) return total;
  }
};

export const createStream = async (connection, config) => {
  const message = await connection.slots.request(
    `$JS.API.STREAM.CREATE.${config.name}`,
    new TextEncoder().encode(JSON.stringify(config)),
  );
  const answer = JSON.parse(new TextDecoder().decode(message.data));
  if (answer.error) throw new Error(`stream ${config.name}: ${answer.error.description}`);
};

export const lastSequence = async (connection, stream) => {
  const message = await connection.slots.request(`$JS.API.STREAM.INFO.${stream}`, new Uint8Array());
  return JSON.parse(new TextDecoder().decode(message.data)).state?.last_seq ?? 0;
};
