// Where the facts come from that a decision may need beyond the thing itself: the views, the last statuses, the jq programs of the operator, the
// resources that it has. Called by gather.ts, for exactly what a decider needs.

import { breakagesOf } from '../evolution/schema-evolution.ts';
import type { Census } from '../evolution/census.ts';
import type { JqRunner } from '../ports/jq.ts';
import { targetOf, wantedOf, type Case, type FactOf, type Facts, type Need, type Scene, type Wanted } from './case.ts';
import type { Result } from '../../core/result.ts';
import type { Entity } from '../../messages/entity.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Relations } from './relations.ts';
import { filterProblems, nameBy, nameFilterOf } from './resource-types.ts';

export type FactSources = { readonly relations: Relations; readonly census: Census; readonly jq: JqRunner };

type Finders = { readonly [TNeed in Need]: (one: Case, scene: Scene) => Promise<FactOf[TNeed]> };

const there = <T>(thing: T | undefined): T => {
  if (thing === undefined) throw new Error('a decider needs a fact of what is not there');
  return thing;
};
const entityOf = ({ aggregate }: Case): Entity => there(aggregate.resource.entity);
const operatorOf = ({ aggregate }: Case): OperatorDocument => there(aggregate.operator.operator);
const manifestIn = <TWanted extends Wanted>(wanted: Result<TWanted>): TWanted['manifest'] =>
  there(wanted.ok ? wanted.value.manifest : undefined);

/** Adds to the facts of a case those that are missing. Faults: those of the sources; what cannot be read is not taken for "none". */
export const createFactFinder = ({ relations, census, jq }: FactSources) => {
  const finders: Finders = {
    dependents: ({ aggregate }) => relations.dependentsOf(aggregate.ref.name),
    leftStorage: (one) => relations.storageLeftBy(operatorOf(one)),
    secretUsers: ({ aggregate }) => relations.usersOfSecret(aggregate.ref.workspace, aggregate.ref.name),
    lastStatus: (one) => relations.lastStatusOf(entityOf(one)),
    namedStatus: (one) => relations.statusAt(entityOf(one), targetOf(one).statusSequence ?? 0),
    operatorNames: () => relations.operatorNames(),
    externalName: (one, scene) => {
      const manifest = manifestIn(wantedOf(one, 'resource'));
      const filter = nameFilterOf(manifest, scene.operatorNamed(manifest.resource.operator));
      return nameBy(there(filter), manifest, jq);
    },
    programProblems: (one) =>
      filterProblems(one.aggregate.operator.operator?.manifest, manifestIn(wantedOf(one, 'operator')), jq),
    breakages: (one, scene) =>
      breakagesOf(operatorOf(one).manifest, manifestIn(wantedOf(one, 'operator')), census, scene.isCommanded),
  };

  return async (one: Case, missing: readonly Need[], scene: Scene): Promise<Facts> => {
    const found = await Promise.all(missing.map(async (need) => [need, await finders[need](one, scene)] as const));
    return { ...one.facts, ...Object.fromEntries(found) };
  };
};
