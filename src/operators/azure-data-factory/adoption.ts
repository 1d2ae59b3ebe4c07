// Which of the runs that Azure lists is the one that an unanswered createRun started. Pure. With a correlation parameter the answer is
// certain. Without one it is the earliest run of that pipeline since the intent, started by an API call, with these parameters, that is
// nobody else's: two requests that are equal in all this may get each other's run, which changes nothing but the names.

import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, parseExactJson, type JsonObject, type JsonValue } from '../../sdk/index.ts';

export type Wanted = {
  readonly parameters: JsonObject;
  /** When it was first intended, by Azure's clock as far as that is known. */
  readonly sinceMs: number;
  /** Those that are earlier are not it, whatever clocks say. Earlier runs of this resource behind it are in `excludedRunIds`. */
  readonly fromMs: number;
  readonly excludedRunIds: readonly string[];
  /** The parameter that carries our run id, and the id. */
  readonly correlation?: { readonly parameter: string; readonly value: string };
  /** A recovery run is in the group of the run that it recovers. */
  readonly runGroupId?: string;
  isClaimed(adfRunId: string): boolean;
};

export type Match = { readonly adfRunId: string; readonly isCertain: boolean; readonly candidates: number };

const parsed = (text: string): JsonValue | undefined => {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
};

/** Azure gives every parameter back as text: what was not text comes as JSON, a boolean in either case. */
const isSameValue = (sent: JsonValue, found: JsonValue): boolean => {
  if (typeof found !== 'string' || typeof sent === 'string') return isDeepStrictEqual(found, sent);
  return isDeepStrictEqual(parsed(typeof sent === 'boolean' ? found.toLowerCase() : found), sent);
};

/** What the run does not show says nothing: a pipeline may drop what it does not declare, and has defaults of its own. */
const hasParameters = (run: JsonObject, sent: JsonObject): boolean => {
  const found = isJsonObject(run['parameters']) ? run['parameters'] : {};
  return Object.entries(sent).every(([name, value]) => {
    const shown = Object.hasOwn(found, name) ? found[name] : undefined;
    return shown === undefined || isSameValue(value, shown);
  });
};

/** A run without a time has only just been queued. */
const startedMs = (run: JsonObject): number => {
  const text = run['runStart'] ?? run['lastUpdated'];
  const timeMs = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? Number.MAX_SAFE_INTEGER : timeMs;
};

/** API calls and people at the portal start runs as `Manual`; triggers and other pipelines do not. */
const isManual = (run: JsonObject): boolean => {
  const by = isJsonObject(run['invokedBy']) ? run['invokedBy'] : {};
  const kind = by['invokedByType'] ?? by['name'];
  return kind === undefined || kind === null || kind === 'Manual';
};

const idOf = (run: JsonObject): string => (typeof run['runId'] === 'string' ? run['runId'] : '');

const carries = (run: JsonObject, { parameter, value }: NonNullable<Wanted['correlation']>): boolean =>
  isJsonObject(run['parameters']) &&
  Object.hasOwn(run['parameters'], parameter) &&
  run['parameters'][parameter] === value;

/** undefined: none of them is it. `candidates`: how many it might have been. */
export const findRun = (runs: readonly JsonObject[], wanted: Wanted): Match | undefined => {
  const { correlation, sinceMs, fromMs, excludedRunIds, runGroupId } = wanted;
  const free = runs.filter((run) => {
    const id = idOf(run);
    return id !== '' && !excludedRunIds.includes(id) && !wanted.isClaimed(id);
  });
  if (correlation !== undefined) {
    const own = free.filter((run) => carries(run, correlation));
    const [first] = own;
    return first === undefined ? undefined : { adfRunId: idOf(first), isCertain: true, candidates: own.length };
  }
  const likely = free
    .filter((run) => isManual(run) && hasParameters(run, wanted.parameters))
    .filter((run) => runGroupId === undefined || run['runGroupId'] === runGroupId)
    .map((run) => ({ adfRunId: idOf(run), startedMs: startedMs(run) }))
    .filter((run) => run.startedMs >= fromMs)
    .toSorted((a, b) => a.startedMs - b.startedMs);
  const chosen = likely.find((run) => run.startedMs >= sinceMs) ?? likely.at(-1);
  return chosen === undefined ? undefined : { adfRunId: chosen.adfRunId, isCertain: false, candidates: likely.length };
};
