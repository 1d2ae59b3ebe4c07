// Everything this program remembers, in one value that a reset replaces; and the journal that tests assert on.

import { FaultTable } from '../common/faults.ts';
import type { JsonObject } from '../common/reply.ts';
import type { StandInOptions } from './options.ts';
import { plainScript, RunStore, type Script } from './runs.ts';

export type Stored = JsonObject & { readonly id: number; readonly slug: string };

export type LogEntry = {
  readonly sequence: number;
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** As the API's description names it, or `unknown`. */
  readonly operation: string;
  readonly userAgent: string | undefined;
  readonly traceparent: string | undefined;
  readonly body: unknown;
  /** Undefined while it is answered, and for ever when the connection was dropped. */
  status: number | undefined;
  outcome: 'pending' | 'answered' | 'dropped';
  fault: string | undefined;
};

export type Violation = {
  readonly kind: string;
  readonly detail: string;
  readonly method: string;
  readonly path: string;
};

export type World = {
  readonly options: StandInOptions;
  readonly models: Map<number, Stored>;
  readonly syncs: Map<number, Stored>;
  readonly runs: RunStore;
  readonly faults: FaultTable;
  readonly requests: LogEntry[];
  readonly violations: Violation[];
  /** By slug of the sync, `*` for all: what its next runs do; the last one stays. */
  readonly scripts: Map<string, readonly Script[]>;
  /** Times of requests of the window. */
  readonly recentMs: number[];
  nextId(): number;
};

const MOST_ENTRIES = 20_000;

export const createWorld = (options: StandInOptions): World => {
  let lastId = 3092;
  return {
    options,
    models: new Map(),
    syncs: new Map(),
    runs: new RunStore(() => options.now() - options.runsBehindMs, options),
    faults: new FaultTable(),
    requests: [],
    violations: [],
    scripts: new Map(),
    recentMs: [],
    nextId: () => {
      lastId += 1;
      return lastId;
    },
  };
};

export const keep = <T>(list: T[], entry: T): void => {
  list.push(entry);
  if (list.length > MOST_ENTRIES) list.shift();
};

export const nextScript = ({ scripts }: World, slug: string): Script => {
  const key = scripts.has(slug) ? slug : '*';
  const [first, ...rest] = scripts.get(key) ?? [plainScript];
  if (rest.length > 0) scripts.set(key, rest);
  return first ?? plainScript;
};

/** Whether a request fits into the window; counts it when it does. */
export const admits = ({ options, recentMs }: World): boolean => {
  const nowMs = options.now();
  while (recentMs.length > 0 && (recentMs[0] ?? 0) <= nowMs - options.rateWindowMs) recentMs.shift();
  if (recentMs.length >= options.rateLimit) return false;
  recentMs.push(nowMs);
  return true;
};
