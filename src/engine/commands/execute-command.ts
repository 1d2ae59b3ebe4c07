// Carries out one command, whichever door it came through, in five steps: read -> gather -> decide -> store -> answer.
//
// - read (intent.ts): from the bytes to what is meant. Commands on the same thing then wait for each other.
// - gather (gather.ts): all that it is decided on, from memory or from the server.
// - decide (decide-command.ts, deciders.ts): which events come of it, or why not. Waits for nothing.
// - store (store-changes.ts): the events, as one append.
// - answer (answer.ts): the receipt, with what the lint says, stored where it is the only memory of the command.
//
// A command is tried again from `gather` on: first with what is in memory, then, if that came to an answer without an append, with what the
// server has (`Attempt`).
//
// Guarantees: an accepted receipt is durable (P1); a command id is applied once, for ever (P2): accepted ones are found in the events
// of their aggregates, others in OPSTREAM_OUTCOMES; all documents of a command or none (P3: one atomic batch); each event is
// decided on the one before it (P4: expected sequence, then gather and decide again, in at most MAX_ROUNDS rounds).

import { Fault, isFault } from '../../core/fault.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { Receipt } from '../../messages/commands.ts';
import { fnv1a, type Names, type Ref } from '../../messages/subjects.ts';
import type { Census } from '../evolution/census.ts';
import type { Outcomes } from '../history/outcomes.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { JqRunner } from '../ports/jq.ts';
import type { Metrics } from '../ports/metrics.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Appender } from '../ports/streams.ts';
import type { Vault } from '../ports/vault.ts';
import type { Aggregates } from './aggregates.ts';
import { createAnswers, receiptOf } from './answer.ts';
import type { OperatorsAt } from './channel-claims.ts';
import { createCommandMeter } from './command-meter.ts';
import type { CommandRequest } from './command-request.ts';
import { createCommandDecider, type Decided } from './decide-command.ts';
import { createGatherer, mayGuess, type Attempt } from './gather.ts';
import { readCommand, type Command } from './intent.ts';
import type { OutcomeIndex } from './outcome-index.ts';
import type { Relations } from './relations.ts';
import { noVault } from './sealing.ts';
import type { SpecSchemas } from './spec-schemas.ts';
import { createChangeStore } from './store-changes.ts';

const MAX_ROUNDS = 8;
/** A lock, no aggregate. */
const ALL_OPERATORS: Ref = { kind: 'operator', workspace: NO_WORKSPACE, name: '*' };
/** An event that is not confirmed by then is given up (the command may be sent again): no decision is older when it is stored. */
export const APPEND_DEADLINE_MS = 3500;

/** Keeps commands that came in an order in that order. Both are called while no other command works on `things`. */
export type Sequencing = {
  /** Throws a Fault when the command may not be begun now: an earlier one has to be repeated first. */
  begin(things: readonly Ref[]): void;
  /** The command has failed, and has to be repeated before another on one of `things` is begun. */
  failed(things: readonly Ref[], error: unknown): void;
};

export type ExecuteOptions = {
  /** Store the receipt whatever it says (durable commands: they lie in a stream, so values in the clear are refused). */
  readonly keepOutcome: boolean;
  readonly sequencing?: Sequencing;
};

export type CommandExecutor = {
  /** Commands on the same thing are carried out in the order of the calls. Throws Faults; their commands may be sent again. */
  execute(request: CommandRequest, how: ExecuteOptions): Promise<Receipt>;
};

export type ExecutorOptions = {
  readonly names: Names;
  readonly aggregates: Aggregates;
  readonly appender: Appender;
  readonly outcomes: Outcomes;
  readonly outcomeIndex: Pick<OutcomeIndex, 'mayHave' | 'add'>;
  readonly schemas: SpecSchemas;
  /** Default: there is no key, and secrets are refused. */
  readonly vault?: Vault;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly relations: Relations;
  readonly census: Census;
  readonly jq: JqRunner;
  /** All operators, as they are now: see channel-claims.ts. */
  readonly claims: () => Promise<OperatorsAt>;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /**
   * That OPSTREAM_EVENTS lacks nothing, asked before a command is decided: what a server has lost, index and all, no append finds out. Undefined:
   * it was whole a moment ago. Faults: STREAM_DAMAGED. Default: nobody asks.
   */
  checkWhole?(): Promise<void> | undefined;
};

/** Their channels are held against each other, so one command on operators at a time. */
const locksOf = (refs: readonly Ref[]): readonly Ref[] =>
  refs.some(({ kind }) => kind === 'operator') ? [...refs, ALL_OPERATORS] : refs;

const FROM_A_GUESS: readonly Attempt[] = ['guess', 'fresh'];
const FROM_MEMORY: readonly Attempt[] = ['known', 'fresh'];
const FROM_THE_SERVER: readonly Attempt[] = ['fresh'];

/** How a command is tried, until an attempt gives an answer; the last one does. */
const attemptsAt = (command: Command, round: number, aggregates: Aggregates): readonly Attempt[] => {
  if (command.request.isDryRun) return FROM_THE_SERVER;
  const isGuessed = round === 1 && mayGuess(command) && command.refs.every((ref) => aggregates.mayBeGuessed(ref));
  return isGuessed ? FROM_A_GUESS : FROM_MEMORY;
};

/** An append finds out that another copy has changed something; an answer without one would be from an old picture. */
const isFoundOut = ({ rejection, changes }: Decided): boolean =>
  rejection === undefined && changes.every(({ events }) => events.length > 0);

const contested = (error: unknown): Fault => {
  const message = `other commands changed the same thing ${MAX_ROUNDS} times in between; send the command again`;
  return new Fault('JS_CONFLICT', message, { cause: error });
};

export const createCommandExecutor = (options: ExecutorOptions): CommandExecutor => {
  const { names, aggregates, appender, clock } = options;
  const { prefix, operatorEventFilter } = names;
  const meter = createCommandMeter(options.metrics ?? noMetrics);
  const gather = createGatherer({ ...options, prefix, vault: options.vault ?? noVault });
  const decide = createCommandDecider(options);
  const store = createChangeStore({ appender, meter, keepNew: aggregates.keepNew });
  const answers = createAnswers(options);

  /** Undefined: it would be an answer without an append, from what may be an old picture. */
  const tryOnce = async (command: Command, attempt: Attempt): Promise<Receipt | undefined> => {
    const checking = options.checkWhole?.();
    if (checking !== undefined) await checking;
    const gathered = gather.atHand(command, attempt) ?? (await gather.fetch(command, attempt));
    if (gathered.kind === 'answered') return answers.again(command, gathered.receipt, gathered.outcome);

    const { cases, scene, operatorsAt } = gathered;
    const decided = decide(cases, scene, operatorsAt);
    if (attempt !== 'fresh' && !isFoundOut(decided)) return undefined;

    const isKept = decided.rejection === undefined && !command.request.isDryRun;
    const noOperatorSince =
      operatorsAt === undefined
        ? undefined
        : { expectedLastSequence: operatorsAt.sequence, expectedSubject: operatorEventFilter };
    const stored = isKept ? await store(decided.changes, noOperatorSince) : undefined;

    const receipt = receiptOf(command, cases, decided, stored);
    const remembered = answers.remember(command, receipt);
    return remembered === undefined ? receipt : await remembered;
  };

  const runAlone = async (command: Command, sequencing: Sequencing | undefined): Promise<Receipt> => {
    sequencing?.begin(locksOf(command.refs));
    for (let round = 1; ; round += 1) {
      try {
        for (const attempt of attemptsAt(command, round, aggregates)) {
          const receipt = await tryOnce(command, attempt);
          if (receipt !== undefined) return receipt;
        }
        throw new Error('an attempt on what the server has gives an answer');
      } catch (error) {
        for (const ref of command.refs) aggregates.forget(ref);
        const isContested = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
        if (!isContested || round === MAX_ROUNDS) sequencing?.failed(locksOf(command.refs), error);
        if (!isContested) throw error;
        if (round === MAX_ROUNDS) throw contested(error);
        await clock.sleep(fnv1a(`${command.request.commandId}.${round}`) % 2 ** (round + 1));
      }
    }
  };

  return {
    execute: (request, { keepOutcome, sequencing }) => {
      const command = readCommand(request, keepOutcome, prefix);
      if (!command.ok) return answers.refuse(request, command.error, keepOutcome);
      return aggregates.exclusively(locksOf(command.value.refs), () => runAlone(command.value, sequencing));
    },
  };
};
