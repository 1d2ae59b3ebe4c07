// What the steps of a run share: the author's options with their defaults, the ledger, and how something is said of a run. Made by
// create-once.ts.

import type { JsonObject } from '../../core/json.ts';
import type { Entity, LifecycleStatus, ObservedRun } from '../../messages/entity.ts';
import type { StatusUpdate } from '../types.ts';
import { hasEnded, withdrawnIntent } from './intent.ts';
import { ownerOf, type Ledger } from './ledger.ts';
import type { Intent, OnceOptions, OnceWork, RunRecord, Said } from './types.ts';

/** Looked at again as soon as may be. */
export const AT_ONCE = { requeueAfterMs: 1 } as const;

export const whileDeleting = ({ deletionRequestedAt }: Entity, status: LifecycleStatus): LifecycleStatus =>
  deletionRequestedAt === undefined ? status : 'deleting';

/** The status of a resource with a run. The run's message is the status' message. */
export const runUpdate = (
  { key }: Entity,
  run: ObservedRun,
  rest: Omit<StatusUpdate, 'key' | 'run' | 'runtime' | 'externalId' | 'message'>,
): StatusUpdate => ({
  key,
  ...rest,
  run,
  runtime: run.state,
  ...(run.externalId === undefined ? {} : { externalId: run.externalId }),
  ...(run.message === undefined ? {} : { message: run.message }),
});

export type Parts<TIntent extends Intent, TWork extends OnceWork<TIntent>> = {
  readonly options: OnceOptions<TIntent, TWork>;
  readonly noun: string;
  readonly ledger: Ledger;
  now(): number;
  timestamp(): string;
  /** Whose runs are claimed for the resource. */
  owner(work: TWork): string;
  keptOf(intent: TIntent): TIntent;
  withdrawn(work: TWork, runId: string): TIntent | undefined;
  /** Reports it. What was reported of the run; undefined: nothing was. */
  say(work: TWork, said: Said<TIntent>): Promise<ObservedRun | undefined>;
};

const standardProperties = <TIntent extends Intent>({
  properties,
  intent,
  unseenSince,
}: Said<TIntent>): JsonObject => ({
  ...properties,
  ...(intent === undefined ? {} : { intent: intent as JsonObject }),
  ...(unseenSince === undefined ? {} : { unseenSince }),
});

export const partsOf = <TIntent extends Intent, TWork extends OnceWork<TIntent>>(
  options: OnceOptions<TIntent, TWork>,
  ledger: Ledger,
): Parts<TIntent, TWork> => {
  const { now = Date.now, keptOf = (intent) => intent } = options;
  return {
    ...{ options, ledger, now, keptOf, noun: options.noun ?? 'run' },
    timestamp: () => new Date(now()).toISOString(),
    owner: ({ entity }) => ownerOf(entity),
    withdrawn: ({ record }, runId) => withdrawnIntent(runId, record as RunRecord<TIntent> | undefined, keptOf),
    say: async (work, said) => {
      const { status, run, conditions, change } = said;
      const properties = options.properties?.(work, said) ?? standardProperties(said);
      const more = change === undefined ? {} : { change };
      const standard = runUpdate(work.entity, run, { status, conditions, properties, ...more });
      const update = options.say === undefined ? standard : options.say(work, said, standard);
      if (update === undefined) return undefined;
      await work.context.controller.updateEntityStatus(update);
      return update.run;
    },
  };
};

export const isOver = (run: ObservedRun | undefined): boolean => run !== undefined && hasEnded(run.state);
