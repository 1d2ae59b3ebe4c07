// When a resource is at rest: nothing more is to come of what was asked for. Checks that then send commands of their own over the channel,
// or compare with the entity as it is wanted, begin here.
//
// Surprising: the end of a run is an event of the resource. It comes a moment after the status that tells of the end, and makes one more
// sequence that the component is sent and reports.

import type { Entity } from '../messages/entity.ts';
import { entityOf, settled, until } from './bench.ts';
import type { Bench } from './bench.ts';

/** Waits until the entity is reported as it is wanted, and the end of its run is history. The entity as it is wanted since. */
export const atRest = async (bench: Bench, entity: Entity, advice: string): Promise<Entity> => {
  await settled(bench, entity, advice);
  const { run, uid, key, manifest } = entity;
  if (run === undefined) return entity;
  let now: Entity | undefined;
  const rested = await until(
    bench,
    async () => {
      now = await entityOf(bench, manifest.name, entity.sequence);
      return now?.uid === uid && now.run?.ended !== undefined ? now : undefined;
    },
    {
      expected: `the end of run ${run.id} of ${key} among its events`,
      found: () => (now === undefined ? 'no such resource' : `sequence ${now.sequence} without it`),
      advice: 'this is a problem of the instance, not of the component',
    },
  );
  await settled(bench, rested, advice);
  return rested;
};
