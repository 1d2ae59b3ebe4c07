// What a component made with the SDK calls its durable consumer, its lease and its bucket: made of its variables, by the component (sdk/config)
// and by the operator-runtime, which looks at the lease of what it supervises. Pure.

import { isToken } from '../core/names.ts';
import { fnv1a } from './subjects.ts';

/** What a durable consumer may be called, made of any text. */
export const queueOf = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, '-');

/** A token made of any text; texts that differ give tokens that differ (but for a collision of 32 bits). */
export const toToken = (text: string): string => {
  const isFine: boolean = isToken(text);
  if (isFine) return text;
  const hash = fnv1a(text).toString(36);
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63 - hash.length);
  return `${plain}-${hash}`.replaceAll(/^-+/g, '').replaceAll(/-+/g, '-');
};

/** The bucket of the entities that a component keeps. `queue`: as `queueOf` gives it. */
export const stateBucketOf = (prefix: string, queue: string): string => toToken(`${prefix}-state-${queue}`);

/** `name`: ELECTION_CLUSTER_NAME, else the queue. Of a component, so that no process of the instance has the same one. */
export const leaseNameOf = (name: string): string => toToken(`component-${name}`);

/** The lease that a component with these variables competes for, if it is made with the SDK; undefined when it has no channel. */
export const leaseNameIn = (variables: Readonly<Record<string, string | undefined>>): string | undefined => {
  const queue =
    variables['ENTITY_OF_INTEREST_MESSAGE_QUEUE'] ?? variables['ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT'];
  const { ELECTION_CLUSTER_NAME: name } = variables;
  if (name !== undefined && name !== '') return leaseNameOf(name);
  return queue === undefined || queue === '' ? undefined : leaseNameOf(queueOf(queue));
};

/** A reconcile that was given up on and goes on: a component tells of the oldest in the record of its lease. */
export type HangReport = { readonly count: number; readonly key: string; readonly since: string };
