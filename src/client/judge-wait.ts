// Whether what was asked for is done, from the answer to a query. Pure; called by wait-ready.ts. What counts is the very generation, event or
// run of the command: neither the end of an earlier run nor a state from before the command.

import { secretUsesOf, type SecretPlace } from '../manifest/secret-references.ts';
import { SUSPENDED } from '../messages/entity.ts';
import type { GetAnswer, RunRow } from '../messages/queries.ts';
import type { ObservedStatus } from './types.ts';

export type Verdict = 'ready' | 'failed' | undefined;
type OperatorAnswer = Extract<GetAnswer, { readonly type: 'operator' }>;
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

const ENDLESS: ReadonlySet<string> = new Set(['Failed', 'CrashLoopBackOff']);

type SeenComponent = NonNullable<NonNullable<OperatorAnswer['status']>['components']>[number];

/** Of a component that refers to the secret, as the operator-runtime last told of it. */
const judgeGiven = ({ state, secrets }: SeenComponent, key: string, sequence: number, isNeeded: boolean): Verdict => {
  // What opstream does not start reads no secret of it.
  if (state === 'External') return 'ready';
  const given = secrets?.[key];
  const isGiven = given === undefined ? !isNeeded : given >= sequence;
  if (!isGiven) return undefined;
  if (state === 'Running') return 'ready';
  return ENDLESS.has(state) ? 'failed' : undefined;
};

/**
 * Of a secret: whether all components of one operator that refer to it run with what it has held since `sequence`. An operator that goes is not
 * waited for. `message`: which component does not, and why.
 */
export const judgeUse = (
  { operator, status }: OperatorAnswer,
  place: SecretPlace,
  sequence: number,
): { readonly verdict: Verdict; readonly message: string } => {
  const ready = { verdict: 'ready', message: '' } as const;
  if (operator.deletionRequestedAt !== undefined) return ready;
  const isIt = ({ workspace, name }: SecretPlace): boolean => workspace === place.workspace && name === place.name;
  const judged = operator.manifest.operator.components.flatMap((component) => {
    const uses = secretUsesOf(component).filter(isIt);
    if (uses.length === 0) return [];
    // What pulls no image is not given the credentials for it.
    const isNeeded = uses.some(({ field }) => field !== 'imagePullSecret');
    const seen = status?.components?.find(({ name }) => name === component.name);
    const key = `${place.workspace}/${place.name}`;
    const verdict = seen === undefined ? undefined : judgeGiven(seen, key, sequence, isNeeded);
    const told = seen?.message === undefined ? '' : `: ${seen.message}`;
    const message = `component ${component.name} of operator ${operator.name} does not run with it yet${told}`;
    return [{ verdict, message }];
  });
  const failed = judged.find(({ verdict }) => verdict === 'failed');
  return failed ?? judged.find(({ verdict }) => verdict === undefined) ?? ready;
};
