// Receipts: what a command is answered with. Pure; answer.ts and gather.ts say which one it is.

import type { JsonValue } from '../../core/json.ts';
import { reject, type Rejection } from '../../core/rejection.ts';
import type { Writable } from '../../core/writable.ts';
import { joinLeftBehind, leftBehindIn, type LeftBehind } from '../../messages/left-behind.ts';
import { boundedFindings, type Finding } from '../../messages/finding.ts';
import { refKey, type Ref } from '../../messages/subjects.ts';
import type { EntityIdentity, Receipt, ReceiptEvent } from '../../messages/commands.ts';
import type { DomainEvent } from '../../messages/events.ts';
import { generationOf, type Aggregate } from './aggregates.ts';
import type { CommandRequest } from './command-request.ts';
import type { Command } from './intent.ts';

/** What a command would store, or has decided to store, on one aggregate. */
export type Change = { readonly aggregate: Aggregate; readonly events: readonly DomainEvent[] };

export const identityOf = ({ kind, workspace, name }: Ref, generation: number): EntityIdentity => ({
  kind,
  workspace,
  name,
  generation,
});

export const refusal = (request: CommandRequest, rejection: Rejection, refs: readonly Ref[] = []): Receipt => {
  const [ref] = refs;
  return {
    commandId: request.commandId,
    verb: request.verb,
    accepted: false,
    events: [],
    ...(ref === undefined ? {} : { entity: identityOf(ref, 0) }),
    ...(request.isDryRun ? { dryRun: true } : {}),
    rejection,
  };
};

export const acceptance = (
  request: CommandRequest,
  entities: readonly EntityIdentity[],
  events: readonly ReceiptEvent[],
  leftBehind?: LeftBehind,
): Receipt => {
  const [entity] = entities;
  const { commandId, verb } = request;
  const receipt: Writable<Receipt> = { commandId, verb, accepted: true, events };
  if (entity !== undefined) receipt.entity = entity;
  if (entities.length > 1) receipt.entities = entities;
  if (events.length === 0) receipt.unchanged = true;
  if (request.isDryRun) receipt.dryRun = true;
  if (leftBehind !== undefined) receipt.leftBehind = leftBehind;
  return receipt;
};

/** What the events say is left outside. */
export const leftBehindBy = (changes: readonly Change[]): LeftBehind | undefined =>
  joinLeftBehind(changes.flatMap(({ events }) => events.flatMap(({ data }) => leftBehindIn(data) ?? [])));

/** The answer to a dry run: what would be stored. */
export const preview = (request: CommandRequest, changes: readonly Change[]): Receipt => {
  const events = changes.flatMap((change) =>
    change.events.map((event) => ({ subject: change.aggregate.subject, event })),
  );
  const entities = changes.map(({ aggregate, events: own }) =>
    identityOf(aggregate.ref, own.at(-1)?.generation ?? generationOf(aggregate)),
  );
  const receipt = acceptance(
    request,
    entities,
    events.map(({ subject, event }) => ({ id: event.id, type: event.type, subject, sequence: 0 })),
    leftBehindBy(changes),
  );
  return {
    ...receipt,
    preview: events.map(({ subject, event }) => ({
      type: event.type,
      subject,
      data: event.data as unknown as JsonValue,
    })),
  };
};

/** With the advice that there is, if any. */
export const withWarnings = (receipt: Receipt, warnings: readonly Finding[]): Receipt =>
  warnings.length === 0 || !receipt.accepted ? receipt : { ...receipt, warnings: boundedFindings(warnings) };

export const sameTarget = (receipt: Receipt, refs: readonly Ref[]): boolean => {
  const [ref] = refs;
  const { entity } = receipt;
  return (
    ref === undefined || entity === undefined || refKey(ref) === `${entity.kind}.${entity.workspace}.${entity.name}`
  );
};

export const idReused = (request: CommandRequest, receipt: Receipt): Rejection => {
  const { kind = '?', workspace = '?', name = '?' } = receipt.entity ?? {};
  return reject(
    'COMMAND_ID_REUSED',
    `command id "${request.commandId}" was used before for ${kind} ${workspace}/${name}; use a new id for a new command`,
  );
};

/** The receipt of an earlier run of this very command, from the events that it stored. */
export const appliedBefore = (request: CommandRequest, loaded: readonly Aggregate[]): Receipt | undefined => {
  if (!loaded.some(({ commands }) => commands.has(request.commandId))) return undefined;
  const entities = loaded.map((aggregate) =>
    identityOf(aggregate.ref, aggregate.commands.get(request.commandId)?.generation ?? generationOf(aggregate)),
  );
  const events = loaded
    .flatMap(({ commands }) => commands.get(request.commandId)?.events ?? [])
    .sort((left, right) => left.sequence - right.sequence);
  const left = loaded.flatMap(({ commands }) => commands.get(request.commandId)?.leftBehind ?? []);
  return acceptance(request, entities, events, joinLeftBehind(left));
};

/** What is seen when an attempt begins: the aggregates, and the outcome that the command has already, if any. */
export type Sight = { readonly loaded: readonly Aggregate[]; readonly outcome?: Receipt | undefined };

/** The receipt of this very command, if it was carried out before. */
export const earlierReceipt = ({ request, refs }: Command, { loaded, outcome }: Sight): Receipt | undefined => {
  const applied = appliedBefore(request, loaded);
  if (applied !== undefined || outcome === undefined) return applied;
  return sameTarget(outcome, refs) ? outcome : refusal(request, idReused(request, outcome));
};
