// The operators that the intents of one command have to do with: of the manifests that it brings, and of the resources that it names.

import { operatorRef, refKey } from '../messages/subjects.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import type { Aggregate, Aggregates } from './aggregates.ts';
import type { Intent } from './intent.ts';

/** By name; undefined for one that is not registered. `own`: the aggregates of the command itself. */
export const operatorsOf = async (
  intents: readonly Intent[],
  own: ReadonlyMap<string, Aggregate>,
  aggregates: Aggregates,
  maxAgeMs: number,
): Promise<Map<string, OperatorDocument | undefined>> => {
  const operators = new Map<string, OperatorDocument | undefined>();
  const wanted = new Set<string>();
  for (const intent of intents) {
    if (intent.kind === 'manifest' && intent.manifest.type === 'resource')
      wanted.add(intent.manifest.resource.operator);
    const entity = own.get(refKey(intent.ref))?.resource.entity;
    if (intent.kind === 'target' && entity !== undefined) wanted.add(entity.manifest.resource.operator);
  }
  const unknown: string[] = [];
  for (const name of wanted) {
    const known = own.get(refKey(operatorRef(name))) ?? aggregates.known(operatorRef(name), maxAgeMs);
    if (known === undefined) unknown.push(name);
    else operators.set(name, known.operator.operator);
  }
  const load = async (name: string): Promise<void> => {
    operators.set(name, (await aggregates.load(operatorRef(name), maxAgeMs)).operator.operator);
  };
  if (unknown.length > 0) await Promise.all(unknown.map(load));
  return operators;
};
