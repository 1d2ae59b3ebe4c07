// The leases of supervised components, looked at beside the rounds. A component made with the SDK leads by a lease that its event loop renews:
// when it was held while an instance ran, and nobody has held it for long, that instance stands still (`for(;;){}` answers nothing, whatever
// ports it has), or stands by and does not take over. Of a lease that was never seen held nothing is said: the component may be made without
// the SDK. What the holder writes into its record beside that (reconciles that hang) is passed on. Unknown is not free: a look that fails
// says nothing. Called by the supervisor.

import { decodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { leaseNameIn, type HangReport } from '../../messages/component-names.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { ObservedInstance } from './decide.ts';
import type { InstanceSpec } from './ports.ts';

const LOOK_MS = 1000;
/** Longer than a component pauses between two terms, when one of them failed. */
export const MIN_STANDSTILL_MS = 15_000;

export type LeaseWatchOptions = {
  /** Where the leases of the operator's components are. Faults: its server is away. */
  storeOf(operator: string): Pick<KeyValueStore, 'get'>;
  /** How long nobody holds a lease before whoever held it stands still. */
  readonly standstillMs: number;
  readonly log: Log;
};

export type LeaseWatch = {
  /** The instances, those that stand still marked, and what the component tells of reconciles that hang: as far as is known now. */
  judge(
    desired: readonly InstanceSpec[],
    observed: readonly ObservedInstance[],
    nowMs: number,
  ): { readonly observed: readonly ObservedInstance[]; readonly hangs?: HangReport };
};

type Known = {
  askedMs: number;
  isAsking: boolean;
  /** When it was last seen held; 0: never. */
  heldMs: number;
  freeSinceMs: number | undefined;
  hangs: HangReport | undefined;
};

const hangsIn = (record: unknown): HangReport | undefined => {
  const hangs = isJsonObject(record) ? record['hangs'] : undefined;
  if (!isJsonObject(hangs)) return undefined;
  const { count, key, since } = hangs;
  const isReport = typeof count === 'number' && typeof key === 'string' && typeof since === 'string';
  return isReport ? { count, key, since } : undefined;
};

export const createLeaseWatch = ({ storeOf, standstillMs, log }: LeaseWatchOptions): LeaseWatch => {
  const known = new Map<string, Known>();

  const look = async (operator: string, lease: string, one: Known, nowMs: number): Promise<void> => {
    one.isAsking = true;
    one.askedMs = nowMs;
    try {
      const entry = await storeOf(operator).get(lease);
      one.hangs = entry === undefined ? undefined : hangsIn(decodeJson(entry.data));
      if (entry === undefined) one.freeSinceMs ??= nowMs;
      else {
        one.freeSinceMs = undefined;
        one.heldMs = nowMs;
      }
    } catch (error) {
      log[isFault(error) ? 'debug' : 'error']({ operator, lease, err: error }, 'lease of a component not looked at');
      one.freeSinceMs = undefined;
    }
    one.isAsking = false;
  };

  return {
    judge: (desired, observed, nowMs) => {
      const [spec] = desired;
      const lease = spec === undefined ? undefined : leaseNameIn(spec.environment);
      if (spec === undefined || lease === undefined || observed.length === 0) return { observed };
      const id = `${spec.operator}/${lease}`;
      const one = known.get(id) ?? { askedMs: 0, isAsking: false, heldMs: 0, freeSinceMs: undefined, hangs: undefined };
      known.set(id, one);
      if (!one.isAsking && nowMs - one.askedMs >= LOOK_MS) void look(spec.operator, lease, one, nowMs);
      const { freeSinceMs: sinceMs, heldMs, hangs } = one;
      const told = hangs === undefined ? {} : { hangs };
      if (sinceMs === undefined || nowMs - sinceMs < standstillMs) return { observed, ...told };
      // What began after the lease was last held has not had it yet, and may be waiting for something.
      const hadIt = ({ startedMs, state }: ObservedInstance): boolean => state !== 'exited' && startedMs < heldMs;
      return {
        observed: observed.map((at) => (hadIt(at) ? { ...at, standsStill: { lease, sinceMs } } : at)),
        ...told,
      };
    },
  };
};
