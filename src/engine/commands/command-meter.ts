// Counts and times commands. It is asked for every command of a process that does thousands a second, so all series that a healthy
// command touches are held here, and only refusals look theirs up.

import type { Receipt, Verb } from '../../messages/commands.ts';
import { verbs } from '../../messages/commands.ts';
import { eventTypes, type DomainEvent } from '../../messages/events.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { Counter, Histogram, Metrics } from '../ports/metrics.ts';

export type Door = 'rpc' | 'cmd';

export type CommandMeter = {
  /** What the other methods want as `startedMs`. */
  nowMs(): number;
  /** A receipt was given, to what arrived at `startedMs`. */
  answered(door: Door, receipt: Receipt, startedMs: number): void;
  /** No receipt could be given; `code` of the Fault, or INTERNAL. `verb` undefined: it could not be read. */
  failed(door: Door, verb: Verb | undefined, code: string, startedMs: number): void;
  appended(type: DomainEvent['type']): void;
  /** All events of one command are stored. */
  stored(startedMs: number): void;
  delivered(result: 'settled' | 'set-aside' | 'parked' | 'repeated'): void;
  /** So many are parked now. */
  parked(count: number): void;
};

type Series = { readonly accepted: Counter; readonly unchanged: Counter; readonly duration: Histogram };

export const createCommandMeter = (metrics: Metrics): CommandMeter => {
  const { commands, commandDuration, eventsAppended, appendDuration, deliveries, commandsParked } = metricCatalogue;
  const secondsSince = (startedMs: number): number => (metrics.nowMs() - startedMs) / 1000;
  const seriesOf = (door: Door): ReadonlyMap<string, Series> =>
    new Map(
      verbs.map((verb) => [
        verb,
        {
          accepted: metrics.counter(commands, verb, door, 'accepted', ''),
          unchanged: metrics.counter(commands, verb, door, 'unchanged', ''),
          duration: metrics.histogram(commandDuration, verb, door),
        },
      ]),
    );
  const healthy = { rpc: seriesOf('rpc'), cmd: seriesOf('cmd') };
  const appended = new Map(eventTypes.map((type) => [type, metrics.counter(eventsAppended, type)]));
  const storing = metrics.histogram(appendDuration);
  const delivered = {
    settled: metrics.counter(deliveries, 'settled'),
    'set-aside': metrics.counter(deliveries, 'set-aside'),
    parked: metrics.counter(deliveries, 'parked'),
    repeated: metrics.counter(deliveries, 'repeated'),
  };
  const parked = metrics.gauge(commandsParked);

  return {
    nowMs: () => metrics.nowMs(),
    answered: (door, receipt, startedMs) => {
      const { verb } = receipt;
      const series = healthy[door].get(verb);
      // A receipt for what could not be read names a verb that is none.
      if (receipt.rejection !== undefined || series === undefined) {
        metrics
          .counter(commands, series === undefined ? 'other' : verb, door, 'rejected', receipt.rejection?.code ?? '')
          .add();
      } else if (receipt.unchanged === true) series.unchanged.add();
      else series.accepted.add();
      series?.duration.observe(secondsSince(startedMs));
    },
    failed: (door, verb, code, startedMs) => {
      metrics.counter(commands, verb ?? 'other', door, 'failed', code).add();
      if (verb !== undefined) healthy[door].get(verb)?.duration.observe(secondsSince(startedMs));
    },
    appended: (type) => appended.get(type)?.add(),
    stored: (startedMs) => storing.observe(secondsSince(startedMs)),
    delivered: (result) => delivered[result].add(),
    parked: (count) => parked.set(count),
  };
};
