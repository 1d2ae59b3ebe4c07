// What to do next for one component, from what should run, what runs and what happened: pure, so that its promises can be tested on
// thousands of histories. They are: never two live instances of one id; at most one more than wanted is alive, for a change in progress;
// an instance of an old revision is stopped only when the new one of its replica is ready; what ends is started again after a pause
// that grows.

import type { RollCause, RollParts } from '../../messages/entity.ts';
import { parseInstanceId } from './instance-id.ts';
import type { InstanceSpec, InstanceState } from './ports.ts';
import { joinCauses, rolledFor } from './rolled-for.ts';

export type SupervisionSettings = {
  readonly backOffMs: number;
  readonly maxBackOffMs: number;
  /** Longest pause after what could not be started at all: nothing runs meanwhile, and a person may have mended it. */
  readonly maxNotStartedPauseMs: number;
  /** An instance that has been alive this long was not failing: the pause begins anew. */
  readonly steadyMs: number;
  /** Failures in a row from which it is called a crash loop. */
  readonly crashLoopAfter: number;
  /** How long a new instance may take to be ready before the change is called stalled. */
  readonly progressDeadlineMs: number;
  readonly graceMs: number;
  /** Failed checks of `/healthz` in a row after which an instance is ended and started again. */
  readonly livenessFailures: number;
  /** How often to look when nothing happens. */
  readonly tickMs: number;
};

export const defaultSettings: SupervisionSettings = {
  backOffMs: 1000,
  maxBackOffMs: 300_000,
  maxNotStartedPauseMs: 30_000,
  steadyMs: 600_000,
  crashLoopAfter: 3,
  progressDeadlineMs: 120_000,
  graceMs: 10_000,
  livenessFailures: 3,
  tickMs: 1000,
};

/** An instance as a driver tells of it, with where that was and whether an order to it is under way. */
export type ObservedInstance = InstanceState & {
  readonly driver: string;
  readonly order?: 'start' | 'stop';
  /** Its loop stands still: since then nobody has held the lease that it, or another replica of it, would hold. */
  readonly standsStill?: { readonly lease: string; readonly sinceMs: number };
};

export type SlotFailure = { readonly code: string; readonly message: string };

/** What is remembered of one replica. */
export type SlotHistory = {
  readonly revision: string;
  /** Since when the current revision has been wanted. */
  readonly wantedSinceMs: number;
  /** In a row. */
  readonly failures: number;
  readonly restarts: number;
  readonly starts: number;
  readonly nextStartMs: number;
  /** Start of the last instance whose end was counted: each end counts once. */
  readonly countedStartMs: number;
  readonly lastFailure?: SlotFailure;
  /** What the revision is made of; absent: it was planned by an earlier version. */
  readonly parts?: RollParts;
  /** Why this revision took the place of another one; absent: it did not. */
  readonly rolledFor?: readonly RollCause[];
};

export type ComponentHistory = ReadonlyMap<number, SlotHistory>;

export type Action =
  | { readonly kind: 'start'; readonly spec: InstanceSpec; readonly driver: string }
  | { readonly kind: 'stop'; readonly id: string; readonly driver: string };

export type ComponentDecision = {
  readonly actions: readonly Action[];
  readonly history: ComponentHistory;
  /** When to decide again although nothing happens; undefined: at the next tick. */
  readonly wakeAtMs?: number;
};

export type DecideInput = {
  /** By replica; empty: nothing should run. */
  readonly desired: readonly InstanceSpec[];
  /** The driver that the component's compute names. */
  readonly driver: string;
  /** All instances of this component, of every driver. */
  readonly observed: readonly ObservedInstance[];
  readonly history: ComponentHistory;
  readonly nowMs: number;
  readonly settings: SupervisionSettings;
  random(): number;
  /**
   * Whether an order for that instance is under way, now: one that is being stopped may not be listed any more, and another start of it would
   * not be given, though it would be counted. Default: none is.
   */
  isBusy?(id: string): boolean;
};

export const isAlive = ({ state }: InstanceState): boolean => state !== 'exited';
const isStaying = (one: ObservedInstance): boolean => isAlive(one) && one.order !== 'stop';
const replicaOf = ({ id }: ObservedInstance): number => parseInstanceId(id)?.replica ?? -1;

/** Doubles per failure in a row, give or take a quarter, up to the cap. */
export const restartPauseMs = (failures: number, settings: SupervisionSettings, random: () => number): number => {
  const plain = settings.backOffMs * 2 ** Math.min(failures - 1, 40);
  return Math.round(Math.min(settings.maxBackOffMs, plain * (0.75 + random() / 2)));
};

/** Undefined: nothing was there before. `own`: the instances of this replica. */
const causesOf = (
  spec: InstanceSpec,
  before: SlotHistory | undefined,
  own: readonly ObservedInstance[],
): readonly RollCause[] | undefined => {
  if (before === undefined) return own.some((one) => one.id !== spec.id) ? ['unknown'] : undefined;
  const causes = rolledFor(before.parts, spec.parts);
  const hasBegun = before.starts > 0 || own.some(({ id }) => parseInstanceId(id)?.revision === before.revision);
  return hasBegun ? causes : joinCauses(before.rolledFor ?? [], causes);
};

const freshSlot = (
  spec: InstanceSpec,
  nowMs: number,
  before: SlotHistory | undefined,
  own: readonly ObservedInstance[],
): SlotHistory => {
  const causes = causesOf(spec, before, own);
  return {
    revision: spec.revision,
    wantedSinceMs: nowMs,
    failures: 0,
    restarts: before?.restarts ?? 0,
    starts: 0,
    nextStartMs: 0,
    countedStartMs: -1,
    ...(spec.parts === undefined ? {} : { parts: spec.parts }),
    ...(causes === undefined ? {} : { rolledFor: causes }),
  };
};

/** One revision has one set of parts, so a history of an earlier version, without them, gets them. */
const withParts = (slot: SlotHistory, { parts }: InstanceSpec): SlotHistory =>
  slot.parts !== undefined || parts === undefined ? slot : { ...slot, parts };

/** Code of the failure of an instance that ran. */
export const ENDED = 'EXITED';
/** Code of the failure of an instance that runs and does not answer `/healthz`. */
export const UNHEALTHY = 'Unhealthy';

export const isUnhealthy = (
  { failedChecks = 0, standsStill }: Pick<ObservedInstance, 'failedChecks' | 'standsStill'>,
  settings: SupervisionSettings,
): boolean => failedChecks >= settings.livenessFailures || standsStill !== undefined;

/** `slot` after one more failure. */
export const afterFailure = (
  slot: SlotHistory,
  failure: SlotFailure,
  { nowMs, settings, random }: Pick<DecideInput, 'nowMs' | 'settings' | 'random'>,
): SlotHistory => {
  const failures = slot.failures + 1;
  const capMs =
    failure.code === ENDED || failure.code === UNHEALTHY ? settings.maxBackOffMs : settings.maxNotStartedPauseMs;
  const pauseMs = Math.min(capMs, restartPauseMs(failures, settings, random));
  return { ...slot, failures, lastFailure: failure, nextStartMs: nowMs + pauseMs };
};

const MAX_NAMED = 3;

const howEnded = ({ exitCode, exitSignal, isOutOfMemory }: InstanceState): string => {
  const how =
    exitSignal !== undefined
      ? `was ended by ${exitSignal}`
      : exitCode === undefined
        ? 'ended'
        : `ended with exit code ${exitCode}`;
  if (isOutOfMemory === true) return `ran out of memory and ${how}`;
  return exitSignal === 'SIGKILL' ? `${how}, as the system does it when memory is short` : how;
};

const endOf = (state: InstanceState): SlotFailure => {
  const { atWork = [] } = state;
  const named = atWork.slice(0, MAX_NAMED).join(', ');
  const more = atWork.length > MAX_NAMED ? ` and ${atWork.length - MAX_NAMED} more` : '';
  return { code: ENDED, message: `${howEnded(state)}${named === '' ? '' : `, while it worked on ${named}${more}`}` };
};

export const standstillText = ({ lease, sinceMs }: NonNullable<ObservedInstance['standsStill']>): string =>
  `stands still: nobody has held its lease ${lease} since ${new Date(sinceMs).toISOString()}`;

const silenceOf = ({ failedChecks = 0, standsStill }: ObservedInstance): SlotFailure => ({
  code: UNHEALTHY,
  message: standsStill === undefined ? `failed /healthz ${failedChecks} times in a row` : standstillText(standsStill),
});

/** The slot's history with what `current` tells. */
const remember = (slot: SlotHistory, current: ObservedInstance | undefined, input: DecideInput): SlotHistory => {
  // Its failure is counted already, and it is on its way out.
  if (current === undefined || current.startedMs === slot.countedStartMs) return slot;
  if (isAlive(current) && !isUnhealthy(current, input.settings)) {
    const isSteady = input.nowMs - current.startedMs >= input.settings.steadyMs;
    if (!isSteady || (slot.failures === 0 && slot.lastFailure === undefined)) return slot;
    const { lastFailure: _lastFailure, ...rest } = slot;
    return { ...rest, failures: 0 };
  }
  if (current.order === 'stop') return slot;
  const wasSteady = input.nowMs - current.startedMs >= input.settings.steadyMs;
  return afterFailure(
    { ...slot, countedStartMs: current.startedMs, ...(wasSteady ? { failures: 0 } : {}) },
    isAlive(current) ? silenceOf(current) : endOf(current),
    input,
  );
};

/** Of several old instances one stays until the new one is ready: a ready one if there is, else the youngest. */
const keptOld = (olds: readonly ObservedInstance[]): ObservedInstance | undefined =>
  [...olds].sort((left, right) => Number(right.isReady) - Number(left.isReady) || right.startedMs - left.startedMs)[0];

type Slot = {
  readonly spec: InstanceSpec;
  /** All of this replica. */
  readonly own: readonly ObservedInstance[];
  readonly current: ObservedInstance | undefined;
  /** Those of other revisions or drivers that stay for now. */
  readonly olds: readonly ObservedInstance[];
  readonly history: SlotHistory;
};

const slotOf = (spec: InstanceSpec, input: DecideInput): Slot => {
  const own = input.observed.filter((one) => replicaOf(one) === spec.replica);
  const current = own.find((one) => one.id === spec.id && one.driver === input.driver);
  const olds = own.filter((one) => one !== current && isStaying(one));
  const before = input.history.get(spec.replica);
  const known =
    before?.revision === spec.revision ? withParts(before, spec) : freshSlot(spec, input.nowMs, before, own);
  return { spec, own, current, olds, history: remember(known, current, input) };
};

/** What has ended is removed (its files with secrets, and its place for the next start), and the old once the new one is ready. */
const toStop = ({ own, current, olds }: Slot, settings: SupervisionSettings): readonly ObservedInstance[] => {
  const isDone = current !== undefined && isStaying(current) && current.isReady && !isUnhealthy(current, settings);
  const kept = isDone ? undefined : keptOld(olds);
  const isOver = (one: ObservedInstance): boolean => !isAlive(one) || (one === current && isUnhealthy(one, settings));
  return [...own.filter(isOver), ...olds.filter((one) => one !== kept)];
};

export const decideComponent = (input: DecideInput): ComponentDecision => {
  const { desired, driver, observed, nowMs } = input;
  const isFree = ({ spec, current }: Slot): boolean => current === undefined && input.isBusy?.(spec.id) !== true;
  const slots = desired.map((spec) => slotOf(spec, input));
  const wanted = new Set(desired.map(({ replica }) => replica));
  const stops = [
    ...observed.filter((one) => !wanted.has(replicaOf(one))),
    ...slots.flatMap((slot) => toStop(slot, input.settings)),
  ];
  // One replica changes at a time: the one that is in the middle of it, else the first that still has an old instance.
  const old = slots.filter(({ olds }) => olds.length > 0);
  const changing = old.find(({ current }) => current !== undefined && isAlive(current)) ?? old[0];
  const mayStart = slots.filter((slot) => isFree(slot) && (slot.olds.length === 0 || slot === changing));
  const due = new Set(mayStart.filter(({ history }) => nowMs >= history.nextStartMs));
  const later = mayStart.filter((slot) => !due.has(slot)).map(({ history }) => history.nextStartMs);
  const afterStart = (slot: SlotHistory): SlotHistory => ({
    ...slot,
    starts: slot.starts + 1,
    restarts: slot.restarts + Number(slot.starts > 0),
  });
  return {
    actions: [
      ...stops
        .filter(({ order }) => order === undefined)
        .map(({ id, driver: of }): Action => ({ kind: 'stop', id, driver: of })),
      ...[...due].map(({ spec }): Action => ({ kind: 'start', spec, driver })),
    ],
    history: new Map(slots.map((slot) => [slot.spec.replica, due.has(slot) ? afterStart(slot.history) : slot.history])),
    ...(later.length === 0 ? {} : { wakeAtMs: Math.min(...later) }),
  };
};
