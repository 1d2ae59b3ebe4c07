// Brings what components print into OPSTREAM_LOGS: follows the log of each instance that is seen, from the last line that the stream holds, so
// that a runtime that was killed loses and doubles nothing. Called by whoever supervises: `learn` with what is planned, then `attend` with
// what runs. An instance is not read before `learn` has said what is secret of its component: an unmasked secret cannot be taken back.

import { isFault } from '../../../core/fault.ts';
import { MAX_LINE_CHARACTERS, type LoggedLine } from '../../../messages/component-log.ts';
import type { Names } from '../../../messages/subjects.ts';
import { createMask } from '../secrets/hidden-values.ts';
import { parseInstanceId, type InstanceRef } from '../instance-id.ts';
import { batchesOf } from './log-batches.ts';
import { createLogLane, type LaneTools, type LogLane } from './log-lane.ts';
import type { ComputeDriver, InstanceSpec, InstanceState, LogLine } from '../ports.ts';

export type LogShipperOptions = LaneTools & {
  readonly drivers: readonly ComputeDriver[];
  readonly names: Pick<Names, 'log'>;
};

export type ListedInstance = InstanceState & { readonly driver: string };

export type LogShipper = {
  /** What may be started, with what is secret of it. Values stay hidden when a later plan has others: older instances still run. */
  learn(planned: readonly Pick<InstanceSpec, 'operator' | 'component' | 'hidden'>[]): void;
  /** All that runs or has ended and is still listed; as often as wanted. `driver`: the name of its driver. */
  attend(instances: readonly ListedInstance[]): void;
  /** Resolves when nothing is followed: some time after the signal has aborted. */
  idle(): Promise<void>;
};

/** A log that ended although its instance runs is not followed again before that. */
const AGAIN_MS = 5000;
const MAX_HIDDEN = 1000;

type Attended = { readonly key: string; readonly endedMs?: number };
type Followed = {
  readonly id: string;
  readonly ref: InstanceRef;
  readonly driver: ComputeDriver;
  readonly lane: LogLane;
};

export const createLogShipper = (options: LogShipperOptions): LogShipper => {
  const { names, clock, log, signal } = options;
  const drivers = new Map(options.drivers.map((driver) => [driver.name, driver]));
  const lanes = new Map<string, LogLane>();
  const attended = new Map<string, Attended>();
  const following = new Set<Promise<void>>();
  const hidden = new Map<string, ReadonlySet<string>>();
  const masks = new Map<string, (text: string) => string>();

  const componentOf = ({ operator, component }: Pick<InstanceRef, 'operator' | 'component'>): string =>
    `${operator}.${component}`;

  const laneOf = ({ operator, component, replica }: InstanceRef): LogLane => {
    const subject = names.log(operator, component, replica);
    const lane = lanes.get(subject) ?? createLogLane(subject, options);
    lanes.set(subject, lane);
    return lane;
  };

  const toLogged = (ref: InstanceRef, { output, timeMs, text }: LogLine): LoggedLine => {
    const masked = masks.get(componentOf(ref))?.(text) ?? '';
    const cut = masked.length - MAX_LINE_CHARACTERS;
    const line = { time: new Date(timeMs).toISOString(), output };
    return cut > 0 ? { ...line, text: masked.slice(0, MAX_LINE_CHARACTERS), cut } : { ...line, text: masked };
  };

  /** From the last line that the stream holds. */
  const ship = async ({ id, ref, driver, lane }: Followed): Promise<'ended' | 'read-again'> => {
    const { position, view } = await lane.end(id);
    if (signal.aborted) return 'ended';
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    try {
      const batches = batchesOf(driver.followLog(id, position, until), MAX_LINE_CHARACTERS, clock, until);
      for await (const batch of batches) {
        const lines = batch.map((one) => toLogged(ref, one));
        const stored = await lane.append({ ...ref, instance: id, lines, position: batch.at(-1)?.position ?? '' }, view);
        if (stored === 'stored') continue;
        stop.abort();
        return 'read-again';
      }
      return 'ended';
    } finally {
      stop.abort();
    }
  };

  const follow = async (followed: Followed, key: string): Promise<void> => {
    const { id, driver } = followed;
    try {
      while (!signal.aborted && (await ship(followed)) === 'read-again');
    } catch (error) {
      const level = isFault(error) ? 'debug' : 'error';
      if (!signal.aborted) log[level]({ instance: id, driver: driver.name, err: error }, 'log of a component not read');
      // Not read to its end, whatever the state was.
      attended.set(id, { key: '', endedMs: clock.nowMs() });
      return;
    }
    attended.set(id, { key, endedMs: clock.nowMs() });
  };

  const isToFollow = (id: string, key: string, isRunning: boolean): boolean => {
    const before = attended.get(id);
    if (before === undefined) return true;
    if (before.endedMs === undefined) return false;
    const isPaused = clock.nowMs() - before.endedMs < AGAIN_MS;
    if (before.key === '') return !isPaused;
    return before.key !== key || (isRunning && !isPaused);
  };

  const attendOne = ({ id, driver: name, state, handle }: ListedInstance): void => {
    const ref = parseInstanceId(id);
    const driver = drivers.get(name);
    // Without a handle it is only on its way.
    if (ref === undefined || driver === undefined || handle === '' || !masks.has(componentOf(ref))) return;
    const key = `${handle}/${state === 'exited' ? 'exited' : 'running'}`;
    if (!isToFollow(id, key, state !== 'exited')) return;
    attended.set(id, { key });
    const work = follow({ id, ref, driver, lane: laneOf(ref) }, key);
    following.add(work);
    void work.finally(() => following.delete(work));
  };

  return {
    learn: (planned) => {
      for (const spec of planned) {
        const component = componentOf(spec);
        const known = hidden.get(component);
        const values = spec.hidden ?? [];
        if (known !== undefined && values.every((value) => known.has(value))) continue;
        const all = [...new Set([...(known ?? []), ...values])].slice(-MAX_HIDDEN);
        hidden.set(component, new Set(all));
        masks.set(component, createMask(all));
      }
    },
    attend: (instances) => {
      if (signal.aborted) return;
      const listed = new Set(instances.map(({ id }) => id));
      for (const [id, { endedMs }] of attended) if (endedMs !== undefined && !listed.has(id)) attended.delete(id);
      for (const lane of lanes.values()) lane.keep();
      instances.forEach(attendOne);
    },
    idle: async () => {
      await Promise.allSettled([...following]);
    },
  };
};
