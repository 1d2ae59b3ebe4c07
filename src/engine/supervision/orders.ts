// Starts and stops that are under way. They run beside the supervisor's loop: a component that takes its ten seconds to stop holds up no
// other. While there is an order to an instance no second one is given, and what is being started counts as there.

import { isFault } from '../../core/fault.ts';
import type { Log } from '../ports/log.ts';
import type { Action, ObservedInstance, SlotFailure } from './decide.ts';
import { parseInstanceId } from './instance-id.ts';
import type { ComputeDriver, InstanceSpec } from './ports.ts';

export type OrdersOptions = {
  readonly drivers: ReadonlyMap<string, ComputeDriver>;
  readonly graceMs: number;
  readonly log: Log;
  readonly signal: AbortSignal;
  nowMs(): number;
  onStarted?(spec: InstanceSpec): void;
  onNotStarted(spec: InstanceSpec, failure: SlotFailure): void;
  /** An order has ended: look again. */
  onDone(): void;
};

type Order = { readonly action: Action; readonly sinceMs: number; readonly done: Promise<void> };

const keyOf = (driver: string, id: string): string => `${driver}/${id}`;
const idOf = (action: Action): string => (action.kind === 'start' ? action.spec.id : action.id);

export const createOrders = (options: OrdersOptions) => {
  const { drivers, log, signal } = options;
  const orders = new Map<string, Order>();

  const facts = (id: string, driver: string) => ({ instance: id, driver, ...parseInstanceId(id) });

  const start = async (spec: InstanceSpec, driver: ComputeDriver): Promise<void> => {
    try {
      const { handle } = await driver.start(spec);
      options.onStarted?.(spec);
      log.info({ ...facts(spec.id, driver.name), handle }, 'component started');
    } catch (error) {
      const isKnown = isFault(error);
      log[isKnown ? 'warn' : 'error']({ ...facts(spec.id, driver.name), err: error }, 'component not started');
      // The text of an unforeseen error may hold anything: it stays in the log.
      options.onNotStarted(
        spec,
        isKnown
          ? { code: error.code, message: error.message }
          : { code: 'INTERNAL', message: "could not be started; the operator-runtime's log says why" },
      );
    }
  };

  const stop = async (id: string, driver: ComputeDriver): Promise<void> => {
    try {
      await driver.stop(id, options.graceMs);
      log.info(facts(id, driver.name), 'component stopped');
    } catch (error) {
      log[isFault(error) ? 'warn' : 'error']({ ...facts(id, driver.name), err: error }, 'component not stopped');
    }
  };

  const mark = (
    driver: string,
    listed: readonly ObservedInstance[],
    before: readonly Order[],
  ): readonly ObservedInstance[] => {
    const known = new Set(listed.map(({ id }) => id));
    const marked = listed.map((one) => {
      const order = orders.get(keyOf(driver, one.id));
      return order === undefined ? one : { ...one, order: order.action.kind };
    });
    const coming = [...new Set([...before, ...orders.values()])].flatMap(
      ({ action, sinceMs }): readonly ObservedInstance[] =>
        action.kind !== 'start' || action.driver !== driver || known.has(action.spec.id)
          ? []
          : [
              {
                ...{ id: action.spec.id, state: 'starting', isReady: false, startedMs: sinceMs },
                ...{ handle: '', addresses: {}, driver, order: 'start' },
              },
            ],
    );
    return [...marked, ...coming];
  };

  return {
    give: (action: Action): void => {
      const driver = drivers.get(action.driver);
      const key = keyOf(action.driver, idOf(action));
      if (driver === undefined || signal.aborted || orders.has(key)) return;
      const work = action.kind === 'start' ? start(action.spec, driver) : stop(action.id, driver);
      const done = work.finally(() => {
        orders.delete(key);
        options.onDone();
      });
      orders.set(key, { action, sinceMs: options.nowMs(), done });
    },
    /** Whether an order for that instance is under way. */
    isUnderWay: (driver: string, id: string): boolean => orders.has(keyOf(driver, id)),

    /**
     * What a driver lists, with the orders to it, and what is being started and not listed yet. To be called before it is asked: a start that
     * comes to its end while the driver makes its list may not be in it, and would be given, and counted, a second time.
     */
    look: (driver: string) => {
      const before = [...orders.values()];
      return (listed: readonly ObservedInstance[]): readonly ObservedInstance[] => mark(driver, listed, before);
    },
    /** Resolves when no start is under way. A stop is not waited for: whoever comes next finds the instance and stops it again. */
    startsDone: async (): Promise<void> => {
      const starts = [...orders.values()].filter(({ action }) => action.kind === 'start');
      await Promise.allSettled(starts.map(({ done }) => done));
    },
  };
};

export type Orders = ReturnType<typeof createOrders>;
