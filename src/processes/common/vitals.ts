// What a process says of itself: metrics and readiness on METRIC_PORT, and the same as the `data` of its NATS micro service, so that one
// can look from either side. It is there before the connection is, so that a process that waits for the server says so.

import { metricCatalogue, metricsOf, type Program } from '../../messages/metric-catalogue.ts';
import { createMetrics, type MetricRegistry } from '../../program/metrics.ts';
import { serveMetrics } from '../../program/metrics-server.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Leadership } from '../../engine/loops/leadership.ts';
import type { Log } from '../../engine/ports/log.ts';
import type { JetStreamConnection } from '../../jetstream/connection.ts';

export type Vitals = {
  readonly metrics: MetricRegistry;
  /** Ready is only who has all that was ever named here; `what` is what `/readyz` says otherwise. */
  need(what: string, isThere: () => boolean): void;
  /** What the process waits for at its start, as `/readyz` says it; undefined: nothing any more. */
  waits(reason: string | undefined): void;
  /** Looked at whenever somebody asks; what it gives is missing. */
  lacks(find: () => string | undefined): void;
  connected(connection: JetStreamConnection): void;
  /** Needs that each of the leases is held, or waited for. */
  lead(leadership: Leadership, leases: readonly string[]): void;
  /** `{ready, missing, leases, lag, series}`; lag: the longest of all. */
  stats(): Promise<JsonObject>;
};

const longestLag = (series: JsonObject): number =>
  Math.max(0, ...Object.entries(series).map(([name, value]) => (/_lag(\{|$)/.test(name) ? Number(value) : 0)));

/** Resolves when the port is open (or is known to be taken: then without). */
export const openVitals = async (
  program: Program,
  options: { readonly port: number | undefined; readonly log: Log; readonly signal: AbortSignal },
): Promise<Vitals> => {
  const { port, log, signal } = options;
  const metrics = createMetrics(metricsOf(program), { withProcess: port !== undefined });
  const needs = new Map<string, () => boolean>();
  let roles: Leadership['roles'] = () => ({});
  let connection: JetStreamConnection | undefined;
  let waiting: string | undefined;
  const findings: (() => string | undefined)[] = [];
  metrics.reading(metricCatalogue.natsConnected, () => Number(connection?.isUp ?? false));

  const missing = (): readonly string[] => [
    ...(signal.aborted ? ['it is stopping'] : []),
    ...(connection === undefined ? ['it waits for the NATS server'] : []),
    ...(connection?.isUp === false ? ['the connection to NATS is down'] : []),
    ...(waiting === undefined ? [] : [waiting]),
    ...findings.flatMap((find) => find() ?? []),
    ...[...needs].flatMap(([what, isThere]) => (isThere() ? [] : [what])),
  ];
  if (port !== undefined) await serveMetrics({ port, log, metrics, missing });

  return {
    metrics,
    need: (what, isThere) => {
      needs.set(what, isThere);
    },
    waits: (reason) => {
      waiting = reason;
    },
    lacks: (find) => {
      findings.push(find);
    },
    connected: (made) => {
      connection = made;
      const reconnects = metrics.counter(metricCatalogue.natsReconnects);
      made.onReconnect(() => reconnects.add());
    },
    lead: (leadership, leases) => {
      ({ roles } = leadership);
      for (const lease of leases) {
        needs.set(`the lease ${lease} is neither held nor waited for`, () => roles()[lease] !== undefined);
      }
    },
    stats: async () => {
      const series = await metrics.values();
      const lacking = missing();
      return { ready: lacking.length === 0, missing: lacking, leases: roles(), lag: longestLag(series), series };
    },
  };
};
