// Decides a whole command on what was gathered for it: each of its cases, and the events that come of it dated. All cases or none. Waits for
// nothing and stores nothing. Called by execute-command.ts for each attempt.

import type { Rejection } from '../../core/rejection.ts';
import type { HostOperator } from '../../domain/resource/decide.ts';
import { schemaUri } from '../../messages/envelope.ts';
import type { DomainEvent, NewEvent } from '../../messages/events.ts';
import type { Finding } from '../../messages/finding.ts';
import { refKey, type Names } from '../../messages/subjects.ts';
import { traceparentOf } from '../../messages/trace.ts';
import type { IdSource } from '../ports/clock.ts';
import type { Case, DecideContext, Scene } from './case.ts';
import { assertSame, takenChannels, type OperatorsAt } from './channel-claims.ts';
import { deciderOf } from './deciders.ts';
import { mergeRejections, type Intent } from './intent.ts';
import type { Change } from './receipts.ts';

/** `changes` in the order of deciding: operators first. */
export type Decided = {
  readonly changes: readonly Change[];
  readonly rejection: Rejection | undefined;
  readonly warnings: readonly Finding[];
};

type Refused = { readonly intent: Intent; readonly rejection: Rejection };
type Origin = { readonly source: string; readonly traceparent: string | undefined };

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

/** An event as it is stored: what was decided, with an id, a time and where it came from. */
const dated = (
  event: NewEvent,
  { intent }: Case,
  { request, time }: Scene,
  id: string,
  { source, traceparent }: Origin,
): DomainEvent => {
  const made: Record<string, unknown> = {
    specversion: '1.0',
    id,
    source,
    type: event.type,
    subject: refKey(intent.ref),
    time,
    datacontenttype: 'application/json',
    dataschema: schemaUri(event.type),
    correlationid: request.correlationId,
    causationid: request.causationId,
    commandid: request.commandId,
    actor: request.actor,
  };
  if (traceparent !== undefined) made['traceparent'] = traceparent;
  if (request.tracestate !== undefined) made['tracestate'] = request.tracestate;
  made['generation'] = event.generation;
  made['data'] = event.data;
  return made as unknown as DomainEvent;
};

const wantedOperator = ({ intent, wanted }: Case): HostOperator | undefined =>
  wanted?.ok === true && wanted.value.manifest.type === 'operator'
    ? { name: intent.ref.name, manifest: wanted.value.manifest }
    : undefined;

/** Of the operators that change: whether the channels that they have then are free. Faults: JS_CONFLICT, see assertSame. */
const refusedChannels = (
  cases: readonly Case[],
  changes: readonly Change[],
  operatorsAt: OperatorsAt,
): readonly Refused[] => {
  const after = new Map<string, HostOperator>(operatorsAt.operators.map((one) => [one.name, one]));
  for (const next of cases.map(wantedOperator)) if (next !== undefined) after.set(next.name, next);
  const changed = new Set(changes.flatMap(({ aggregate, events }) => (events.length > 0 ? [aggregate] : [])));
  return operatorsFirst(cases).flatMap((one): readonly Refused[] => {
    const { intent, aggregate } = one;
    if (intent.ref.kind !== 'operator' || !changed.has(aggregate)) return [];
    assertSame(aggregate, operatorsAt);
    const next = wantedOperator(one);
    if (next === undefined) return [];
    const others = [...after.values()].filter(({ name }) => name !== next.name);
    const rejection = takenChannels(next, aggregate.operator.operator, others);
    return rejection === undefined ? [] : [{ intent, rejection }];
  });
};

export const createCommandDecider = (options: { readonly names: Names; readonly ids: IdSource }) => {
  const { ids } = options;
  const source = `/${options.names.prefix}/command-handler`;

  return (cases: readonly Case[], scene: Scene, operatorsAt: OperatorsAt | undefined): Decided => {
    const { request, time, operatorNamed, checkSpec, isCommanded } = scene;
    const changes: Change[] = [];
    const refused: Refused[] = [];
    const warnings: Finding[] = [];
    const warn = (finding: Finding): void => void warnings.push(finding);
    let { traceparent } = request;
    for (const one of operatorsFirst(cases)) {
      const { intent, aggregate } = one;
      const eventId = ids.next();
      // A command without a trace begins one, named after its first event: no randomness has to be made for it.
      traceparent ??= traceparentOf(eventId);
      // Written out, as everything here: a literal that begins with a spread takes the slow way for each field that follows it.
      const context: DecideContext = { time, eventId, request, operatorNamed, checkSpec, isCommanded, warn };
      const decision = deciderOf(intent.ref.kind, request.verb).decide(one, context);
      if (decision.ok) {
        const origin = { source, traceparent };
        const events = decision.value.map((event, index) =>
          dated(event, one, scene, index === 0 ? eventId : ids.next(), origin),
        );
        changes.push({ aggregate, events });
      } else refused.push({ intent, rejection: decision.error });
    }
    const isJudged = refused.length > 0 || operatorsAt === undefined;
    const rejection = rejectionOf(isJudged ? refused : refusedChannels(cases, changes, operatorsAt));
    return { changes, rejection, warnings };
  };
};
