// Commands on their way into the channels of operators. A channel that does not work must not hold up the others: what it is owed is sent later, the
// latest of each resource. Only in memory: what is lost with this process the answer sweep finds. Called by the dispatch loop.

import { isFault } from '../../core/fault.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Appender, AppendMessage } from '../ports/streams.ts';

const RETRY_MS = 200;
const MAX_TRIES = 3;
const OWED_RETRY_MS = 1000;

export type ChannelCommand = { readonly stream: string; readonly operator: string; readonly message: AppendMessage };

/** Two operators may name their streams alike and have them on different servers. */
const channelKey = ({ operator, stream }: ChannelCommand): string => `${operator}/${stream}`;

export type CommandDebtsOptions = {
  /** The appender of an operator's channel stream, which exists when this resolves. */
  channel(stream: string, operator: string): Promise<Appender>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
};

export const createCommandDebts = ({ channel, clock, log, metrics, signal }: CommandDebtsOptions) => {
  /** By the subject of the resource's events. */
  const owed = new Map<string, ChannelCommand>();
  const broken = new Set<string>();
  metrics.reading(metricCatalogue.commandsOwed, () => owed.size);

  /** True when it is stored. */
  const sendOnce = async ({ stream, operator, message }: ChannelCommand): Promise<boolean> => {
    const count = (result: 'stored' | 'failed'): void =>
      metrics.counter(metricCatalogue.commandsDispatched, operator, result).add();
    try {
      await (await channel(stream, operator)).append([message]);
      count('stored');
      return true;
    } catch (error) {
      if (isFault(error, 'JS_DUPLICATE')) return true;
      const isFinal = !isFault(error) || error.retry === 'never';
      count('failed');
      log[isFinal ? 'error' : 'warn']({ operator, stream, err: error }, 'command to component not stored');
      return false;
    }
  };

  const payOnce = async (): Promise<void> => {
    const failed = new Set<string>();
    for (const [subject, command] of owed) {
      if (signal.aborted) return;
      const key = channelKey(command);
      if (failed.has(key)) continue;
      if (!(await sendOnce(command))) {
        failed.add(key);
        continue;
      }
      broken.delete(key);
      if (owed.get(subject) === command) owed.delete(subject);
    }
  };

  return {
    get isFree(): boolean {
      return owed.size === 0;
    },

    /** Resolves when it is stored, or owed. Whatever is owed to the same resource is dropped: this is newer. */
    send: async (subject: string, command: ChannelCommand): Promise<void> => {
      owed.delete(subject);
      const key = channelKey(command);
      for (let tries = 1; tries <= MAX_TRIES && !signal.aborted && !broken.has(key); tries += 1) {
        if (await sendOnce(command)) return;
        await clock.sleep(RETRY_MS * tries, signal);
      }
      broken.add(key);
      owed.set(subject, command);
    },

    /** Sends what is owed, until `signal` aborts. */
    payOff: async (): Promise<void> => {
      while (!signal.aborted) {
        await clock.sleep(OWED_RETRY_MS, signal);
        await payOnce();
      }
    },
  };
};
