// Between runs: brings the model and the sync back to the spec, when it is time to look.

import type { ExternalChange, JsonObject } from '../../sdk/index.ts';
import { isRefusal } from '../../sdk/index.ts';
import type { Known } from './ensure.ts';
import type { Parts } from './parts.ts';
import { hightouchRequest } from './request.ts';
import { recordProperties, type Work } from './run-record.ts';

const withProperties = (work: Work, more: JsonObject): Work =>
  work.status === undefined
    ? work
    : { ...work, status: { ...work.status, properties: { ...work.status.properties, ...more } } };

/** A run that was started had the model and the sync brought to the spec first, and a change of the spec wants a new run. */
const applied = (work: Work): Work => {
  const { status, entity } = work;
  const isApplied = status?.run?.externalId !== undefined && status.properties['appliedGeneration'] !== undefined;
  return isApplied ? withProperties(work, { appliedGeneration: entity.generation }) : work;
};

/**
 * The work with a status that says what is there now. `tell`: what was changed, before anything else is. Only a refusal is thrown: a run that has
 * ended is not reported worse because Hightouch did not answer.
 */
export const createWithoutDrift =
  ({ settings, ensure, uses, now }: Parts, tell: (work: Work, change: ExternalChange) => Promise<void>) =>
  async (given: Work): Promise<Work> => {
    const work = applied(given);
    const { entity, known: reported, record, call, context } = work;
    const { key, generation } = entity;
    const made = hightouchRequest(entity.manifest.resource.spec);
    const isDue = reported.sync !== undefined && uses.isDriftCheckDue(key, settings.driftIntervalMs, now());
    if (!isDue || 'problems' in made) return work;
    const known = record?.externalId === undefined ? reported : { ...reported, appliedGeneration: generation };
    const withKnown = (found: Known): Work => withProperties(work, recordProperties(found, undefined));
    let after = work;
    try {
      const result = await ensure({
        ...{ request: made.request, known, generation, call },
        tell: async (found, change) => {
          after = withKnown(found);
          await tell(after, change);
        },
      });
      uses.driftChecked(key, now());
      return result.kind === 'unseen' || !result.isChanged ? after : withKnown(result.ensured);
    } catch (error) {
      if (isRefusal(error)) throw error;
      uses.driftChecked(key, now());
      context.log.warn({ key, err: error }, 'model and sync not compared with what is described');
      return after;
    }
  };
