// OPSTREAM_EVENTS -> `entity.<workspace>.<name>` and `operator.<name>`: what is wanted, by the same fold that decides commands.

import { evolveOperator } from '../domain/operator/evolve.ts';
import { evolveResource } from '../domain/resource/evolve.ts';
import { evolveSecret } from '../domain/secret/evolve.ts';
import { decodeEventOf, foldOrProblem } from '../messages/stored-event.ts';
import { viewKeys } from '../messages/subjects.ts';
import type { Entity } from '../messages/entity.ts';
import type { OperatorEvent, ResourceEvent, SecretEvent } from '../messages/events.ts';
import type { OperatorDocument, SecretDocument } from '../messages/queries.ts';
import type { ProjectionOf, Step } from './projection.ts';

const document = (value: Entity | OperatorDocument | SecretDocument | undefined): Step => ({
  kind: 'document',
  document: value,
});

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
export const entities: ProjectionOf = (names) => ({
  name: 'entities',
  stream: names.streams.events,
  bucket: names.buckets.entities,
  filters: [names.eventFilter],
  keyFilter: 'entity.>',
  keyOf: remembered((subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'resource' ? viewKeys.entity(ref.workspace, ref.name) : undefined;
  }),
  step: (previous, message) => {
    const decoded = decodeEventOf('resource', message.data);
    if ('problem' in decoded) return { kind: 'poison', reason: decoded.problem };
    const entity = previous as Entity | undefined;
    const state = entity === undefined ? { generation: 0 } : { generation: entity.generation, entity };
    const event = decoded.event as ResourceEvent;
    const after = foldOrProblem(() => evolveResource(state, event, message.sequence));
    return 'problem' in after ? { kind: 'poison', reason: after.problem } : document(after.folded.entity);
  },
});

export const operators: ProjectionOf = (names) => ({
  name: 'operators',
  stream: names.streams.events,
  bucket: names.buckets.operators,
  filters: [names.operatorEventFilter],
  keyFilter: 'operator.>',
  keyOf: (subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'operator' ? viewKeys.operator(ref.name) : undefined;
  },
  step: (previous, message) => {
    const decoded = decodeEventOf('operator', message.data);
    if ('problem' in decoded) return { kind: 'poison', reason: decoded.problem };
    const operator = previous as OperatorDocument | undefined;
    const state = operator === undefined ? { generation: 0 } : { generation: operator.generation, operator };
    const event = decoded.event as OperatorEvent;
    const after = foldOrProblem(() => evolveOperator(state, event, message.sequence));
    return 'problem' in after ? { kind: 'poison', reason: after.problem } : document(after.folded.operator);
  },
});

/** A bucket of its own: who may read secrets, sealed as they are, is a matter of its own. */
export const secrets: ProjectionOf = (names) => ({
  name: 'secrets',
  stream: names.streams.events,
  bucket: names.buckets.secrets,
  filters: [names.secretEventFilter],
  keyFilter: 'secret.>',
  keyOf: (subject) => {
    const ref = names.parseEvent(subject);
    return ref?.kind === 'secret' ? viewKeys.secret(ref.workspace, ref.name) : undefined;
  },
  step: (previous, message) => {
    const decoded = decodeEventOf('secret', message.data);
    if ('problem' in decoded) return { kind: 'poison', reason: decoded.problem };
    const secret = previous as SecretDocument | undefined;
    const state = secret === undefined ? { generation: 0 } : { generation: secret.generation, secret };
    const event = decoded.event as SecretEvent;
    const after = foldOrProblem(() => evolveSecret(state, event, message.sequence));
    return 'problem' in after ? { kind: 'poison', reason: after.problem } : document(after.folded.secret);
  },
});
