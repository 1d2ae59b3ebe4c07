// What a receipt says when a command is about a resource that is suspended: accepted, and not carried out before the resume. Called by
// decide-intent.ts for commands that would change something outside.

import type { Verb } from '../../messages/commands.ts';
import type { Entity } from '../../messages/entity.ts';
import type { Finding } from '../../messages/finding.ts';

const HELD: Readonly<Partial<Record<Verb, string>>> = {
  delete: 'the deletion',
  cancel: 'the cancel',
  reconcile: 'the reconcile',
};

/** Of a command that names its target: only of verbs that would change something outside. */
export const warnOfHolding = (verb: Verb, entity: Entity, warn: (finding: Finding) => void): void => {
  const what = HELD[verb];
  if (what !== undefined) warnIfHeldBack(entity, what, warn);
};

/** `what`: the change, the deletion, the cancel. */
export const warnIfHeldBack = (entity: Entity | undefined, what: string, warn: (finding: Finding) => void): void => {
  if (entity?.suspended !== true) return;
  const { workspace, name } = entity.manifest;
  const message = `resource "${name}" is suspended: ${what} is kept, and happens outside when it is resumed`;
  const isDeletion = what === 'the deletion';
  const hint = `opstream resume -n ${name} -w ${workspace}${isDeletion ? '; or release it with force: what it has outside then stays' : ''}`;
  warn({ code: 'HELD_BACK', severity: 'warning', message, hint, pointer: '' });
};
