// Carries out one command, whichever door it came through: read -> lock -> load -> decide -> append -> receipt.
//
// Guarantees: an accepted receipt is durable (P1); a command id is applied once, for ever (P2): accepted ones are found in the events
// of their aggregates, others in OPSTREAM_OUTCOMES; all documents of a command or none (P3: one atomic batch); each event is
// decided on the one before it (P4: expected sequence, then load and decide again, at most MAX_ATTEMPTS times).

import { isPending } from '../../core/awaitable.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { fnv1a, type Names, type Ref } from '../../messages/subjects.ts';
import type { Receipt } from '../../messages/commands.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { Aggregate, Aggregates } from './aggregates.ts';
import type { CommandRequest } from './command-request.ts';
import { createCommandDecider, type Decided } from './decide-command.ts';
import { readIntents, type Intent } from './intent.ts';
import { adviceOn } from './advice.ts';
import type { OutcomeIndex } from './outcome-index.ts';
import type { Outcomes } from '../history/outcomes.ts';
import { appliedBefore, idReused, preview, refusal, sameTarget, withWarnings } from './receipts.ts';
import { createCommandMeter } from './command-meter.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Appender } from '../ports/streams.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { JqRunner } from '../ports/jq.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Vault } from '../ports/vault.ts';
import type { Census } from '../evolution/census.ts';
import type { OperatorsAt } from './channel-claims.ts';
import type { Relations } from './relations.ts';
import { noVault } from './sealing.ts';
import type { SpecSchemas } from './spec-schemas.ts';
import { createChangeStore } from './store-changes.ts';

const MAX_ATTEMPTS = 8;
/** A lock, no aggregate. */
const ALL_OPERATORS: Ref = { kind: 'operator', workspace: NO_WORKSPACE, name: '*' };
/** A maximal age that nothing in memory has. */
const ALWAYS_LOOK = -1;
/** An operator that this process knows is looked up again after this time; see src/README.md, "deleting an operator". */
export const OPERATOR_MAX_AGE_MS = 1000;
/**
 * What another copy has answered arrives here later than what it, or anybody, has stored. So on a thing that changed a moment ago the outcome of a
 * command is looked up, although none is known of here.
 */
const RECENT_CHANGE_MS = 2000;
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

type Attempt = {
  /** The command may come again under its id. */
  readonly isRepeatable: boolean;
  readonly findOutcome: boolean;
  readonly keepOutcome: boolean;
  /** Decide on what is known, or on nothing, without looking: the append finds out. */
  readonly isGuess: boolean;
  /** What is in memory is held against the stream first. */
  readonly isFresh: boolean;
};

/** What there is when an attempt begins: the aggregates, and the outcome that the command has already, if any. */
type Sight = { readonly loaded: readonly Aggregate[]; readonly outcome?: Receipt | undefined };

/** The command is known on some of its aggregates, and not on all of them. */
const isPartlySeen = ({ commandId }: CommandRequest, { loaded }: Sight): boolean =>
  loaded.length > 1 &&
  loaded.some(({ commands }) => commands.has(commandId)) &&
  !loaded.every(({ commands }) => commands.has(commandId));

/** The receipt of an earlier time is not stored yet; or the outcome says that nothing was stored, and there are events: see `remember`. */
const isToBeRecorded = ({ outcome }: Sight, before: Receipt, keepOutcome: boolean): boolean =>
  outcome === undefined ? keepOutcome : outcome.events.length === 0 && before.events.length > 0;

export const createCommandExecutor = (options: ExecutorOptions): CommandExecutor => {
  const { names, aggregates, outcomes, clock } = options;
  const meter = createCommandMeter(options.metrics ?? noMetrics);
  const decide = createCommandDecider({ ...options, vault: options.vault ?? noVault });
  /** Their channels are held against each other, so one command on operators at a time. */
  const locksOf = (refs: readonly Ref[]): readonly Ref[] =>
    refs.some(({ kind }) => kind === 'operator') ? [...refs, ALL_OPERATORS] : refs;
  const store = createChangeStore(options.appender, meter);

  const look = async ({ commandId }: CommandRequest, refs: readonly Ref[], how: Attempt): Promise<Sight> => {
    const known = refs.map((ref) => aggregates.known(ref, Number.POSITIVE_INFINITY));
    const [kept, ...loaded] = await Promise.all([
      how.findOutcome ? outcomes.find(commandId) : undefined,
      ...refs.map((ref) =>
        how.isGuess ? aggregates.knownOrNew(ref) : aggregates.load(ref, how.isFresh ? ALWAYS_LOOK : undefined),
      ),
    ]);
    // Another copy has changed something since, and may have carried out this command before that, as unchanged: its outcome was stored by
    // then, so it is found after the load, and perhaps not with it, and perhaps not yet in the index.
    const isNews = !how.isGuess && loaded.some((aggregate, index) => aggregate !== known[index]);
    const outcome = kept ?? (isNews && how.isRepeatable ? await outcomes.find(commandId) : undefined);
    return { loaded, outcome };
  };

  /**
   * A command stores its events in one append. So who sees it on one aggregate and not on another may have looked at that one too early, and
   * its receipt would lack what is there: the others are looked at again, now that the append is known to be over.
   */
  const seenWhole = async ({ commandId }: CommandRequest, sight: Sight): Promise<Sight> => {
    const lookAgain = async (one: Aggregate): Promise<Aggregate> =>
      one.commands.has(commandId) ? one : aggregates.load(one.ref, ALWAYS_LOOK);
    const loaded = await Promise.all(sight.loaded.map(lookAgain));
    await aggregates.recall(loaded, commandId);
    return { ...sight, loaded };
  };

  /** The receipt of this very command, if it was carried out before. */
  const earlier = (
    request: CommandRequest,
    refs: readonly Ref[],
    intents: readonly Intent[],
    { loaded, outcome }: Sight,
  ): Receipt | undefined => {
    const before = appliedBefore(request, loaded);
    if (before !== undefined) return withWarnings(before, adviceOn(intents));
    if (outcome === undefined) return undefined;
    return sameTarget(outcome, refs) ? outcome : refusal(request, idReused(request, outcome));
  };

  const answer = (
    request: CommandRequest,
    refs: readonly Ref[],
    { changes, rejection, operatorsAt }: Decided,
  ): Receipt | Promise<Receipt> => {
    if (rejection !== undefined) return refusal(request, rejection, refs);
    if (request.isDryRun) return preview(request, changes);
    const expectedSubject = names.operatorEventFilter;
    return operatorsAt === undefined
      ? store(request, changes)
      : store(request, changes, { expectedLastSequence: operatorsAt, expectedSubject });
  };

  /**
   * Stores the receipt where it is the only memory of the command, or was asked to be kept. The receipt that counts.
   *
   * Two copies may decide one command at the same moment, on two sides of somebody else's event: this one refuses what that one carries out.
   * So who stores nothing looks once more when its outcome is stored, and who is about to store something has looked for an outcome
   * (`mayBeAnswered`): one of the two sees the other.
   */
  const remember = async (
    request: CommandRequest,
    refs: readonly Ref[],
    receipt: Receipt,
    isOnlyMemory: boolean,
  ): Promise<Receipt> => {
    if (isOnlyMemory) options.outcomeIndex.add(request.commandId);
    const stored = await outcomes.record(request, receipt);
    if (!isOnlyMemory) return receipt;
    const loaded = await Promise.all(refs.map((ref) => aggregates.load(ref, ALWAYS_LOOK)));
    await aggregates.recall(loaded, request.commandId);
    const applied = appliedBefore(request, loaded);
    if (applied !== undefined) return outcomes.record(request, applied);
    return sameTarget(stored, refs) ? stored : receipt;
  };

  /** Somebody else may have answered this command, although nothing was stored for it. */
  const mayBeAnswered = ({ commandId }: CommandRequest, refs: readonly Ref[]): boolean =>
    options.outcomeIndex.mayHave(commandId) || refs.some((ref) => aggregates.hasChangedWithin(ref, RECENT_CHANGE_MS));

  const attempt = async (
    request: CommandRequest,
    intents: readonly Intent[],
    refs: readonly Ref[],
    how: Attempt,
  ): Promise<Receipt> => {
    const { keepOutcome, isGuess, isFresh } = how;
    const checking = options.checkWhole?.();
    if (checking !== undefined) await checking;
    const isSeen = isGuess && !how.findOutcome;
    const sight = isSeen ? { loaded: refs.map((ref) => aggregates.knownOrNew(ref)) } : await look(request, refs, how);
    // Of an id that the handler has made itself there is no earlier command.
    const recalling = request.isIdGiven || keepOutcome ? aggregates.recall(sight.loaded, request.commandId) : undefined;
    if (recalling !== undefined) await recalling;
    const before = earlier(
      request,
      refs,
      intents,
      isPartlySeen(request, sight) ? await seenWhole(request, sight) : sight,
    );
    if (before !== undefined) {
      if (isToBeRecorded(sight, before, keepOutcome)) await outcomes.record(request, before);
      return before;
    }
    const operatorMaxAgeMs = isFresh ? ALWAYS_LOOK : OPERATOR_MAX_AGE_MS;
    const deciding = decide(request, intents, sight.loaded, { operatorMaxAgeMs, isStored: keepOutcome });
    const decided = isPending(deciding) ? await deciding : deciding;
    // An append finds out that another copy has changed something; an answer without one would be from an old picture.
    const isRefused = decided.rejection !== undefined;
    const isChecked = !isRefused && !request.isDryRun && decided.changes.every(({ events }) => events.length > 0);
    if (!isChecked && !isFresh) {
      if (isGuess) for (const ref of refs) aggregates.forget(ref);
      return attempt(request, intents, refs, { ...how, findOutcome: false, isGuess: false, isFresh: true });
    }
    const given = await answer(request, refs, decided);
    const receipt = isRefused ? given : withWarnings(given, [...adviceOn(intents), ...decided.warnings]);
    if (request.isDryRun) return receipt;
    // A durable command without an id is known by its place in the queue: it may be delivered again as well.
    const isOnlyMemory = (request.isIdGiven || keepOutcome) && receipt.events.length === 0;
    return keepOutcome || isOnlyMemory ? remember(request, refs, receipt, isOnlyMemory) : receipt;
  };

  /** Most applies of one resource declare it: spare them the look, the append finds out. */
  const mayGuess = ({ verb, isDryRun }: CommandRequest, refs: readonly Ref[]): boolean =>
    verb === 'apply' && !isDryRun && refs.length === 1 && refs[0]?.kind === 'resource';

  const runAlone = async (
    request: CommandRequest,
    intents: readonly Intent[],
    refs: readonly Ref[],
    how: ExecuteOptions,
  ): Promise<Receipt> => {
    how.sequencing?.begin(locksOf(refs));
    const { keepOutcome } = how;
    const isRepeatable = (request.isIdGiven || keepOutcome) && !request.isDryRun;
    const findOutcome = isRepeatable && mayBeAnswered(request, refs);
    for (let tries = 1; ; tries += 1) {
      try {
        const isGuess = tries === 1 && mayGuess(request, refs);
        return await attempt(request, intents, refs, {
          isRepeatable,
          findOutcome,
          keepOutcome,
          isGuess,
          isFresh: false,
        });
      } catch (error) {
        for (const ref of refs) aggregates.forget(ref);
        const isContested = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
        if (!isContested || tries === MAX_ATTEMPTS) how.sequencing?.failed(locksOf(refs), error);
        if (!isContested) throw error;
        if (tries === MAX_ATTEMPTS) {
          const message = `other commands changed the same thing ${MAX_ATTEMPTS} times in between; send the command again`;
          throw new Fault('JS_CONFLICT', message, { cause: error });
        }
        await clock.sleep(fnv1a(`${request.commandId}.${tries}`) % 2 ** (tries + 1));
      }
    }
  };

  const refuse = async (request: CommandRequest, receipt: Receipt, how: ExecuteOptions): Promise<Receipt> => {
    if (how.keepOutcome && !request.isDryRun) await outcomes.record(request, receipt);
    return receipt;
  };

  return {
    execute: (request, how) => {
      const intents = readIntents(request, names.prefix);
      if (!intents.ok) return refuse(request, refusal(request, intents.error), how);
      const refs = intents.value.map(({ ref }) => ref);
      return aggregates.exclusively(locksOf(refs), () => runAlone(request, intents.value, refs, how));
    },
  };
};
