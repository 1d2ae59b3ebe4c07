// After an operator's manifest has changed, its resources are looked at once more, when none can be accepted any more by a command-handler that
// does not know the change: what slipped through between the last look of the census and then is told as the operator's condition
// `ResourcesValid`, until it is mended or gone. Called by the operator-runtime while it leads; it writes nothing, operator-care does.

import { isFault } from '../../core/fault.ts';
import type { OperatorStatus } from '../../messages/entity.ts';
import type { OperatorManifest } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Census } from './census.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { canBreak, misfitJudge } from './schema-evolution.ts';

export const RESOURCES_VALID = 'ResourcesValid';
const MAX_LISTED = 20;
const RETRY_MS = 5000;
/** A pause is at least so many times as long as the look before it. */
const MAX_SHARE = 20;

export type ValidityTold = {
  readonly type: typeof RESOURCES_VALID;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
};

export type ValidityWatchOptions = {
  readonly census: Census;
  /** After a change, until which resources may be accepted that did not see it; also between looks at what does not fit. */
  readonly graceMs: number;
  /** The operator's status as it was reported last; faults: those of the stream. */
  lastStatus(operator: string): Promise<OperatorStatus | undefined>;
  current(operator: string): OperatorDocument | undefined;
  /** What is to be said has changed. */
  onTold(operator: string): void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** `manifest`: the one that was looked at; undefined: an earlier one that is not here any more. */
type Known = { readonly manifest: OperatorManifest | undefined; readonly uid: string; readonly told: ValidityTold };

const VALID: ValidityTold = {
  type: RESOURCES_VALID,
  status: 'True',
  reason: 'ResourcesFit',
  message: 'every resource fits the types, schemas and workspaces of the operator',
};

const misfits = (lines: readonly string[]): ValidityTold => {
  const rest = lines.length - MAX_LISTED;
  const more = rest > 0 ? `; and ${rest} more` : '';
  const message = `${lines.length} resource(s) do not fit the operator as it is now; change or delete them: ${lines.slice(0, MAX_LISTED).join('; ')}${more}`;
  return { type: RESOURCES_VALID, status: 'False', reason: 'ResourcesDoNotFit', message };
};

export const createValidityWatch = (options: ValidityWatchOptions) => {
  const { census, clock, log, signal, graceMs } = options;
  const known = new Map<string, Known>();
  const watching = new Set<string>();

  const tell = (operator: OperatorDocument, told: ValidityTold): void => {
    const before = known.get(operator.name);
    known.set(operator.name, { manifest: operator.manifest, uid: operator.uid, told });
    if (before?.told.message === told.message && before.manifest === operator.manifest) return;
    if (told.status === 'False') log.warn({ operator: operator.name, message: told.message }, 'resources do not fit');
    options.onTold(operator.name);
  };

  /** What an earlier operator-runtime has seen: `True` of this very generation needs no look. */
  const recall = async (operator: OperatorDocument): Promise<void> => {
    const status = await options.lastStatus(operator.name);
    const told = status?.conditions.find(({ type }) => type === RESOURCES_VALID);
    if (status?.status === 'deleted' || told === undefined || told.status === 'Unknown') return;
    const { reason, message } = told;
    const isOfNow = told.status === 'True' && told.observedGeneration === operator.generation;
    const manifest = isOfNow ? operator.manifest : undefined;
    known.set(operator.name, {
      ...{ manifest, uid: operator.uid },
      told: { type: RESOURCES_VALID, status: told.status, reason, message },
    });
  };

  const look = async (operator: OperatorDocument): Promise<ValidityTold> => {
    const found = await census.judgeAll(operator.name, misfitJudge(operator.manifest));
    const lines = found.map(({ found: details }) => details.map(({ message }) => message).join(', '));
    return lines.length === 0 ? VALID : misfits(lines);
  };

  /** Known to be fine without a look: it is what was looked at, or nothing that could break a resource has changed since. */
  const isKnownFine = (operator: OperatorDocument): boolean => {
    const before = known.get(operator.name);
    if (before === undefined || before.uid !== operator.uid || before.told.status !== 'True') return false;
    if (before.manifest === operator.manifest) return true;
    if (before.manifest === undefined || canBreak(before.manifest, operator.manifest)) return false;
    tell(operator, VALID);
    return true;
  };

  const isToBeWatched = (operator: OperatorDocument | undefined): operator is OperatorDocument =>
    operator !== undefined && operator.deletionRequestedAt === undefined;

  /** Until the operator, as it is by then, is known to be fine. */
  const watch = async (name: string): Promise<void> => {
    let isFirst = true;
    let lookMs = 0;
    try {
      while (!signal.aborted) {
        const operator = options.current(name);
        if (!isToBeWatched(operator)) return;
        try {
          if (isFirst && !known.has(name)) await recall(operator);
          isFirst = false;
          if (isKnownFine(operator)) return;
          // Looks at many resources come less often: this may go on for as long as nobody mends them.
          await clock.sleep(Math.max(graceMs, lookMs * MAX_SHARE), signal);
          if (signal.aborted) return;
          if (options.current(name)?.generation !== operator.generation) continue;
          const beganMs = clock.nowMs();
          const told = await look(operator);
          lookMs = clock.nowMs() - beganMs;
          tell(operator, told);
        } catch (error) {
          log[isFault(error) ? 'debug' : 'error']({ operator: name, err: error }, 'resources cannot be looked at yet');
          await clock.sleep(RETRY_MS, signal);
        }
      }
    } finally {
      // Here, so that a change that comes now is not missed.
      watching.delete(name);
    }
  };

  return {
    /** An operator is there, or has changed. A first generation has no resources from before it. */
    attend: (name: string): void => {
      const operator = options.current(name);
      if (operator === undefined) {
        known.delete(name);
        return;
      }
      if (watching.has(name)) return;
      if (operator.generation === 1) {
        known.set(name, { manifest: operator.manifest, uid: operator.uid, told: VALID });
        return;
      }
      watching.add(name);
      watch(name).catch((error: unknown) => log.error({ operator: name, err: error }, 'watch of resources ended'));
    },
    /** For the operator's status; nothing of a first generation, and nothing before the first look. */
    toldOf: (operator: OperatorDocument): readonly ValidityTold[] => {
      const seen = known.get(operator.name);
      if (seen === undefined || seen.uid !== operator.uid || operator.generation === 1) return [];
      // Good news is of the manifest that was looked at only; bad news stays until there is better.
      return seen.told.status === 'False' || seen.manifest === operator.manifest ? [seen.told] : [];
    },
  };
};
