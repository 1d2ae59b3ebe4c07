// What is an event of ours? This file alone decides it. Every reader of OPSTREAM_EVENTS and OPSTREAM_STATUS asks it: command-handler,
// projector, query-responder, operator-runtime, components and the CLI. Whoever may publish to the server can store anything there, and nobody
// can remove it again, so what is not ours is set aside: it changes nothing, and it is told (`opstream verify`, `opstream doctor`).
//
// A message is ours when its form is (stored-event.ts), when it lies on the subject of the thing that it is about, and when every further
// rule accepts it. A new reason to set a message aside (a signature, say) is one more rule.

import { decodeEventOf, decodeStatusEvent, type Decoded } from './stored-event.ts';
import { refKey, shardOf, statusShardOf, type Names, type Ref, type StatusRef } from './subjects.ts';
import { NO_WORKSPACE } from '../core/names.ts';
import { entityKey, OPERATOR_STATUS_TYPE, STATUS_TYPE } from './entity.ts';
import type { OperatorStatusEvent, StatusEvent } from './entity.ts';
import type { DomainEvent } from './events.ts';

/** A message as it lies in a stream. */
export type StoredFact = {
  readonly sequence: number;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly header?: (name: string) => string | undefined;
};

/** An event with the thing that its subject names, or why it is none of ours (a sentence that follows "set aside: "). */
export type Own<TEvent, TRef> = { readonly event: TEvent; readonly ref: TRef } | { readonly problem: string };
export type OwnEvent = Own<DomainEvent, Ref>;
export type OwnStatus = Own<StatusEvent | OperatorStatusEvent, StatusRef>;

/** Why a message of the right form on the right subject is none of ours all the same; undefined: it is. */
export type OwnRule = (
  message: StoredFact,
  event: DomainEvent | StatusEvent | OperatorStatusEvent,
) => string | undefined;

export type OwnEvents = {
  /** Of OPSTREAM_EVENTS. */
  event(message: StoredFact): OwnEvent;
  /** Of OPSTREAM_STATUS. */
  status(message: StoredFact): OwnStatus;
  /** Why nothing on this subject can be ours, whatever it holds; undefined: it may. */
  strangeSubject(subject: string): string | undefined;
};

const MAX_REMEMBERED = 10_000;

type Place<TRef> = { readonly ref: TRef } | { readonly problem: string };

/** The same for a subject that was asked for lately: a history asks for each many times. */
const remembered = <T>(make: (subject: string) => T): ((subject: string) => T) => {
  const known = new Map<string, T>();
  return (subject) => {
    const before = known.get(subject);
    if (before !== undefined) return before;
    if (known.size >= MAX_REMEMBERED) known.clear();
    const made = make(subject);
    known.set(subject, made);
    return made;
  };
};

const wrongShard = (expected: string): string => `not on the subject of its thing: the shard of that is ${expected}`;

const eventPlace =
  (names: Names) =>
  (subject: string): Place<Ref> => {
    const found = names.parseEvent(subject);
    if (found === undefined) return { problem: 'not on a subject of events' };
    const { shard, kind, workspace, name } = found;
    const ref = { kind, workspace, name };
    if ((kind === 'operator') !== (workspace === NO_WORKSPACE)) return { problem: `no workspace of a ${kind}` };
    return shard === shardOf(ref) ? { ref } : { problem: wrongShard(shardOf(ref)) };
  };

const statusPlace =
  (names: Names) =>
  (subject: string): Place<StatusRef> => {
    const found = names.parseStatus(subject);
    if (found === undefined) return { problem: 'not on a subject of statuses' };
    const { shard, operator, workspace, name } = found;
    const ref = { operator, workspace, name };
    return shard === statusShardOf(ref) ? { ref } : { problem: wrongShard(statusShardOf(ref)) };
  };

const problemOfPlace = ({ subject }: DomainEvent, ref: Ref): string | undefined =>
  subject === refKey(ref) ? undefined : `not an event of ${refKey(ref)}`;

/** Whether a status is about what its subject names. A component in another language may leave the key out. */
const problemOfStatus = (
  { type, data }: StatusEvent | OperatorStatusEvent,
  { operator, workspace, name }: StatusRef,
): string | undefined => {
  const isOfOperator = workspace === NO_WORKSPACE;
  const expected = isOfOperator ? OPERATOR_STATUS_TYPE : STATUS_TYPE;
  if (type !== expected) return `expected ${expected} on this subject`;
  if (data.operator !== operator) return `not a status of a resource of operator ${operator}`;
  const key: unknown = 'key' in data ? data.key : undefined;
  return isOfOperator || key === undefined || key === entityKey(workspace, name)
    ? undefined
    : `not a status of ${entityKey(workspace, name)}`;
};

const problemOfRules = (
  rules: readonly OwnRule[],
  message: StoredFact,
  event: DomainEvent | StatusEvent | OperatorStatusEvent,
): string | undefined => {
  for (const rule of rules) {
    const problem = rule(message, event);
    if (problem !== undefined) return problem;
  }
  return undefined;
};

/** What is ours on the streams of one instance. `rules`: further ones, asked in this order. */
export const createOwnEvents = (names: Names, rules: readonly OwnRule[] = []): OwnEvents => {
  const eventPlaceOf = remembered(eventPlace(names));
  const statusPlaceOf = remembered(statusPlace(names));

  const judged = <TEvent extends DomainEvent | StatusEvent | OperatorStatusEvent, TRef>(
    message: StoredFact,
    ref: TRef,
    decoded: Decoded<TEvent>,
    problemOf: (event: TEvent, ref: TRef) => string | undefined,
  ): Own<TEvent, TRef> => {
    if ('problem' in decoded) return decoded;
    const { event } = decoded;
    const problem = problemOf(event, ref) ?? problemOfRules(rules, message, event);
    return problem === undefined ? { event, ref } : { problem };
  };

  return {
    event: (message) => {
      const place = eventPlaceOf(message.subject);
      if ('problem' in place) return place;
      return judged(message, place.ref, decodeEventOf(place.ref.kind, message.data), problemOfPlace);
    },
    status: (message) => {
      const place = statusPlaceOf(message.subject);
      return 'problem' in place ? place : judged(message, place.ref, decodeStatusEvent(message.data), problemOfStatus);
    },
    strangeSubject: (subject) => {
      const place = subject.startsWith(`${names.prefix}.status.`) ? statusPlaceOf(subject) : eventPlaceOf(subject);
      return 'problem' in place ? place.problem : undefined;
    },
  };
};
