// What a failed reconcile says in the status of its resource: at the first of equal failures, and of one that needs a person always, since it
// names the time of the next try. Called by reconcile-loop.ts.

import type { Log } from '../engine/ports/log.ts';
import type { Entity } from '../messages/entity.ts';
import type { Controller } from './controller.ts';
import { failureUpdate, type Problem } from './status-rules.ts';

const isPowerOfTwo = (count: number): boolean => (count & (count - 1)) === 0;

export type FailureReport = {
  /** Whether the status says it now. */
  report(entity: Entity, attempt: number, problem: Problem): Promise<boolean>;
};

export const createFailureReport = (options: { readonly controller: Controller; readonly log: Log }): FailureReport => {
  const { controller, log } = options;

  /** Whether the failure is to be seen in the status now: not on each of many equal attempts. */
  const isNews = async (entity: Entity, attempt: number, { message, reason, nextTryMs }: Problem): Promise<boolean> => {
    if (nextTryMs !== undefined) return true;
    const status = await controller.getEntityStatus(entity.key, entity.manifest.resource.type);
    const condition = status?.uid === entity.uid ? status.conditions.find((one) => one.reason === reason) : undefined;
    if (condition === undefined || status?.observedSequence !== entity.sequence) return true;
    return condition.message !== message && isPowerOfTwo(attempt);
  };

  return {
    report: async (entity, attempt, problem) => {
      try {
        if (!(await isNews(entity, attempt, problem))) return true;
        const previous = await controller.getEntityStatus(entity.key, entity.manifest.resource.type);
        await controller.report(failureUpdate(entity, previous, problem));
        return true;
      } catch (error) {
        log.warn({ key: entity.key, err: error }, 'failure could not be reported');
        return false;
      }
    },
  };
};
