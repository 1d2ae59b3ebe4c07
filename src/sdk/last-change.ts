// What a reconcile has just done to the thing outside, for the condition LastChange: each correction is seen in the status, in the history and in the
// component's log. An author names it once, as `change` of the report after it; the SDK dates it and keeps it in every later status of the
// resource until there is another one, also in those that the SDK itself makes. Called by status-rules.ts and controller.ts.

import { type ExternalChange } from './external-change.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Condition } from '../messages/entity.ts';
import type { ReportedCondition, StatusUpdate } from './types.ts';

const TYPE = 'LastChange';
const MAX_MESSAGE_LENGTH = 1000;

const textOf = ({ message = '' }: ExternalChange): string =>
  message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;

const conditionOf = (change: ExternalChange, now: string): ReportedCondition => {
  const text = textOf(change);
  return { type: TYPE, status: 'True', reason: change.what, message: text === '' ? now : `${now}: ${text}` };
};

const isLastChange = ({ type }: Pick<ReportedCondition, 'type'>): boolean => type === TYPE;

/**
 * The conditions of a report with LastChange: of the change that it names, else as it was `before`. What the report itself has of that type does not
 * count: authors report conditions again that they have read. `now`: RFC 3339.
 */
export const withLastChange = (
  reported: readonly ReportedCondition[],
  change: ExternalChange | undefined,
  before: readonly Condition[],
  now: string,
): readonly ReportedCondition[] => {
  const own = reported.filter((condition) => !isLastChange(condition));
  if (change !== undefined) return [...own, conditionOf(change, now)];
  const last = before.find(isLastChange);
  return last === undefined ? own : [...own, last];
};

/** The thing outside is as it is by then, whether or not the status can be stored: so it is said before that. */
export const logChange = (log: Log, { key, externalId, change }: StatusUpdate): void => {
  if (change === undefined) return;
  const text = textOf(change);
  const facts = { key, ...(externalId === undefined ? {} : { externalId }), change: change.what };
  log.info({ ...facts, ...(text === '' ? {} : { difference: text }) }, 'the thing outside was changed');
};
