// backup: every stream and bucket of an instance into a folder, while nothing of it runs. Reads every message, so that a restore can prove that
// it has them all. Changes nothing on the server.

import { Fault } from '../../core/fault.ts';
import type { JsonObject } from '../../core/json.ts';
import type { JetStreamConnection } from '../../jetstream/connection.ts';
import { connectNats } from '../../jetstream/connection.ts';
import { streamInfo, streamsOf, wholeMessages } from '../../jetstream/stream-contents.ts';
import { takeSnapshot } from '../../jetstream/stream-snapshot.ts';
import { connectionOptions } from '../../program/connection-options.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import { newBackup, type BackedUpStream } from '../backup/backup-folder.ts';
import { digestLine } from '../backup/digests.ts';
import type { CliContext } from '../context.ts';
import { UsageError, type Verb } from '../verb.ts';

/** A backup beside running processes would lack what they write after it, and a restore would be the past. */
const refuseWhileRunning = async ({ connect, names }: CliContext): Promise<void> => {
  const running = (await (await connect()).services()).filter(({ name }) =>
    Object.values<string>(names.services).includes(name),
  );
  if (running.length === 0) return;
  const list = [...new Set(running.map(({ name }) => name))].join(', ');
  throw new Fault(
    'CONFIG_INVALID',
    `${list} still runs; stop the processes and the components first, then nothing is written that the backup lacks`,
    {
      retry: 'never',
    },
  );
};

const backUp = async (
  connection: JetStreamConnection,
  backup: ReturnType<typeof newBackup>,
  name: string,
): Promise<BackedUpStream> => {
  const snapshot = backup.snapshot(name);
  const { config, state } = await takeSnapshot(connection, name, (chunk) => snapshot.write(chunk));
  await snapshot.end();
  const digests = backup.digests(name);
  const maxAgeNanos = Number(config['max_age'] ?? 0);
  let messages = 0;
  for await (const message of wholeMessages(connection, name)) {
    messages += 1;
    await digests.write(`${digestLine(message, maxAgeNanos)}\n`);
  }
  await digests.end();
  const after = (await streamInfo(connection, name))?.state;
  if (after?.last_seq !== state['last_seq'])
    throw new Fault(
      'JS_CONFLICT',
      `${name} grew while it was read (${String(state['last_seq'])}, then ${String(after?.last_seq)}); stop what writes to it and take the backup again into a new folder`,
    );
  // Messages with a time to live may go while they are read.
  if (messages < (after?.messages ?? 0))
    throw new Fault(
      'DOCUMENT_INVALID',
      `${name}: ${messages} of ${after?.messages} messages could be read; the others cannot be backed up: look into the server's log`,
      { retry: 'never' },
    );
  return { name, config: config as JsonObject, state: state as JsonObject, messages };
};

export const backupVerb: Verb = {
  name: 'backup',
  about: 'write every stream of an instance that is stopped into a folder',
  usage: 'DIR',
  flags: {},
  maxPositionals: 1,
  notes: [
    'Stop the four processes and the components first; the NATS server keeps running. Reads every message, and changes nothing on the server.',
    'The folder holds secrets in their sealed form, and everything else in the clear.',
  ],
  run: async (args, context) => {
    const [folder] = args.positionals;
    if (folder === undefined) throw new UsageError('DIR is missing: say where the backup goes');
    const { config, names, log, clock, signal, terminal } = context;
    await refuseWhileRunning(context);
    const options = {
      ...connectionOptions(config),
      name: `${config.prefix}-backup`,
      log,
      waitForServer: false,
      signal,
    };
    const connection = await connectNats(options);
    try {
      const found = await streamsOf(connection, names.prefix);
      if (found.length === 0)
        throw new Fault('JS_NOT_FOUND', `no stream of ${names.prefix} is there; is it the right server and --prefix?`, {
          retry: 'never',
        });
      const backup = newBackup(folder);
      const streams: BackedUpStream[] = [];
      for (const name of found) {
        const one = await backUp(connection, backup, name);
        streams.push(one);
        terminal.out(`${name}: ${one.messages} messages`);
      }
      backup.finish({ prefix: names.prefix, takenAt: new Date(clock.nowMs()).toISOString(), streams });
      terminal.info(`backup in ${folder}: ${streams.length} streams, every message read`);
    } finally {
      await connection.close();
    }
    return exitCodes.done;
  },
};
