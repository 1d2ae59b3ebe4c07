// What is said of a component and of all components of an operator: pure, and free of secrets, since messages come from drivers' faults
// (which name programs and images) and exit codes. Nothing in it changes while nothing happens, so that it is stored once.

import type { ComponentInstanceStatus, ComponentStatus, Condition } from '../../messages/entity.ts';
import type { ComponentSpec } from '../../messages/manifest-types.ts';
import {
  ENDED,
  isAlive,
  isUnhealthy,
  standstillText,
  UNHEALTHY,
  type ComponentHistory,
  type ObservedInstance,
  type SlotHistory,
  type SupervisionSettings,
} from './decide.ts';
import type { HangReport } from '../../messages/component-names.ts';
import { storedHistory } from './component-history.ts';
import { parseInstanceId } from './instance-id.ts';
import type { InstanceSpec } from './ports.ts';

/** Why nothing can be planned for a component: an unknown compute, a secret that is not there. */
export type Obstacle = { readonly code: string; readonly message: string };

export type ComponentFacts = {
  readonly component: ComponentSpec;
  readonly isExternal: boolean;
  readonly obstacle?: Obstacle;
  readonly desired: readonly InstanceSpec[];
  readonly observed: readonly ObservedInstance[];
  readonly history: ComponentHistory;
  readonly nowMs: number;
  readonly settings: SupervisionSettings;
  /** See ComponentStatus. */
  readonly secrets?: Readonly<Record<string, number>>;
  /** What the component itself says of reconciles that do not end. */
  readonly hangs?: HangReport;
};

/** `problem`: a reason for the condition. `isStalled`: the change does not get on, what ran before still runs. */
export type ReportedComponent = {
  readonly status: ComponentStatus;
  readonly problem?: Obstacle;
  readonly isStalled: boolean;
  /** Why it does not get on although it runs. */
  readonly hang?: Obstacle;
};

const hangOf = ({ observed, hangs }: ComponentFacts): Obstacle | undefined => {
  const still = observed.find(({ standsStill }) => standsStill !== undefined);
  if (still?.standsStill !== undefined)
    return { code: 'LoopStandsStill', message: `its instance ${still.handle} ${standstillText(still.standsStill)}` };
  if (hangs === undefined) return undefined;
  const { count, key, since } = hangs;
  const others = count === 1 ? '' : `, and ${count - 1} more`;
  return { code: 'ReconcilesHang', message: `a reconcile of ${key} has not ended since ${since}${others}` };
};

const instanceStatus = (one: ObservedInstance): ComponentInstanceStatus => ({
  replica: parseInstanceId(one.id)?.replica ?? 0,
  handle: one.handle,
  state: isAlive(one) && one.isReady ? 'ready' : one.state,
  addresses: one.addresses,
});

const againAt = (slot: SlotHistory): string =>
  slot.nextStartMs === 0 ? '' : `; it is started again at ${new Date(slot.nextStartMs).toISOString()}`;

/** The worst that is known of the replicas, with what will be done about it. */
const failureOf = (facts: ComponentFacts): { readonly slot: SlotHistory; readonly replica: number } | undefined => {
  const failed = [...facts.history]
    .map(([replica, slot]) => ({ replica, slot }))
    .filter(({ slot }) => slot.lastFailure !== undefined && slot.failures > 0)
    .sort((left, right) => right.slot.failures - left.slot.failures);
  return failed[0];
};

/** `, rolled for image, secret public/db` */
const rolledText = ({ history }: ComponentFacts): string => {
  const causes = new Set([...history.values()].flatMap((slot) => slot.rolledFor ?? []));
  return causes.size === 0 ? '' : `, rolled for ${[...causes].sort().join(', ')}`;
};

type Verdict = Omit<ReportedComponent, 'status'> & Pick<ComponentStatus, 'state'> & { readonly message?: string };

/** Of a replica that failed last because its instance ended, does not answer, or nothing is known. */
const progressOf = (
  settings: ComponentFacts['settings'],
  code: string,
  why: string,
  late: InstanceSpec | undefined,
  rolled: string,
): Verdict => {
  const isStalled = late !== undefined;
  if (code === UNHEALTHY) return { state: 'Progressing', message: why, problem: { code, message: why }, isStalled };
  const told = why === '' ? `instances are starting${rolled}` : why;
  if (late === undefined) return { state: 'Progressing', message: told, isStalled };
  const message = `replica ${late.replica} is not ready after ${Math.round(settings.progressDeadlineMs / 1000)} s: ${told}; what ran before is kept`;
  return { state: 'Progressing', message, problem: { code: 'ProgressDeadlineExceeded', message }, isStalled };
};

/** Of a component that has an instance to start for each replica. */
const judge = (facts: ComponentFacts, alive: readonly ObservedInstance[]): Verdict => {
  const { desired, history, settings, nowMs } = facts;
  const isCurrent = (spec: InstanceSpec): boolean =>
    alive.some((one) => one.id === spec.id && one.isReady && !isUnhealthy(one, settings));
  if (desired.every(isCurrent) && alive.length === desired.length) return { state: 'Running', isStalled: false };
  const late = desired.find(({ replica, ...spec }) => {
    const sinceMs = history.get(replica)?.wantedSinceMs ?? nowMs;
    return nowMs - sinceMs >= settings.progressDeadlineMs && !isCurrent({ replica, ...spec });
  });
  const isStalled = late !== undefined;
  const failed = failureOf(facts);
  const { code, message: how } = failed?.slot.lastFailure ?? { code: ENDED, message: '' };
  const why = failed === undefined ? '' : `replica ${failed.replica} ${how}${againAt(failed.slot)}`;
  if (code !== ENDED && code !== UNHEALTHY)
    return { state: 'Failed', message: why, problem: { code, message: why }, isStalled };
  const failures = failed?.slot.failures ?? 0;
  if (failures >= settings.crashLoopAfter) {
    const message = `${why}, after ${failures} failures in a row`;
    return { state: 'CrashLoopBackOff', message, problem: { code: 'CrashLoopBackOff', message }, isStalled };
  }
  return progressOf(settings, code, why, late, rolledText(facts));
};

export const reportComponent = (facts: ComponentFacts): ReportedComponent => {
  const { component, history, obstacle } = facts;
  const alive = facts.observed.filter(isAlive);
  const readySlots = new Set(alive.filter(({ isReady }) => isReady).map(({ id }) => parseInstanceId(id)?.replica));
  const base = {
    name: component.name,
    compute: component.compute,
    desired: component.replicas,
    ready: readySlots.size,
    restarts: [...history.values()].reduce((sum, { restarts }) => sum + restarts, 0),
  };
  const replicas = storedHistory(history);
  const hang = hangOf(facts);
  const instances = [...alive].sort((left, right) => (left.id < right.id ? -1 : 1)).map(instanceStatus);
  const told = ({ state, message, ...rest }: Verdict): ReportedComponent => ({
    status: {
      ...base,
      state,
      ...(message === undefined ? {} : { message }),
      instances,
      ...(facts.secrets === undefined || obstacle !== undefined ? {} : { secrets: facts.secrets }),
      ...(replicas.length === 0 ? {} : { replicas }),
    },
    ...rest,
    ...(hang === undefined ? {} : { hang }),
  });
  if (facts.isExternal)
    return told({ state: 'External', message: 'not started here: it connects by itself', isStalled: false });
  if (obstacle !== undefined)
    return told({ state: 'Failed', message: obstacle.message, problem: obstacle, isStalled: alive.length > 0 });
  return told(judge(facts, alive));
};

export type ComponentsReport = {
  readonly generation: number;
  readonly components: readonly ComponentStatus[];
  /** `ComponentsReady`, and `Stalled` when a change does not get on, or a component does not. */
  readonly conditions: readonly Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[];
};

/** What hangs, else what makes no progress; none is no condition. */
const stalledOf = (reported: readonly ReportedComponent[]): ComponentsReport['conditions'] => {
  const hanging = reported.find(({ hang }) => hang !== undefined);
  const stalled = hanging ?? reported.find(({ isStalled }) => isStalled);
  if (stalled === undefined) return [];
  const reason = stalled.hang?.code ?? 'ProgressDeadlineExceeded';
  const message = `component ${stalled.status.name}: ${stalled.hang?.message ?? stalled.status.message ?? ''}`;
  return [{ type: 'Stalled', status: 'True', reason, message }];
};

export const reportOperator = (generation: number, reported: readonly ReportedComponent[]): ComponentsReport => {
  const components = reported.map(({ status }) => status);
  const bad = reported.find(({ problem }) => problem !== undefined);
  const slow = reported.find(({ status }) => status.state === 'Progressing');
  const telling = bad ?? slow;
  const ready =
    telling === undefined
      ? { status: 'True' as const, reason: 'ComponentsReady', message: 'every component is ready, or external' }
      : {
          status: 'False' as const,
          reason: bad?.problem?.code ?? 'Progressing',
          message: `component ${telling.status.name}: ${telling.status.message ?? ''}`,
        };
  return { generation, components, conditions: [{ type: 'ComponentsReady', ...ready }, ...stalledOf(reported)] };
};
