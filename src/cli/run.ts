// One call of the CLI: finds the verb, reads its arguments, opens what it needs, and turns whatever happens into a message and an exit
// code. Called by main.ts with the process around it, and by tests with one of their own.

import { isFault, type Fault } from '../core/fault.ts';
import { DEFAULT_ACTOR } from '../messages/commands.ts';
import { nearestName } from '../json-schema/nearest.ts';
import { namesFor } from '../messages/subjects.ts';
import { loadConfig, type Environment } from '../program/config-table.ts';
import { exitCodeOf, exitCodes } from '../program/lifecycle.ts';
import { instanceTable } from '../program/instance-config.ts';
import { openClient } from '../client/open-client.ts';
import type { Client } from '../client/types.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Log } from '../engine/ports/log.ts';
import { parseArguments, textOf, type ParsedArguments } from './arguments.ts';
import type { CliContext } from './context.ts';
import { globalFlags, overview, verbHelp, verbUsage } from './help.ts';
import type { Terminal } from '../program/terminal.ts';
import { UsageError, type Verb } from './verb.ts';
import { withoutUser } from '../core/server-address.ts';

export type CliOptions = {
  readonly verbs: readonly Verb[];
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly signal: AbortSignal;
  /** User of the operating system, if it has one. */
  readonly user: string | undefined;
  readStdin(): Promise<Uint8Array>;
  /** For tests; default: over NATS. */
  openClient?: typeof openClient;
};

// Headers carry printable ASCII only.
const actorOf = (named: string | undefined, user: string | undefined): string => {
  const actor = named !== undefined && named !== '' ? named : (user ?? DEFAULT_ACTOR);
  return /^[\x20-\x7e]{1,256}$/.test(actor) ? actor : DEFAULT_ACTOR;
};

const usage = ({ terminal }: CliOptions, verb: Verb | undefined, messages: readonly string[]): number => {
  for (const message of messages) terminal.error(message);
  terminal.note(
    verb === undefined
      ? 'usage: opstream VERB [FLAGS]; `opstream help` lists them'
      : `${verbUsage(verb)}\n\`opstream help ${verb.name}\` says more`,
  );
  return exitCodes.usage;
};

const whatToDo = (fault: Fault, natsUrl: string): string => {
  if (fault.code === 'NATS_UNREACHABLE') {
    const server = withoutUser(natsUrl);
    return fault.retry === 'never'
      ? `the NATS server at ${server} cannot be used: ${fault.message}`
      : `no NATS server answers at ${server}; start an instance with \`opstream up\`, or say where one is with OPSTREAM_NATS_URL or --nats-url (${fault.message})`;
  }
  const { commandId } = fault.details;
  if (fault.code === 'NATS_TIMEOUT' && typeof commandId === 'string')
    return `${fault.message} (--command-id ${commandId})`;
  return fault.message;
};

const configOf = (options: CliOptions, args: ParsedArguments) => {
  const argv = Object.keys(globalFlags).flatMap((flag) => {
    const value = flag === 'help' ? undefined : textOf(args, flag);
    return value === undefined ? [] : [`--${flag}=${value}`];
  });
  return loadConfig(instanceTable, options.environment.env, argv);
};

const runVerb = async (options: CliOptions, verb: Verb, args: ParsedArguments): Promise<number> => {
  const { terminal, environment, log, clock, ids, signal } = options;
  const loaded = configOf(options, args);
  if (!loaded.ok)
    return usage(
      options,
      verb,
      loaded.error.map(({ source, message }) => `${source} ${message}`),
    );
  const { config } = loaded.value;
  let client: Promise<Client> | undefined;
  const context: CliContext = {
    terminal,
    environment,
    config,
    names: namesFor(config.prefix),
    actor: actorOf(environment.env['OPSTREAM_ACTOR'], options.user),
    log,
    clock,
    ids,
    signal,
    connect: () => (client ??= (options.openClient ?? openClient)({ config, log, clock, ids, signal })),
    readStdin: options.readStdin,
  };
  try {
    return await verb.run(args, context);
  } catch (error) {
    if (error instanceof UsageError) return usage(options, verb, [error.message]);
    if (!isFault(error)) throw error;
    terminal.error(whatToDo(error, config.natsUrl));
    return exitCodeOf(error);
  } finally {
    await client?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
};

/** The exit code. Throws only what is a bug. */
export const runCli = async (options: CliOptions): Promise<number> => {
  const { verbs, terminal } = options;
  const [first, ...rest] = options.environment.argv;
  const isHelp = first === 'help' || first === '--help' || first === '-h';
  const name = isHelp ? rest[0] : first === '--version' ? 'version' : first;
  if (name === undefined) {
    if (isHelp) terminal.out(overview(verbs));
    else terminal.note(overview(verbs));
    return isHelp ? exitCodes.done : exitCodes.usage;
  }
  const verb = verbs.find((one) => one.name === name);
  if (verb === undefined) {
    const nearest = nearestName(
      name,
      verbs.map((one) => one.name),
    );
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    return usage(options, undefined, [
      name.startsWith('-') ? `expected a verb first, found ${name}` : `unknown verb "${name}"${hint}`,
    ]);
  }
  if (isHelp || rest.includes('--help') || rest.includes('-h')) {
    terminal.out(verbHelp(verb));
    return exitCodes.done;
  }
  const args = parseArguments({ ...globalFlags, ...verb.flags }, rest, verb.maxPositionals ?? 0);
  if (!args.ok)
    return usage(
      options,
      verb,
      args.error.map(({ message }) => message),
    );
  return runVerb(options, verb, args.value);
};
