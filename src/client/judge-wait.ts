// Whether what was asked for is done, from the answer to a query. Pure; called by wait-ready.ts. What counts is the very generation, event or
// run of the command: neither the end of an earlier run nor a state from before the command.

import { SUSPENDED } from '../messages/entity.ts';
import type { GetAnswer, RunRow } from '../messages/queries.ts';
import type { ObservedStatus } from './types.ts';

export type Verdict = 'ready' | 'failed' | undefined;
type ResourceAnswer = Extract<GetAnswer, { readonly type: 'resource' }>;

const says = (status: ObservedStatus, type: string): boolean =>
  status.conditions.some((condition) => condition.type === type && condition.status === 'True');

const ENDS: ReadonlySet<string> = new Set([
  'succeeded',
  'failed',
  'cancelled',
  'replaced',
  'superseded',
  'skipped',
  'unknown',
]);

const byEnd = (state: string): Verdict => {
  if (!ENDS.has(state)) return undefined;
  return state === 'succeeded' ? 'ready' : 'failed';
};

const isStalled = (status: ObservedStatus | undefined): boolean => status !== undefined && says(status, 'Stalled');

/** State of the run as its component last reported it. */
const seenOf = (status: ResourceAnswer['status'], runId: string): string =>
  status?.run?.id === runId ? status.run.state : 'pending';

/** It is not Ready only because a run goes on, or has ended badly. */
const isBusyWithRuns = ({ status, summary }: ResourceAnswer): boolean =>
  status?.run !== undefined && (ENDS.has(status.run.state) || summary.status === 'active');

const isError = (status: string): Verdict => (status === 'error' ? 'failed' : undefined);

/** The run that goes on, if one does; undefined: none, an earlier one has ended. */
export const currentRunOf = ({ entity, status }: ResourceAnswer): string | undefined => {
  const { run } = entity;
  if (run === undefined || run.ended !== undefined) return undefined;
  const seen = seenOf(status, run.id);
  return ENDS.has(seen) ? undefined : run.id;
};

/** `elsewhere`: it neither goes on nor waits nor was the last one, so the list of runs has to say. */
export const judgeRun = ({ entity, status, summary }: ResourceAnswer, runId: string): Verdict | 'elsewhere' => {
  if (entity.waitingRuns?.some(({ id }) => id === runId) === true) return undefined;
  if (entity.run?.id !== runId) return 'elsewhere';
  const seen = seenOf(status, runId);
  const ended = byEnd(entity.run.ended ?? seen);
  if (ended !== undefined) return ended;
  return summary.status === 'error' && isStalled(status) ? 'failed' : undefined;
};

export const judgeRow = ({ state }: RunRow): Verdict => byEnd(state);

/** Of a command that asks for no run: its component has seen it, and is not at odds with it. What became of earlier runs does not matter. */
export const judgeChange = (answer: ResourceAnswer, generation: number, sequence: number): Verdict => {
  const { summary, status, entity } = answer;
  if (status?.uid !== entity.uid || status.observedGeneration < generation || status.observedSequence < sequence)
    return undefined;
  // What was asked for is held back, and waiting changes nothing about that.
  if (says(status, SUSPENDED) || (isStalled(status) && summary.status === 'error')) return 'failed';
  return says(status, 'Ready') || isBusyWithRuns(answer) ? 'ready' : isError(summary.status);
};

/** A deletion that was asked for by an event that the answer has, and of which it says nothing: the name was declared again since. */
export const isAnother = (answer: GetAnswer, sequence: number | undefined): boolean =>
  sequence !== undefined && answer.type === 'resource' && answer.entity.deletionRequestedAt === undefined;
