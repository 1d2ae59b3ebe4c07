// An API that runs jobs, in memory, each of whose answers a test may replace, and an operator for it as an author writes one with `createOnce`.

import {
  createOnce,
  Fault,
  type Entity,
  type EntityStatus,
  type Intent,
  type OnceOptions,
  type RuntimeStatus,
} from '../../../../src/sdk/index.ts';
import { entityAt } from '../../../support/entities.ts';
import { reconcilerInMemory, type InMemoryOptions } from '../../../support/reconciler-in-memory.ts';

export type Job = { readonly id: string; readonly resource: string; state: RuntimeStatus };

export const deletionRequestedAt = '2026-01-01T00:00:00.000Z';

export const wanting = (
  run: number,
  changes: Partial<Entity> & { readonly name?: string; readonly cancelRequested?: boolean } = {},
): Entity => {
  const { cancelRequested = false, name = 'run-1', ...rest } = changes;
  return entityAt(rest.sequence ?? run * 10, {
    ...{ name, uid: `uid-${name}`, runnable: true },
    run: { id: `${name}-${run}`, number: run, requestedAt: '2026-01-01T00:00:00.000Z', cancelRequested },
    ...rest,
  });
};

export const noAnswer = (): Fault => new Fault('COMPONENT_RETRYABLE', 'no answer', { details: { outcome: 'unknown' } });
export const refusedWith = (status: number, retry: 'never' | 'later'): Fault =>
  new Fault(retry === 'never' ? 'COMPONENT_TERMINAL' : 'COMPONENT_RETRYABLE', `refused with ${status}`, {
    ...{ retry, details: { status, outcome: 'none' } },
  });

export const jobOperator = (changes: Partial<OnceOptions> = {}, inMemory: InMemoryOptions = {}) => {
  const jobs: Job[] = [];
  let calls = 0;
  type Api = {
    /** How the job is at the next look; undefined: it is not to be seen. */
    stateOf(job: Job): RuntimeStatus | undefined;
    /** Called before a job is made, and after that before it is answered; a throw is what the caller gets. */
    onCall(): Promise<void>;
    onMade(job: Job): Promise<void>;
    listed(): readonly Job[];
  };
  const api: Api = {
    stateOf: () => 'succeeded',
    onCall: () => Promise.resolve(),
    onMade: () => Promise.resolve(),
    listed: () => jobs,
  };
  const operator = () =>
    createOnce({
      ...{ noun: 'job', platform: 'the job server', graceMs: 400, pollIntervalMs: 20, settleMs: 300 },
      start: async ({ entity }) => {
        calls += 1;
        await api.onCall();
        const job: Job = { id: `job-${jobs.length + 1}`, resource: entity.key, state: 'pending' };
        jobs.push(job);
        await api.onMade(job);
        return job.id;
      },
      search: async (_work, _intent, { isFree }) => ({
        ids: api
          .listed()
          .map(({ id }) => id)
          .filter(isFree),
      }),
      look: async (_work, { record }) => {
        const job = jobs.find(({ id }) => id === record.externalId);
        const state = job === undefined ? undefined : api.stateOf(job);
        return state === undefined ? undefined : { state, properties: { job: record.externalId } };
      },
      ...changes,
    }).reconciler('jobs');
  const component = reconcilerInMemory(operator, inMemory);
  const until = (isReached: (status: EntityStatus) => boolean, what: string, name = 'run-1') =>
    component.until(isReached, what, `public.${name}`, 'adf-operator');
  return {
    ...{ ...component, api, jobs, until },
    calls: () => calls,
    succeeded: async (run = 1, name = 'run-1'): Promise<EntityStatus> =>
      until(
        (status) => status.run?.id === `${name}-${run}` && status.run.state === 'succeeded',
        `success of ${run}`,
        name,
      ),
    reasons: () => component.history.flatMap(({ conditions }) => conditions.map(({ reason }) => reason)),
  };
};

export const intentIn = ({ properties }: EntityStatus): Intent => properties['intent'] as Intent;
export const condition = (status: EntityStatus, type: string) => status.conditions.find((one) => one.type === type);
