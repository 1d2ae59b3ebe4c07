// Carries out one command, whichever door it came through: read -> lock -> load -> decide -> append -> receipt.
//
// Guarantees: an accepted receipt is durable (P1); a command id is applied once, for ever (P2): accepted ones are found in the events
// of their aggregates, others in OPSTREAM_OUTCOMES; all documents of a command or none (P3: one atomic batch); each event is
// decided on the one before it (P4: expected sequence, then load and decide again, at most MAX_ATTEMPTS times).

import { encodeJson } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import { reject, type Rejection } from '../core/rejection.ts';
import { traceparentOf } from '../messages/trace.ts';
import { fnv1a, refKey, type Names, type Ref } from '../messages/subjects.ts';
import type { Receipt, ReceiptEvent } from '../messages/commands.ts';
import type { Finding } from '../messages/manifest/lint/finding.ts';
import { absorb, generationOf, type Aggregate, type Aggregates } from './aggregates.ts';
import type { CommandRequest } from './command-request.ts';
import { datedEvent } from './dated-event.ts';
import { decideIntent } from './decide-intent.ts';
import { operatorsOf } from './operators-of-command.ts';
import { mergeRejections, readIntents, type Intent } from './intent.ts';
import { adviceOn } from './advice.ts';
import type { OutcomeIndex } from './outcome-index.ts';
import type { Outcomes } from './outcomes.ts';
import {
  acceptance,
  appliedBefore,
  identityOf,
  idReused,
  leftBehindBy,
  preview,
  refusal,
  sameTarget,
  withWarnings,
  type Change,
} from './receipts.ts';
import { createCommandMeter } from './command-meter.ts';
import { noMetrics } from './no-metrics.ts';
import type { Appender, AppendMessage, Clock, IdSource, JqRunner, Metrics, Vault } from './ports.ts';
import type { Census } from './census.ts';
import type { Relations } from './relations.ts';
import { noVault } from './sealing.ts';
import type { SpecSchemas } from './spec-schemas.ts';

const MAX_ATTEMPTS = 8;
/** A maximal age that nothing in memory has. */
const ALWAYS_LOOK = -1;
/** An operator that this process knows is looked up again after this time; see src/README.md, "deleting an operator". */
export const OPERATOR_MAX_AGE_MS = 1000;
/** An event that is not confirmed by then is given up (the command may be sent again): no decision is older when it is stored. */
export const APPEND_DEADLINE_MS = 3500;

/** Keeps commands that came in an order in that order: after one has failed, none that waits behind it is begun. */
export type Sequencing = { isHalted(): boolean; halt(): void };

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
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
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

export const createCommandExecutor = (options: ExecutorOptions): CommandExecutor => {
  const { names, aggregates, appender, outcomes, schemas, ids, clock } = options;
  const vault = options.vault ?? noVault;
  const source = `/${names.prefix}/command-handler`;
  const meter = createCommandMeter(options.metrics ?? noMetrics);

  /** Operators first, so that resources of the same command are decided on what it declares. */
  const decideAll = async (
    request: CommandRequest,
    intents: readonly Intent[],
    loaded: ReadonlyMap<string, Aggregate>,
    operatorMaxAgeMs: number,
    warnings: Finding[],
    isStored: boolean,
  ): Promise<readonly Change[] | Rejection> => {
    const time = new Date(clock.nowMs()).toISOString();
    const operators = await operatorsOf(intents, loaded, aggregates, operatorMaxAgeMs);
    let { traceparent } = request;
    const changes: Change[] = [];
    const rejections: { readonly intent: Intent; readonly rejection: Rejection }[] = [];
    const ordered =
      intents.length === 1 ? intents : [...intents].sort((left, right) => left.ref.kind.localeCompare(right.ref.kind));
    for (const intent of ordered) {
      const aggregate = loaded.get(refKey(intent.ref));
      if (aggregate === undefined) throw new Error(`aggregate ${refKey(intent.ref)} was not loaded`);
      const eventId = ids.next();
      // A command without a trace begins one, named after its first event: no randomness has to be made for it.
      traceparent ??= traceparentOf(eventId);
      const decision = await decideIntent(intent, aggregate, {
        time,
        eventId,
        request,
        prefix: names.prefix,
        schemas,
        vault,
        isStored,
        operatorNamed: (name) => operators.get(name),
        relations: options.relations,
        census: options.census,
        jq: options.jq,
        isCommanded: (ref) => loaded.has(refKey(ref)),
        warn: (finding) => warnings.push(finding),
      });
      if (!decision.ok) {
        rejections.push({ intent, rejection: decision.error });
        continue;
      }
      const events = decision.value.map((event, index) =>
        datedEvent(event, {
          ...{ time, source, request, traceparent, ref: aggregate.ref },
          id: index === 0 ? eventId : ids.next(),
        }),
      );
      changes.push({ aggregate, events });
      if (intent.ref.kind === 'operator' && events.length > 0) {
        const after = { ...aggregate, commands: new Map() };
        for (const event of events) absorb(after, event, aggregate.lastSequence);
        operators.set(intent.ref.name, after.operator.operator);
      }
    }
    if (rejections.length === 0) return changes;
    const [first] = rejections;
    const inManifests = rejections.flatMap(({ intent, rejection }) =>
      intent.kind === 'manifest' ? [{ document: intent.document, rejection }] : [],
    );
    return inManifests.length > 0
      ? mergeRejections(inManifests)
      : (first?.rejection ?? reject('COMMAND_INVALID', 'refused'));
  };

  const store = async (request: CommandRequest, changes: readonly Change[]): Promise<Receipt> => {
    const messages: AppendMessage[] = changes.flatMap(({ aggregate, events }) =>
      events.map((event, index) => ({
        subject: aggregate.subject,
        id: event.id,
        data: encodeJson(event),
        ...(index === 0 ? { expectedLastSequence: aggregate.lastSequence } : {}),
      })),
    );
    const startedMs = meter.nowMs();
    const sequences = messages.length === 0 ? [] : await appender.append(messages);
    if (messages.length > 0) meter.stored(startedMs);
    const stored: ReceiptEvent[] = [];
    const before = new Map(changes.map(({ aggregate }) => [aggregate, generationOf(aggregate)]));
    for (const { aggregate, events } of changes) {
      for (const event of events) {
        const sequence = sequences[stored.length];
        if (sequence === undefined) throw new Error('an append answered with too few sequences');
        absorb(aggregate, event, sequence);
        meter.appended(event.type);
        stored.push({ id: event.id, type: event.type, subject: aggregate.subject, sequence });
      }
    }
    const entities = changes.map(({ aggregate }) =>
      identityOf(aggregate.ref, generationOf(aggregate) || (before.get(aggregate) ?? 0)),
    );
    return acceptance(request, entities, stored, leftBehindBy(changes));
  };

  const attempt = async (
    request: CommandRequest,
    intents: readonly Intent[],
    refs: readonly Ref[],
    how: Attempt,
  ): Promise<Receipt> => {
    const { findOutcome, keepOutcome, isGuess, isFresh } = how;
    const known = refs.map((ref) => aggregates.known(ref, Number.POSITIVE_INFINITY));
    const [kept, ...loaded] = await Promise.all([
      findOutcome ? outcomes.find(request.commandId) : undefined,
      ...refs.map((ref) =>
        isGuess ? aggregates.knownOrNew(ref) : aggregates.load(ref, isFresh ? ALWAYS_LOOK : undefined),
      ),
    ]);
    // Another copy has changed something since, and may have carried out this command before that, as unchanged: its outcome was stored by
    // then, so it is found after the load, and perhaps not with it, and perhaps not yet in the index.
    const isNews = !isGuess && loaded.some((aggregate, index) => aggregate !== known[index]);
    const found = kept ?? (isNews && how.isRepeatable ? await outcomes.find(request.commandId) : undefined);
    if (found !== undefined) return sameTarget(found, refs) ? found : refusal(request, idReused(request, found));
    const before = appliedBefore(request, loaded);
    if (before !== undefined) {
      const receipt = withWarnings(before, adviceOn(intents));
      if (keepOutcome) await outcomes.record(request, receipt);
      return receipt;
    }
    const warnings: Finding[] = [];
    const decided = await decideAll(
      request,
      intents,
      new Map(loaded.map((aggregate) => [refKey(aggregate.ref), aggregate])),
      isFresh ? ALWAYS_LOOK : OPERATOR_MAX_AGE_MS,
      warnings,
      keepOutcome,
    );
    const isRefused = 'code' in decided;
    // An append finds out that another copy has changed something; an answer without one would be from an old picture.
    const isChecked = !isRefused && !request.isDryRun && decided.every(({ events }) => events.length > 0);
    if (!isChecked && !isFresh) {
      if (isGuess) for (const ref of refs) aggregates.forget(ref);
      return attempt(request, intents, refs, { ...how, findOutcome: false, isGuess: false, isFresh: true });
    }
    const answer = isRefused
      ? refusal(request, decided, refs)
      : request.isDryRun
        ? preview(request, decided)
        : await store(request, decided);
    const receipt = isRefused ? answer : withWarnings(answer, [...adviceOn(intents), ...warnings]);
    if (request.isDryRun) return receipt;
    // A durable command without an id is known by its place in the queue: it may be delivered again as well.
    const isOnlyMemory = (request.isIdGiven || keepOutcome) && receipt.events.length === 0;
    if (isOnlyMemory) options.outcomeIndex.add(request.commandId);
    if (!keepOutcome && !isOnlyMemory) return receipt;
    const stored = await outcomes.record(request, receipt);
    return isOnlyMemory && sameTarget(stored, refs) ? stored : receipt;
  };

  const run = async (request: CommandRequest, intents: readonly Intent[], how: ExecuteOptions): Promise<Receipt> => {
    const refs = intents.map(({ ref }) => ref);
    return aggregates.exclusively(refs, async () => {
      if (how.sequencing?.isHalted() === true)
        throw new Fault('JS_UNAVAILABLE', 'an earlier command has to be repeated first');
      const isRepeatable = request.isIdGiven || how.keepOutcome;
      const mayBeKnown = isRepeatable && !request.isDryRun && options.outcomeIndex.mayHave(request.commandId);
      for (let tries = 1; ; tries += 1) {
        try {
          // Most applies of one resource declare it: spare them the look, the append finds out.
          const isGuess =
            tries === 1 &&
            request.verb === 'apply' &&
            !request.isDryRun &&
            refs.length === 1 &&
            refs[0]?.kind === 'resource';
          const { keepOutcome } = how;
          return await attempt(request, intents, refs, {
            isRepeatable: isRepeatable && !request.isDryRun,
            findOutcome: mayBeKnown,
            keepOutcome,
            isGuess,
            isFresh: false,
          });
        } catch (error) {
          for (const ref of refs) aggregates.forget(ref);
          const isContested = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
          if (!isContested || tries === MAX_ATTEMPTS) how.sequencing?.halt();
          if (!isContested) throw error;
          if (tries === MAX_ATTEMPTS) {
            const message = `other commands changed the same thing ${MAX_ATTEMPTS} times in between; send the command again`;
            throw new Fault('JS_CONFLICT', message, { cause: error });
          }
          await clock.sleep(fnv1a(`${request.commandId}.${tries}`) % 2 ** (tries + 1));
        }
      }
    });
  };

  return {
    execute: async (request, how) => {
      const intents = readIntents(request, names.prefix);
      if (intents.ok) return run(request, intents.value, how);
      const receipt = refusal(request, intents.error);
      if (how.keepOutcome && !request.isDryRun) await outcomes.record(request, receipt);
      return receipt;
    },
  };
};
