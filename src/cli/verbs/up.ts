// `opstream up`: a whole instance on this machine, until Ctrl-C. Data stays in the folder; a second `up` there goes on where the first was.

import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Fault } from '../../core/fault.ts';
import { createFollowUpLog } from '../../embedded/follow-up-log.ts';
import { startEmbedded } from '../../embedded/embedded.ts';
import { environmentOf } from '../../embedded/secret-keys.ts';
import { awaitServices } from '../../embedded/await-services.ts';
import { exampleManifests, exampleOf } from '../../embedded/example.ts';
import { supervise, type Supervised } from '../../embedded/supervised.ts';
import { countOf, UsageError, type Verb } from '../verb.ts';
import { has, textOf, type ParsedArguments } from '../arguments.ts';
import { anyText, type ValueRule } from '../flag-values.ts';
import { printable } from '../../core/names.ts';
import type { CliContext } from '../context.ts';
import type { Embedded } from '../../embedded/embedded.ts';
import { runningComponents } from '../../compute/instance-records.ts';
import { withoutUser } from '../../core/server-address.ts';

const run = promisify(execFile);
const DEFAULT_PORT = 4222;
const DEFAULT_FOLDER = '.opstream';
const READY_MS = 30_000;

const finder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'scripts', 'nats-server.mjs');

/** OPSTREAM_NATS_SERVER (set by `npm start`), else what scripts/nats-server.mjs finds or fetches. */
export const findServer = async (environment: Readonly<Record<string, string | undefined>>): Promise<string> => {
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

const aPort: ValueRule = (text) =>
  /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? undefined : `expected 0 to 65535, found "${printable(text)}"`;

const portOf = (args: ParsedArguments): number => countOf(args, 'port') ?? DEFAULT_PORT;

/** Only the flag: OPSTREAM_NATS_URL is where other verbs find an instance, and `up` begins one. */
const givenServer = (args: ParsedArguments): string | undefined => {
  const url = textOf(args, 'nats-url');
  const own = url === undefined ? undefined : ['port', 'fast'].find((flag) => has(args, flag));
  if (own !== undefined)
    throw new UsageError(`--${own} is for a server that \`up\` starts; leave it out with --nats-url`);
  return url;
};

/** The environment of the children: this one's, with what flags have said. */
const childEnvironment = (
  args: ParsedArguments,
  { environment, config }: CliContext,
): Readonly<Record<string, string | undefined>> => ({
  ...environment.env,
  OPSTREAM_PREFIX: config.prefix,
  ...(has(args, 'log-level') ? { OPSTREAM_LOG_LEVEL: config.logLevel } : {}),
  ...(config.natsUser === undefined ? {} : { OPSTREAM_NATS_USER: config.natsUser }),
  ...(config.natsCreds === undefined ? {} : { OPSTREAM_NATS_CREDS: resolve(config.natsCreds) }),
  ...(config.natsCa === undefined ? {} : { OPSTREAM_NATS_CA: resolve(config.natsCa) }),
  ...(config.natsCert === undefined ? {} : { OPSTREAM_NATS_CERT: resolve(config.natsCert) }),
  ...(config.natsKey === undefined ? {} : { OPSTREAM_NATS_KEY: resolve(config.natsKey) }),
});

const NO_EXAMPLE = { files: {}, environment: {}, processes: [] } as const;

export const up: Verb = {
  name: 'up',
  about: 'run a whole instance on this machine: nats-server and the four processes',
  usage: '[--data DIR] [--port PORT | --nats-url URL] [--example] [--fast]',
  flags: {
    data: { kind: 'text', is: anyText, value: 'DIR', about: `where the data is kept; default ${DEFAULT_FOLDER}` },
    port: {
      kind: 'text',
      is: aPort,
      value: 'PORT',
      about: `port of the NATS server; default ${DEFAULT_PORT} or the next free one; 0 for any free one`,
    },
    example: {
      kind: 'bare',
      about:
        "also run a stand-in of Azure Data Factory's API; the component starts when the seed's operator is applied",
    },
    fast: {
      kind: 'bare',
      about: 'do not wait for the disk at each write: a power loss may then take the last two minutes',
    },
  },
  notes: [
    'Ctrl-C stops everything in order, a second one at once. What is stored stays, and the next `up` on the same folder goes on with it.',
    'With --nats-url the processes use that server, and none is started.',
  ],
  run: async (args, context) => {
    const { terminal, signal } = context;
    const directory = resolve(textOf(args, 'data') ?? DEFAULT_FOLDER);
    const port = portOf(args);
    const natsUrl = givenServer(args);
    const environment = childEnvironment(args, context);
    // Says at once when nobody answers there; without it the processes would wait for ever.
    if (natsUrl !== undefined) await context.connect();
    // For an operator that wants a server of its own there must be one too; without it that operator says so.
    const found = findServer(environment);
    const natsServer = await (natsUrl === undefined ? found : found.catch(() => ''));
    terminal.info(`starting in ${directory}`);
    const log = createFollowUpLog(terminal);
    const standIn = environmentOf('stand-in', environment, undefined);
    const example = has(args, 'example') ? await exampleOf({ directory, environment: standIn }) : NO_EXAMPLE;
    const embedded = await startEmbedded({
      directory,
      natsServer,
      ...(natsUrl === undefined ? {} : { natsUrl }),
      port,
      // A port that was asked for is meant: clients will look for it there.
      nextFreePort: !has(args, 'port'),
      syncAlways: !has(args, 'fast'),
      files: example.files,
      environment: { ...environment, ...example.environment },
      log,
    });
    if (natsUrl === undefined && !has(args, 'port') && !embedded.url.endsWith(`:${port}`))
      terminal.warn(`port ${port} is taken by another program; the NATS server is at ${embedded.url}`);
    const stopped = whenStopped(signal);
    const further: Supervised[] = [];
    try {
      for (const definition of example.processes) further.push(await supervise(definition, directory, log));
      await Promise.race([awaitServices(embedded.url, context, READY_MS), stopped]);
      if (!signal.aborted) announce(embedded, directory, further.length > 0, context);
      const end = await Promise.race([stopped, embedded.serverExited.then(() => 'server' as const)]);
      if (end === 'stop') return 0;
      terminal.error(`nats-server does not stay up; see ${join(directory, 'logs', 'nats-server.log')}`);
      return 1;
    } finally {
      terminal.info(stoppingText(runningComponents(directory).length));
      await Promise.all(further.map((one) => one.stop()));
      await embedded.stop();
      terminal.info(`stopped; what is stored stays in ${directory}`);
    }
  },
};

const stoppingText = (components: number): string =>
  components === 0 ? 'stopping' : `stopping, with ${components} of the operators' components`;

const whenStopped = (signal: AbortSignal): Promise<'stop'> =>
  new Promise((done) => {
    if (signal.aborted) done('stop');
    signal.addEventListener('abort', () => done('stop'), { once: true });
  });

const announce = (embedded: Embedded, directory: string, hasExample: boolean, context: CliContext): void => {
  const { terminal, names } = context;
  const { prefix } = names;
  // What an address says of a user stays out of what may be copied.
  const url = withoutUser(embedded.url);
  const settings = [`OPSTREAM_NATS_URL=${url}`, ...(prefix === 'opstream' ? [] : [`OPSTREAM_PREFIX=${prefix}`])];
  terminal.info('everything is running');
  terminal.out(
    [
      '',
      `  NATS server   ${url}${embedded.serverPid === undefined ? ' (not started here)' : ''}`,
      `  data, logs    ${directory}`,
      ...(hasExample ? [`  manifests     ${exampleManifests}`] : []),
      '',
      '  With the nats CLI:',
      `    nats -s ${url} micro ls`,
      `    nats -s ${url} sub '${prefix}.live.>'`,
      `    nats -s ${url} req --no-templates ${names.rpc('apply')} < manifest.yaml`,
      '  With opstream:',
      `    ${settings.join(' ')} opstream apply -f manifest.yaml --wait`,
      '',
      '  Ctrl-C stops it.',
    ].join('\n'),
  );
};
