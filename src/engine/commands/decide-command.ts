// Decides a whole command: each of its intents on the aggregate that it names, with what the operators say, and the events that come of it
// dated. All intents or none. Called by execute-command.ts for each attempt; stores nothing.

import { isPending, type Awaitable } from '../../core/awaitable.ts';
import type { Rejection } from '../../core/rejection.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Finding } from '../../messages/finding.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { refKey, type Names } from '../../messages/subjects.ts';
import { traceparentOf } from '../../messages/trace.ts';
import { absorb, type Aggregate, type Aggregates } from './aggregates.ts';
import type { Census } from '../evolution/census.ts';
import { assertSame, takenChannels, type OperatorsAt } from './channel-claims.ts';
import type { CommandRequest } from './command-request.ts';
import { datedEvent } from './dated-event.ts';
import { decideIntent } from './decide-intent.ts';
import { type DecideIntentContext } from './deciding.ts';
import { mergeRejections, type Intent } from './intent.ts';
import { operatorsOf } from './operators-of-command.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { JqRunner } from '../ports/jq.ts';
import type { Vault } from '../ports/vault.ts';
import type { Change } from './receipts.ts';
import type { Relations } from './relations.ts';
import type { SpecSchemas } from './spec-schemas.ts';

export type DeciderOptions = {
  readonly names: Names;
  readonly aggregates: Aggregates;
  readonly schemas: SpecSchemas;
  readonly vault: Vault;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly relations: Relations;
  readonly census: Census;
  readonly jq: JqRunner;
  /** All operators; looked at for commands on operators. */
  readonly claims: () => Promise<OperatorsAt>;
};

export type DecideHow = {
  /** An operator that is known for longer is looked up again. */
  readonly operatorMaxAgeMs: number;
  /** The command lies in a stream: what must not be stored in the clear is refused. */
  readonly isStored: boolean;
};

/** `changes` in the order of deciding: operators first, so that resources of the same command are decided on what it declares. */
export type Decided = {
  readonly changes: readonly Change[];
  readonly rejection: Rejection | undefined;
  readonly warnings: readonly Finding[];
  /** Of a command on operators: no operator may have changed after this sequence when its events are stored. */
  readonly operatorsAt?: number;
};

type Refused = { readonly intent: Intent; readonly rejection: Rejection };
/** An intent and the aggregate that it is about. */
type Case = { readonly intent: Intent; readonly aggregate: Aggregate };

const operatorsFirst = (cases: readonly Case[]): readonly Case[] =>
  cases.length === 1
    ? cases
    : [...cases].sort((left, right) => left.intent.ref.kind.localeCompare(right.intent.ref.kind));

const rejectionOf = (refused: readonly Refused[]): Rejection | undefined => {
  const [first] = refused;
  if (first === undefined) return undefined;
  const inManifests = refused.flatMap(({ intent, rejection }) =>
    intent.kind === 'manifest' ? [{ document: intent.document, rejection }] : [],
  );
  return inManifests.length > 0 ? mergeRejections(inManifests) : first.rejection;
};

export const createCommandDecider = (options: DeciderOptions) => {
  const { names, aggregates, schemas, vault, ids, clock, relations, census, jq } = options;
  const source = `/${names.prefix}/command-handler`;

  /** One round over the intents of a command. */
  const createRound = (
    request: CommandRequest,
    cases: readonly Case[],
    operators: Map<string, OperatorDocument | undefined>,
    isStored: boolean,
  ) => {
    const time = new Date(clock.nowMs()).toISOString();
    const changes: Change[] = [];
    const refused: Refused[] = [];
    const warnings: Finding[] = [];
    let commanded: Set<string> | undefined;
    let { traceparent } = request;

    // Written out, as everything here: a literal that begins with a spread takes the slow way for each field that follows it.
    const contextFor = (eventId: string): DecideIntentContext => ({
      time,
      eventId,
      request,
      prefix: names.prefix,
      schemas,
      vault,
      isStored,
      relations,
      census,
      jq,
      operatorNamed: (name) => operators.get(name),
      isCommanded: (ref) => {
        commanded ??= new Set(cases.map(({ aggregate }) => refKey(aggregate.ref)));
        return commanded.has(refKey(ref));
      },
      warn: (finding) => warnings.push(finding),
    });

    const take = ({ intent, aggregate }: Case, eventId: string, decision: Decision): void => {
      if (!decision.ok) {
        refused.push({ intent, rejection: decision.error });
        return;
      }
      const events = decision.value.map((event, index) =>
        datedEvent(event, {
          time,
          source,
          request,
          traceparent,
          ref: aggregate.ref,
          id: index === 0 ? eventId : ids.next(),
        }),
      );
      changes.push({ aggregate, events });
      if (intent.ref.kind !== 'operator' || events.length === 0) return;
      const after = { ...aggregate, commands: new Map() };
      for (const event of events) absorb(after, event, aggregate.lastSequence);
      operators.set(intent.ref.name, after.operator.operator);
    };

    return {
      /** Decides one; the next may only follow when this one is done. */
      decide: (one: Case): Awaitable<void> => {
        const eventId = ids.next();
        // A command without a trace begins one, named after its first event: no randomness has to be made for it.
        traceparent ??= traceparentOf(eventId);
        const decision = decideIntent(one.intent, one.aggregate, contextFor(eventId));
        return isPending(decision) ? decision.then((done) => take(one, eventId, done)) : take(one, eventId, decision);
      },
      end: (): Decided => ({ changes, rejection: rejectionOf(refused), warnings }),
    };
  };

  const decideOn = (
    request: CommandRequest,
    cases: readonly Case[],
    operators: Map<string, OperatorDocument | undefined>,
    isStored: boolean,
  ): Awaitable<Decided> => {
    const round = createRound(request, cases, operators, isStored);
    const decideFrom = async (pending: Awaitable<void>, index: number): Promise<Decided> => {
      await pending;
      for (const one of ordered.slice(index)) await round.decide(one);
      return round.end();
    };
    const ordered = operatorsFirst(cases);
    for (const [index, one] of ordered.entries()) {
      const pending = round.decide(one);
      if (isPending(pending)) return decideFrom(pending, index + 1);
    }
    return round.end();
  };

  /** Beside what is decided on each: whether the channels that the operators have then are free. */
  const decideOnOperators = async (
    request: CommandRequest,
    cases: readonly Case[],
    known: Map<string, OperatorDocument | undefined>,
    isStored: boolean,
  ): Promise<Decided> => {
    const seen = await options.claims();
    const operators = new Map(known);
    const decided = await decideOn(request, cases, operators, isStored);
    if (decided.rejection !== undefined) return decided;
    const after = new Map<string, OperatorDocument | undefined>(seen.operators.map((one) => [one.name, one]));
    for (const [name, operator] of operators) after.set(name, operator);
    const refused: Refused[] = [];
    for (const { aggregate, events } of decided.changes) {
      if (aggregate.ref.kind !== 'operator' || events.length === 0) continue;
      assertSame(aggregate, seen);
      const next = after.get(aggregate.ref.name);
      const others = [...after.values()].flatMap((one) => (one === undefined || one === next ? [] : [one]));
      const rejection = next === undefined ? undefined : takenChannels(next, aggregate.operator.operator, others);
      const intent = cases.find((one) => one.aggregate === aggregate)?.intent;
      if (rejection !== undefined && intent !== undefined) refused.push({ intent, rejection });
    }
    return { ...decided, rejection: rejectionOf(refused), operatorsAt: seen.sequence };
  };

  /** `loaded`: the aggregates of the intents, in their order. */
  return (
    request: CommandRequest,
    intents: readonly Intent[],
    loaded: readonly Aggregate[],
    { operatorMaxAgeMs, isStored }: DecideHow,
  ): Awaitable<Decided> => {
    const cases = intents.map((intent, index) => {
      const aggregate = loaded[index];
      if (aggregate === undefined) throw new Error(`aggregate ${refKey(intent.ref)} was not loaded`);
      return { intent, aggregate };
    });
    const operators = operatorsOf(cases, aggregates, operatorMaxAgeMs);
    const decideWith = (known: Map<string, OperatorDocument | undefined>): Awaitable<Decided> =>
      cases.some(({ intent }) => intent.ref.kind === 'operator')
        ? decideOnOperators(request, cases, known, isStored)
        : decideOn(request, cases, known, isStored);
    return isPending(operators) ? operators.then(decideWith) : decideWith(operators);
  };
};
