// Keeps the components of all operators running, while this operator-runtime leads. Level-based: each round lists what runs, compares it with
// the manifests and gives orders; what a round does not know it finds in the next. A round comes after an event, an end, an order that is
// done, and at a tick. Called by the operator-runtime; reports what it sees to operator-care.

import { isFault } from '../../core/fault.ts';
import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { reportComponent, reportOperator, type ComponentsReport, type ReportedComponent } from './component-report.ts';
import {
  afterFailure,
  decideComponent,
  type ComponentHistory,
  type ObservedInstance,
  type SlotFailure,
} from './decide.ts';
import { recalledHistory } from './component-history.ts';
import { parseInstanceId } from './instance-id.ts';
import { createHistoryLog } from './history-log.ts';
import { createLastLook } from './last-look.ts';
import { createOrders } from './orders.ts';
import { createSupervisionMeter } from './supervision-meter.ts';
import type { Plan } from './planner.ts';
import type { ComputeDriver, InstanceSpec } from './ports.ts';
import type { Supervisor, SupervisorOptions } from './supervisor-types.ts';

/** Plans are made anew at least this often: a secret may have changed. */
const PLAN_AGE_MS = 5000;
const LIST_MS = 15_000;

type Trouble = { readonly code: string; readonly message: string };
type Round = {
  readonly observed: readonly ObservedInstance[];
  readonly troubles: ReadonlyMap<string, Trouble>;
  readonly nowMs: number;
};

export const createSupervisor = (options: SupervisorOptions): Supervisor => {
  const { directory, planner, settings, clock, log, signal } = options;
  const drivers = new Map(options.drivers.map((driver) => [driver.name, driver]));
  const meter = createSupervisionMeter(options.metrics);
  const histories = new Map<string, ComponentHistory>();
  const plans = new Map<string, { readonly plan: Plan; readonly sequence: number; readonly atMs: number }>();
  const reports = new Map<string, { readonly text: string; readonly report: ComponentsReport }>();
  const lastLook = createLastLook();
  let haveLooked = (): void => undefined;
  const looked = new Promise<void>((resolve) => (haveLooked = resolve));
  let waking = new AbortController();
  const wake = (): void => waking.abort();

  const keyOf = (operator: string, component: string): string => `${operator}.${component}`;

  const onNotStarted = (spec: InstanceSpec, failure: SlotFailure): void => {
    meter.notStarted(spec.operator, failure.code);
    const key = keyOf(spec.operator, spec.component);
    const history = new Map(histories.get(key));
    const slot = history.get(spec.replica);
    if (slot?.revision !== spec.revision) return;
    history.set(spec.replica, afterFailure(slot, failure, { nowMs: clock.nowMs(), settings, random: options.random }));
    histories.set(key, history);
  };
  const orders = createOrders({
    ...{ drivers, graceMs: settings.graceMs, log, signal, onNotStarted },
    onStarted: ({ operator }) => meter.started(operator),
    nowMs: () => clock.nowMs(),
    onDone: wake,
  });

  const list = async (driver: ComputeDriver): Promise<readonly ObservedInstance[]> => {
    const over = new AbortController();
    try {
      const answer = await Promise.race([
        driver.list(),
        clock.sleep(LIST_MS, AbortSignal.any([over.signal, signal])).then(() => undefined),
      ]);
      if (answer === undefined) throw new Error(`driver ${driver.name} did not answer`);
      return answer.map((one) => ({ ...one, driver: driver.name }));
    } finally {
      over.abort();
    }
  };

  const observe = async (): Promise<Round> => {
    const troubles = new Map<string, Trouble>();
    const lists = await Promise.all(
      [...drivers.values()].map(async (driver) => {
        const mark = orders.look(driver.name);
        try {
          return mark(await list(driver));
        } catch (error) {
          const isKnown = isFault(error);
          if (!signal.aborted)
            log[isKnown ? 'debug' : 'error']({ driver: driver.name, err: error }, 'instances not listed');
          const message = isKnown ? error.message : `the driver ${driver.name} does not tell what runs; see the log`;
          troubles.set(driver.name, { code: 'COMPUTE_UNAVAILABLE', message });
          return [];
        }
      }),
    );
    return { observed: lists.flat(), troubles, nowMs: clock.nowMs() };
  };

  const planOf = async (operator: OperatorDocument, component: ComponentSpec, nowMs: number): Promise<Plan> => {
    const key = keyOf(operator.name, component.name);
    const known = plans.get(key);
    const isFresh = known?.sequence === operator.sequence && nowMs - known.atMs < PLAN_AGE_MS;
    if (isFresh && known.plan.kind !== 'obstacle') return known.plan;
    const plan = await planner.plan(operator, component);
    if (plan.kind === 'instances') options.onPlanned?.(plan.desired);
    plans.set(key, { plan, sequence: operator.sequence, atMs: nowMs });
    return plan;
  };

  const ofComponent = (round: Round, operator: string, component: string): readonly ObservedInstance[] =>
    round.observed.filter(({ id }) => {
      const ref = parseInstanceId(id);
      return ref?.operator === operator && ref.component === component;
    });

  let wakeAtMs = Number.POSITIVE_INFINITY;

  const logHistory = createHistoryLog(log);

  const attend = async (
    operator: OperatorDocument,
    component: ComponentSpec,
    round: Round,
  ): Promise<ReportedComponent> => {
    const key = keyOf(operator.name, component.name);
    const { nowMs } = round;
    const plan = await planOf(operator, component, nowMs);
    const all = ofComponent(round, operator.name, component.name);
    const before = histories.get(key) ?? new Map();
    const { desired, secrets } = plan.kind === 'instances' ? plan : { desired: [] };
    const { observed, ...told } = options.leases?.judge(desired, all, nowMs) ?? { observed: all };
    const seen = { observed, nowMs, settings, ...told, ...(secrets === undefined ? {} : { secrets }) };
    const facts = { component, isExternal: plan.kind === 'external', desired, ...seen };
    const trouble = plan.kind === 'instances' ? round.troubles.get(plan.driver) : undefined;
    const obstacle = plan.kind === 'obstacle' ? plan.obstacle : trouble;
    if (obstacle !== undefined) return reportComponent({ ...facts, obstacle, history: before });
    const driver = plan.kind === 'instances' ? plan.driver : '';
    const decision = decideComponent({
      desired,
      driver,
      observed,
      history: before,
      nowMs,
      settings,
      random: options.random,
      isBusy: (id) => orders.isUnderWay(driver, id),
    });
    logHistory(operator.name, component.name, before, decision.history);
    meter.restarted(operator.name, before, decision.history);
    histories.set(key, decision.history);
    decision.actions.forEach(orders.give);
    wakeAtMs = Math.min(wakeAtMs, decision.wakeAtMs ?? Number.POSITIVE_INFINITY);
    return reportComponent({ ...facts, history: decision.history });
  };

  /** What no manifest asks for any more. */
  const stopStrays = (round: Round): void => {
    for (const one of round.observed) {
      const ref = parseInstanceId(one.id);
      if (ref === undefined || one.order !== undefined) continue;
      const components = directory.get(ref.operator)?.manifest.operator.components ?? [];
      if (!components.some(({ name }) => name === ref.component))
        orders.give({ kind: 'stop', id: one.id, driver: one.driver });
    }
  };

  const attendOperator = async (operator: OperatorDocument, round: Round): Promise<void> => {
    const { components } = operator.manifest.operator;
    const reported = await Promise.all(components.map((component) => attend(operator, component, round)));
    const report = reportOperator(operator.generation, reported);
    const text = JSON.stringify(report);
    if (reports.get(operator.name)?.text === text) return;
    reports.set(operator.name, { text, report });
    options.onReport(operator.name);
  };

  const forget = (): void => {
    const isKnown = (key: string): boolean => {
      const [operator = '', component] = key.split('.');
      const components = directory.get(operator)?.manifest.operator.components;
      return components !== undefined && (component === undefined || components.some(({ name }) => name === component));
    };
    for (const map of [histories, plans, reports]) for (const key of map.keys()) if (!isKnown(key)) map.delete(key);
  };

  const round = async (): Promise<void> => {
    const seen = await observe();
    if (signal.aborted) return;
    wakeAtMs = Number.POSITIVE_INFINITY;
    forget();
    stopStrays(seen);
    await Promise.all(
      directory
        .all()
        .map((operator) =>
          attendOperator(operator, seen).catch((error: unknown) =>
            log.error({ operator: operator.name, err: error }, 'components could not be attended to'),
          ),
        ),
    );
    lastLook.saw(seen);
    meter.observed(seen.observed);
    options.onObserved?.(seen.observed);
  };

  /** Before anything is reported: a report replaces what an earlier operator-runtime said. */
  const recallAll = async (): Promise<void> => {
    const { recall } = options;
    if (recall === undefined) return;
    await Promise.all(
      directory.all().map(async ({ name }) => {
        for (const { name: component, replicas } of await recall(name)) {
          if (replicas !== undefined) histories.set(keyOf(name, component), recalledHistory(replicas));
        }
      }),
    );
  };
  const recalled = recallAll();
  recalled.catch(() => undefined);

  return {
    wake,
    looked,
    instancesOf: lastLook.instancesOf,
    reportOf: (operator) => {
      const known = reports.get(operator.name)?.report;
      if (known?.generation === operator.generation) return known;
      const { components } = operator.manifest.operator;
      if (!components.every((component) => planner.isExternal(component))) return undefined;
      const facts = { isExternal: true, desired: [], observed: [], history: new Map(), nowMs: 0, settings };
      return reportOperator(
        operator.generation,
        components.map((component) => reportComponent({ ...facts, component })),
      );
    },
    run: async () => {
      const quiet = options.drivers.map((driver) => driver.onChange?.(wake));
      try {
        await recalled;
        while (!signal.aborted) {
          waking = new AbortController();
          await round();
          haveLooked();
          const untilMs = Math.min(settings.tickMs, wakeAtMs - clock.nowMs());
          if (untilMs > 0) await clock.sleep(untilMs, AbortSignal.any([waking.signal, signal]));
        }
      } finally {
        haveLooked();
        quiet.forEach((stop) => stop?.());
        await orders.startsDone();
      }
    },
  };
};
