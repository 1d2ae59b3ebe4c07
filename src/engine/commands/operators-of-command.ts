// The operators that the intents of one command have to do with: of the manifests that it brings, and of the resources that it names.

import type { Awaitable } from '../../core/awaitable.ts';
import { operatorRef } from '../../messages/subjects.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Aggregate, Aggregates } from './aggregates.ts';
import type { Intent } from './intent.ts';

type Cases = readonly { readonly intent: Intent; readonly aggregate: Aggregate }[];

const operatorNameOf = (intent: Intent, { resource }: Aggregate): string | undefined => {
  if (intent.kind === 'target') return resource.entity?.manifest.resource.operator;
  return intent.manifest.type === 'resource' ? intent.manifest.resource.operator : undefined;
};

/** By name; undefined for one that is not registered. Waits only for those that are not known well enough. */
export const operatorsOf = (
  cases: Cases,
  aggregates: Aggregates,
  maxAgeMs: number,
): Awaitable<Map<string, OperatorDocument | undefined>> => {
  const operators = new Map<string, OperatorDocument | undefined>();
  const unknown = new Set<string>();
  for (const { intent, aggregate } of cases) {
    const name = operatorNameOf(intent, aggregate);
    if (name === undefined || operators.has(name) || unknown.has(name)) continue;
    const isOwn = ({ ref }: Aggregate): boolean => ref.kind === 'operator' && ref.name === name;
    const known =
      cases.find((other) => isOwn(other.aggregate))?.aggregate ?? aggregates.known(operatorRef(name), maxAgeMs);
    if (known === undefined) unknown.add(name);
    else operators.set(name, known.operator.operator);
  }
  if (unknown.size === 0) return operators;
  const load = async (name: string): Promise<void> => {
    operators.set(name, (await aggregates.load(operatorRef(name), maxAgeMs)).operator.operator);
  };
  return Promise.all([...unknown].map(load)).then(() => operators);
};
