// Why an instance of another revision is wanted: what it is started with, part by part, compared with what its replica had before. Pure. A
// revision is one hash and tells only that something changed. Called by plan.ts, and by decide.ts when the revision of a replica changes.

import type { RollCause, RollParts } from '../../messages/entity.ts';

const SECRET = 'secret ';

/** The part of one secret: `place` is its workspace and name. */
export const secretPart = (place: string): `secret ${string}` => `${SECRET}${place}`;

/**
 * The causes, in a fixed order. A secret that is referred to only before or only after is a change of the manifest, which has that part itself.
 * `unknown`: what was before is not known, or nothing that is known has changed.
 */
export const rolledFor = (before: RollParts | undefined, after: RollParts | undefined): readonly RollCause[] => {
  if (before === undefined || after === undefined) return ['unknown'];
  const isIn = (parts: RollParts, part: string): boolean => Object.hasOwn(parts, part);
  const changed = Object.keys({ ...before, ...after }).filter((part) => {
    if (part.startsWith(SECRET) && !(isIn(before, part) && isIn(after, part))) return false;
    return before[part] !== after[part];
  });
  return changed.length === 0 ? ['unknown'] : (changed.sort() as RollCause[]);
};

/** Of a change that came while the one before it had not begun: both. */
export const joinCauses = (earlier: readonly RollCause[], later: readonly RollCause[]): readonly RollCause[] =>
  [...new Set([...earlier, ...later])].sort();
