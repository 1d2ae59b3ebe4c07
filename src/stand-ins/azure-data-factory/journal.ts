// What this program received and what was wrong with it, for tests to assert on. Bodies of token requests are never kept:
// they hold the client's secret. The log is bounded; its oldest entries go first.

import type { Violation } from './errors.ts';
import type { Run } from './runs.ts';

export type LogEntry = {
  readonly sequence: number;
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The API's operation id, `token`, or `unknown`. */
  readonly operation: string;
  readonly requestId: string;
  readonly clientRequestId: string | undefined;
  readonly correlationId: string;
  readonly userAgent: string | undefined;
  readonly traceparent: string | undefined;
  readonly body: unknown;
  /** Undefined while it is being answered, and for ever when the connection was dropped or given up. */
  status: number | undefined;
  outcome: 'pending' | 'answered' | 'dropped' | 'abandoned';
  durationMs: number | undefined;
  fault: string | undefined;
  runId: string | undefined;
  /** Requests under way when it came, itself included; of those, the ones for the same run. 0: its path names no run. */
  readonly underWay: number;
  readonly underWayForRun: number;
};

export type ViolationEntry = Violation & {
  readonly time: string;
  readonly sequence: number;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
};

const mostEntries = 20_000;

const runIn = (path: string): string | undefined => /\/pipelineruns\/([^/]+)/i.exec(path)?.[1]?.toLowerCase();

const countBy = (keys: Iterable<string>): Readonly<Record<string, number>> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries(counts);
};

const present = (values: readonly (string | undefined)[]): readonly string[] =>
  values.filter((value) => value !== undefined);

export class Journal {
  readonly #now: () => number;
  readonly #requests: LogEntry[] = [];
  readonly #violations: ViolationEntry[] = [];
  /** By method and path: the time before which a client was told not to come back. */
  readonly #notBefore = new Map<string, number>();
  #sequence = 0;
  readonly #underWay = new Set<LogEntry>();

  constructor(now: () => number) {
    this.#now = now;
  }

  open(
    request: Pick<
      LogEntry,
      | 'method'
      | 'path'
      | 'query'
      | 'operation'
      | 'requestId'
      | 'clientRequestId'
      | 'correlationId'
      | 'userAgent'
      | 'traceparent'
      | 'body'
    >,
  ): LogEntry {
    this.#sequence += 1;
    const run = runIn(request.path);
    const entry: LogEntry = {
      ...request,
      sequence: this.#sequence,
      time: new Date(this.#now()).toISOString(),
      status: undefined,
      outcome: 'pending',
      durationMs: undefined,
      fault: undefined,
      runId: undefined,
      underWay: this.#underWay.size + 1,
      underWayForRun: run === undefined ? 0 : [...this.#underWay].filter(({ path }) => runIn(path) === run).length + 1,
    };
    this.#requests.push(entry);
    this.#underWay.add(entry);
    if (this.#requests.length > mostEntries) this.#requests.shift();
    return entry;
  }

  /** Answered, dropped or given up. */
  ended(entry: LogEntry): void {
    this.#underWay.delete(entry);
  }

  violation(entry: LogEntry, violation: Violation): void {
    const { sequence, time, method, path, requestId } = entry;
    this.#violations.push({ ...violation, time, sequence, method, path, requestId });
    if (this.#violations.length > mostEntries) this.#violations.shift();
  }

  /** Notes a Retry-After, so that a client that comes back with the same request too early is found out. */
  askedToWait(entry: LogEntry, retryAfterSeconds: number): void {
    this.#notBefore.set(`${entry.method} ${entry.path}`, this.#now() + retryAfterSeconds * 1_000);
  }

  checkPatience(entry: LogEntry): void {
    const key = `${entry.method} ${entry.path}`;
    const notBeforeMs = this.#notBefore.get(key);
    if (notBeforeMs === undefined) return;
    this.#notBefore.delete(key);
    const earlyMs = notBeforeMs - this.#now();
    if (earlyMs > 0)
      this.violation(entry, { kind: 'retried-too-early', detail: `${earlyMs} ms before Retry-After was over` });
  }

  requests(filter: { readonly operation?: string; readonly pathContains?: string } = {}): readonly LogEntry[] {
    return this.#requests.filter(
      (entry) =>
        (filter.operation === undefined || entry.operation === filter.operation) &&
        (filter.pathContains === undefined || entry.path.toLowerCase().includes(filter.pathContains.toLowerCase())),
    );
  }

  violations(): readonly ViolationEntry[] {
    return this.#violations;
  }

  /** How often what was asked, and which runs were started twice for one value of the correlation parameter. */
  counters(runs: readonly Run[], correlationParameter: string | undefined): unknown {
    const correlated = new Map<string, string[]>();
    for (const run of runs) {
      const named = correlationParameter !== undefined && Object.hasOwn(run.parameters, correlationParameter);
      const value = named ? run.parameters[correlationParameter] : undefined;
      if (value !== undefined) correlated.set(value, [...(correlated.get(value) ?? []), run.runId]);
    }
    const operations = [...new Set(this.#requests.map((entry) => entry.operation))];
    return {
      createRun: {
        received: this.requests({ operation: 'Pipelines_CreateRun' }).length,
        accepted: runs.length,
        byPipeline: countBy(runs.map((run) => run.pipelineName)),
        correlationParameter: correlationParameter ?? null,
        byCorrelation: Object.fromEntries([...correlated].map(([value, runIds]) => [value, runIds.length])),
        byClientRequestId: countBy(present(runs.map((run) => run.clientRequestId))),
        duplicates: [...correlated]
          .filter(([, runIds]) => runIds.length > 1)
          .map(([correlation, runIds]) => ({ correlation, count: runIds.length, runIds })),
      },
      requests: Object.fromEntries(
        operations.map((operation) => {
          const entries = this.requests({ operation });
          const byStatus = countBy(
            entries.map((entry) => (entry.status === undefined ? entry.outcome : String(entry.status))),
          );
          return [operation, { count: entries.length, byStatus }];
        }),
      ),
      violations: countBy(this.#violations.map((violation) => violation.kind)),
    };
  }
}
