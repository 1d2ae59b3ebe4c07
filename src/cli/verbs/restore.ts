// restore: the streams of a backup onto a server that has none of them, uncompressed and with as many replicas as asked for, and then every
// message read and held against the backup. A second call goes on where the first one ended: what is there and equal stays.

import { Fault } from '../../core/fault.ts';
import { compressionProblem, uncompressed } from '../../jetstream/compression.ts';
import { connectNats, type JetStreamConnection } from '../../jetstream/connection.ts';
import { pause } from '../../jetstream/pause.ts';
import { isReplicated, streamInfo, wholeMessages } from '../../jetstream/stream-contents.ts';
import { readStreamDefinitions } from '../../jetstream/stream-definitions.ts';
import { restoreSnapshot, type StreamConfig } from '../../jetstream/stream-snapshot.ts';
import { connectionOptions } from '../../program/connection-options.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { openBackup, type BackedUpStream } from '../backup/backup-folder.ts';
import { compareDigests } from '../backup/digests.ts';
import type { CliContext } from '../context.ts';
import { oneOf } from '../flag-values.ts';
import { countOf, UsageError, type Verb } from '../verb.ts';

const REPLICATED_MS = 120_000;
const LOOK_AGAIN_MS = 200;
/** As it was, but as the definitions of now want it stored. */
const wantedConfig = ({ name, config }: BackedUpStream, prefix: string, replicas: number | undefined): StreamConfig => {
  const definition = readStreamDefinitions({ prefix }).find((one) => one.name === name);
  return uncompressed({ ...config, ...definition, num_replicas: replicas ?? config['num_replicas'] ?? 1 });
};

const untilReplicated = async (connection: JetStreamConnection, name: string, signal: AbortSignal): Promise<void> => {
  const deadlineMs = performance.now() + REPLICATED_MS;
  for (;;) {
    const info = await streamInfo(connection, name);
    if (info !== undefined && isReplicated(info)) return;
    if (performance.now() > deadlineMs || signal.aborted)
      throw new Fault(
        'NATS_TIMEOUT',
        `${name}: its replicas did not catch up within ${REPLICATED_MS / 1000} s; run the same restore again`,
      );
    await pause(LOOK_AGAIN_MS, signal);
  }
};

type Restoring = {
  readonly connection: JetStreamConnection;
  readonly backup: ReturnType<typeof openBackup>;
  readonly context: CliContext;
  readonly replicas: number | undefined;
};

/** Whether the stream is now what the backup says. */
const restoreOne = async (stream: BackedUpStream, options: Restoring): Promise<boolean> => {
  const { connection, backup, context, replicas } = options;
  const { terminal, clock, signal } = context;
  const { name } = stream;
  const found = await streamInfo(connection, name);
  if (found === undefined) {
    const config = wantedConfig(stream, backup.index.prefix, replicas);
    await restoreSnapshot(connection, { config, state: stream.state }, backup.chunks(name));
  }
  await untilReplicated(connection, name, signal);
  const { equal, expired, differences, told } = await compareDigests(
    backup.digests(name),
    wholeMessages(connection, name),
    clock.nowMs(),
  );
  const gone = expired === 0 ? '' : `, ${expired} expired since`;
  // Any number of replicas would do for what is asked here: whether there are blocks that may not be replicated.
  const packed = found === undefined ? undefined : compressionProblem({ ...found.config, num_replicas: 3 });
  if (differences === 0 && packed === undefined) {
    terminal.out(
      `${name}: ${equal} messages read, equal${gone}${found === undefined ? '' : ' (it was there already)'}`,
    );
    return true;
  }
  const reason =
    differences === 0 ? 'is the stream that was backed up, compressed as it was' : `${differences} messages differ`;
  terminal.error(
    found === undefined
      ? `${name}: ${reason} from the backup`
      : `${name} is there already and ${reason}; delete it (nats stream rm ${name}) when you trust the backup, or restore to another server`,
  );
  for (const text of told) terminal.note(`  ${text}`);
  return false;
};

export const restoreVerb: Verb = {
  name: 'restore',
  about: 'make the streams of a backup again, and prove it by reading every message',
  usage: 'DIR [--replicas NUMBER]',
  flags: {
    replicas: {
      kind: 'text',
      is: oneOf('1', '2', '3', '4', '5'),
      value: 'NUMBER',
      about: 'replicas of each stream; default OPSTREAM_STREAM_REPLICAS, else as they were',
    },
  },
  maxPositionals: 1,
  notes: [
    'Start no process before it is done. A stream that is there already is left alone: equal to the backup it counts as restored, otherwise it is an error.',
  ],
  run: async (args, context) => {
    const [folder] = args.positionals;
    if (folder === undefined) throw new UsageError('DIR is missing: say where the backup is');
    const { config, names, log, signal, terminal } = context;
    const replicas = countOf(args, 'replicas') ?? config.replicas;
    const backup = openBackup(folder);
    const { prefix, streams, takenAt } = backup.index;
    if (prefix !== names.prefix)
      throw new UsageError(
        `the backup is of the instance ${prefix}, found --prefix ${names.prefix}; its streams keep their names`,
      );
    const connection = await connectNats({
      ...connectionOptions(config),
      name: `${prefix}-restore`,
      log,
      waitForServer: false,
      signal,
    });
    let isWhole = true;
    try {
      for (const stream of streams)
        isWhole = (await restoreOne(stream, { connection, backup, context, replicas })) && isWhole;
    } finally {
      await connection.close();
    }
    if (isWhole) terminal.info(`restored as of ${takenAt}: ${streams.length} streams, every message read and equal`);
    return isWhole ? exitCodes.done : exitCodes.failed;
  },
};
