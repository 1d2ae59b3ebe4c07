// What one stored message makes of the state before it. Every reader that folds events does it here: the command-handler to decide, the
// projector for the documents, the operator-runtime for what components are told, the CLI for replays. So all of them set aside the same messages.

import { foldOrProblem } from '../messages/stored-event.ts';
import { refKey, refOfKind, type Kind, type Ref } from '../messages/subjects.ts';
import type { DomainEvent, OperatorEvent, ResourceEvent, SecretEvent } from '../messages/events.ts';
import type { OwnEvent } from '../messages/own-events.ts';
import { evolveOperator } from './operator/evolve.ts';
import type { OperatorState } from './operator/state.ts';
import { evolveResource } from './resource/evolve.ts';
import type { ResourceState } from './resource/state.ts';
import { evolveSecret } from './secret/evolve.ts';
import type { SecretState } from './secret/state.ts';

export type States = {
  readonly operator: OperatorState;
  readonly resource: ResourceState;
  readonly secret: SecretState;
};
export type EventsByKind = {
  readonly operator: OperatorEvent;
  readonly resource: ResourceEvent;
  readonly secret: SecretEvent;
};

export type TakenIn<TKind extends Kind> =
  | { readonly state: States[TKind]; readonly event: EventsByKind[TKind] }
  /** The message is set aside, and the state stays as it was. */
  | { readonly problem: string };

const folds: {
  readonly [TKind in Kind]: (state: States[TKind], event: EventsByKind[TKind], sequence: number) => States[TKind];
} = { operator: evolveOperator, resource: evolveResource, secret: evolveSecret };

const thingIn: { readonly [TKind in Kind]: (state: States[TKind]) => Ref | undefined } = {
  operator: ({ operator }) => operator && refOfKind('operator', '', operator.manifest.name),
  resource: ({ entity }) => entity && refOfKind('resource', entity.manifest.workspace, entity.manifest.name),
  secret: ({ secret }) => secret && refOfKind('secret', secret.manifest.workspace, secret.manifest.name),
};

/** `own`: what messages/own-events.ts says of the message. */
export const takeIn = <TKind extends Kind>(
  kind: TKind,
  own: OwnEvent,
  state: States[TKind],
  sequence: number,
): TakenIn<TKind> => {
  if ('problem' in own) return own;
  if (own.ref.kind !== kind) return { problem: `not an event of kind ${kind}` };
  const event = own.event as DomainEvent as EventsByKind[TKind];
  const after = foldOrProblem(() => folds[kind](state, event, sequence));
  if ('problem' in after) return after;
  const thing = thingIn[kind](after.folded);
  const isItself = thing === undefined || refKey(thing) === refKey(own.ref);
  return isItself ? { state: after.folded, event } : { problem: `makes ${refKey(own.ref)} into ${refKey(thing)}` };
};

/** Whether the event begins a thing. Any other changes one that has to be there. */
export const beginsThing = ({ type }: DomainEvent): boolean =>
  type === 'io.opstream.resource.declared.v1' ||
  type === 'io.opstream.operator.registered.v1' ||
  type === 'io.opstream.secret.declared.v1';
