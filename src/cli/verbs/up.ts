// `opstream up`: a whole instance on this machine, until Ctrl-C. Data stays in the folder; a second `up` there goes on where the first was.

import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Fault } from '../../core/fault.ts';
import { createFollowUpLog } from '../up/follow-up-log.ts';
import { startEmbedded } from '../up/embedded.ts';
import { awaitServices } from '../up/await-services.ts';
import { exampleManifests, exampleOf } from '../up/example.ts';
import { supervise, type Supervised } from '../up/supervised.ts';
import { countOf, UsageError, type Verb } from '../verb.ts';
import { textOf } from '../arguments.ts';

const run = promisify(execFile);
const DEFAULT_PORT = 4222;
const DEFAULT_FOLDER = '.opstream';
const READY_MS = 30_000;

const finder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'scripts', 'nats-server.mjs');

/** OPSTREAM_NATS_SERVER (set by `npm start`), else what scripts/nats-server.mjs finds or fetches. */
const findServer = async (environment: Readonly<Record<string, string | undefined>>): Promise<string> => {
  const named = environment['OPSTREAM_NATS_SERVER'];
  if (named !== undefined && named !== '') return named;
  try {
    const { stdout } = await run(process.execPath, [finder], { env: environment });
    return stdout.trim();
  } catch (error) {
    const detail = (error as { readonly stderr?: string }).stderr?.trim() ?? '';
    throw new Fault('CONFIG_INVALID', detail === '' ? 'no nats-server was found' : detail, {
      retry: 'never',
      cause: error,
    });
  }
};

const portOf = (value: number | undefined): number => {
  if (value === undefined) return DEFAULT_PORT;
  if (value <= 65_535) return value;
  throw new UsageError(`--port: expected 0 to 65535, found ${value}`);
};

export const up: Verb = {
  name: 'up',
  about: 'run a whole instance on this machine: nats-server and the four processes',
  usage: '[--data DIR] [--port PORT] [--example] [--fast]',
  flags: {
    data: { kind: 'text', value: 'DIR', about: `where the data is kept; default ${DEFAULT_FOLDER}` },
    port: {
      kind: 'text',
      value: 'PORT',
      about: `port of the NATS server; default ${DEFAULT_PORT}, 0 for any free one`,
    },
    example: {
      kind: 'bare',
      about: 'also run the Azure Data Factory component of the seed, against a stand-in of its API',
    },
    fast: {
      kind: 'bare',
      about: 'do not wait for the disk at each write: a power loss may then take the last two minutes',
    },
  },
  notes: [
    'Ctrl-C stops everything in order. What is stored stays, and the next `up` on the same folder goes on with it.',
  ],
  run: async (args, context) => {
    const { terminal, environment, signal } = context;
    const directory = resolve(textOf(args, 'data') ?? DEFAULT_FOLDER);
    const natsServer = await findServer(environment.env);
    terminal.info(`starting in ${directory}`);
    const log = createFollowUpLog(terminal);
    const embedded = await startEmbedded({
      directory,
      natsServer,
      port: portOf(countOf(args, 'port')),
      syncAlways: !args.flags.has('fast'),
      environment: environment.env,
      log,
    });
    const stopped = new Promise<'stop'>((done) => {
      if (signal.aborted) done('stop');
      signal.addEventListener('abort', () => done('stop'), { once: true });
    });
    const further: Supervised[] = [];
    try {
      if (args.flags.has('example')) {
        const example = await exampleOf({ natsUrl: embedded.url, environment: environment.env });
        for (const definition of example.processes) further.push(await supervise(definition, directory, log));
      }
      await Promise.race([awaitServices(embedded.url, context, READY_MS), stopped]);
      if (!signal.aborted) announce(embedded.url, directory, further.length > 0, terminal);
      const end = await Promise.race([stopped, embedded.serverExited.then(() => 'server' as const)]);
      if (end === 'stop') return 0;
      terminal.error(`nats-server ended by itself; see ${join(directory, 'logs', 'nats-server.log')}`);
      return 1;
    } finally {
      terminal.info('stopping');
      await Promise.all(further.map((one) => one.stop()));
      await embedded.stop();
      terminal.info('stopped');
    }
  },
};

const announce = (
  url: string,
  directory: string,
  hasExample: boolean,
  terminal: { info(text: string): void; out(text: string): void },
): void => {
  terminal.info('everything is running');
  terminal.out(
    [
      '',
      `  NATS server   ${url}`,
      `  data, logs    ${directory}`,
      ...(hasExample ? [`  manifests     ${exampleManifests}`] : []),
      '',
      '  With the nats CLI:',
      `    nats -s ${url} micro ls`,
      `    nats -s ${url} sub 'opstream.live.>'`,
      `    nats -s ${url} req --no-templates opstream.rpc.apply < manifest.yaml`,
      '  With opstream:',
      `    OPSTREAM_NATS_URL=${url} opstream apply -f manifest.yaml --wait`,
      '',
      '  Ctrl-C stops it.',
    ].join('\n'),
  );
};
