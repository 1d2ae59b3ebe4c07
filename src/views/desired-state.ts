// OPSTREAM_EVENTS -> `entity.<workspace>.<name>` and `operator.<name>`: what is wanted, by the same fold that decides commands.

import { beginsThing, takeIn, type States } from '../domain/take-in.ts';
import { createOwnEvents, type OwnEvents } from '../messages/own-events.ts';
import { viewKeys, type Kind } from '../messages/subjects.ts';
import type { Entity } from '../messages/entity.ts';
import type { OperatorDocument, SecretDocument } from '../messages/queries.ts';
import type { ProjectionOf, Step, ViewDocument, ViewMessage } from './projection.ts';

/** Between a state and the document in it. */
const stateOf: { readonly [TKind in Kind]: (document: ViewDocument | undefined) => States[TKind] } = {
  resource: (entity) =>
    entity === undefined ? NOTHING : { generation: (entity as Entity).generation, entity: entity as Entity },
  operator: (operator) =>
    operator === undefined
      ? NOTHING
      : { generation: (operator as OperatorDocument).generation, operator: operator as OperatorDocument },
  secret: (secret) =>
    secret === undefined
      ? NOTHING
      : { generation: (secret as SecretDocument).generation, secret: secret as SecretDocument },
};
const documentOf: { readonly [TKind in Kind]: (state: States[TKind]) => ViewDocument | undefined } = {
  resource: ({ entity }) => entity,
  operator: ({ operator }) => operator,
  secret: ({ secret }) => secret,
};
const NOTHING = { generation: 0 };

const stepOf =
  <TKind extends Kind>(kind: TKind, own: OwnEvents) =>
  (previous: ViewDocument | undefined, message: ViewMessage): Step => {
    const event = own.event(message);
    const taken = takeIn(kind, event, stateOf[kind](previous), message.sequence);
    if ('problem' in taken) return { kind: 'poison', reason: taken.problem };
    const isOrphan = previous === undefined && !beginsThing(taken.event);
    return isOrphan ? { kind: 'orphan' } : { kind: 'document', document: documentOf[kind](taken.state) };
  };

const MAX_REMEMBERED = 10_000;

/** The same for a subject that was asked for lately: in a history each comes many times. */
const remembered = (keyOf: (subject: string) => string | undefined): ((subject: string) => string | undefined) => {
  const known = new Map<string, string>();
  return (subject) => {
    const before = known.get(subject);
    if (before !== undefined) return before;
    const key = keyOf(subject);
    if (key === undefined) return undefined;
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(subject, key);
    return key;
  };
};

/** Reads every event, so that the bucket's checkpoint says of any sequence whether it is in; folds those of resources. */
export const entities: ProjectionOf = (names, own = createOwnEvents(names)) => ({
  name: 'entities',
  stream: names.streams.events,
  bucket: names.buckets.entities,
  filters: [names.eventFilter],
  keyFilter: 'entity.>',
  keyOf: remembered((subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'resource' ? viewKeys.entity(ref.workspace, ref.name) : undefined;
  }),
  isGapless: true,
  strangeSubject: own.strangeSubject,
  step: stepOf('resource', own),
});

export const operators: ProjectionOf = (names, own = createOwnEvents(names)) => ({
  name: 'operators',
  stream: names.streams.events,
  bucket: names.buckets.operators,
  filters: [names.operatorEventFilter],
  keyFilter: 'operator.>',
  keyOf: (subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'operator' ? viewKeys.operator(ref.name) : undefined;
  },
  step: stepOf('operator', own),
});

/** A bucket of its own: who may read secrets, sealed as they are, is a matter of its own. */
export const secrets: ProjectionOf = (names, own = createOwnEvents(names)) => ({
  name: 'secrets',
  stream: names.streams.events,
  bucket: names.buckets.secrets,
  filters: [names.secretEventFilter],
  keyFilter: 'secret.>',
  keyOf: (subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'secret' ? viewKeys.secret(ref.workspace, ref.name) : undefined;
  },
  step: stepOf('secret', own),
});
