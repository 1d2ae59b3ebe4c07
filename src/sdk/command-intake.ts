// From a delivery to a kept entity. Its reconcile may begin while it is being kept; a command is acknowledged when the store has it (or it was old news); what cannot be read is
// set aside with its reason and acknowledged; when the store or the server is away, the delivery comes again.

import { isFault } from '../core/fault.ts';
import { backOffMs } from '../engine/loops/back-off.ts';
import type { DeadLetters } from '../engine/loops/dead-letters.ts';
import type { Log } from '../engine/ports/log.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import type { EntityCommand } from '../messages/entity.ts';
import { parseEntityCommand } from './entity-command.ts';
import type { ComponentMetrics } from './metrics.ts';
import type { EntityStatusStore, EntityStore, MessageHandler, ReconcileRequest } from './types.ts';

/** A message to take in. `attempt` from 1. */
export type Arrival = {
  readonly message: StoredMessage;
  readonly attempt: number;
  ack(): void;
  retry(delayMs: number): void;
};

export type CommandIntakeOptions = {
  readonly handler: MessageHandler;
  readonly entities: EntityStore;
  readonly statuses: EntityStatusStore;
  /** When set, entities of other operators are set aside. */
  readonly operator: string | undefined;
  readonly stream: string;
  readonly deadLetters: DeadLetters;
  readonly log: Log;
  readonly metrics: ComponentMetrics;
  random(): number;
  onRequest(request: ReconcileRequest): void;
  /**
   * The lease is lost. What is kept from then on may come after the next leader has read what is kept: it is not acknowledged, so that the
   * next leader gets it too.
   */
  isDeposed(): boolean;
};

export type CommandIntake = {
  take(arrival: Arrival): void;
  /** Resolves when nothing is being taken in. */
  idle(): Promise<void>;
};

const RETRY = { baseMs: 200, capMs: 30_000 } as const;
/** A handler that throws something else than a Fault has a bug; a command that it cannot take does not hold up the others. */
const MAX_BUG_ATTEMPTS = 5;

export const createCommandIntake = (options: CommandIntakeOptions): CommandIntake => {
  const { handler, entities, statuses, operator, stream, deadLetters, log, metrics, random, onRequest } = options;
  let underWay = 0;
  let whenIdle: (() => void)[] = [];

  const setAside = async ({ message, ack }: Arrival, code: string, reason: string): Promise<void> => {
    log.warn({ subject: message.subject, sequence: message.sequence, code, reason }, 'command set aside');
    await deadLetters({ source: 'component', stream, code, reason }, message);
    metrics.command('dead');
    ack();
  };

  const keep = async (command: EntityCommand): Promise<void> => {
    let isAnnounced = false;
    const request = await handler.handleCommand(command, entities, statuses, (early) => {
      isAnnounced = true;
      onRequest(early);
    });
    metrics.command(request === undefined ? 'ignored' : 'kept');
    if (request !== undefined && !isAnnounced) onRequest(request);
  };

  const takeIn = async (arrival: Arrival): Promise<void> => {
    const parsed = parseEntityCommand(arrival.message.data);
    if (!parsed.ok) return setAside(arrival, 'COMMAND_INVALID', parsed.error);
    const owner = parsed.value.data.entity.manifest.resource.operator;
    if (operator !== undefined && owner !== operator) {
      return setAside(arrival, 'COMMAND_INVALID', `entity of operator "${owner}", this component is of "${operator}"`);
    }
    try {
      await keep(parsed.value);
    } catch (error) {
      if (isFault(error) || arrival.attempt < MAX_BUG_ATTEMPTS) throw error;
      log.error({ err: error, sequence: arrival.message.sequence }, 'message handler failed for good');
      return setAside(arrival, 'HANDLER_FAILED', error instanceof Error ? error.message : String(error));
    }
    if (options.isDeposed()) arrival.retry(0);
    else arrival.ack();
  };

  const takeSafely = async (arrival: Arrival): Promise<void> => {
    underWay += 1;
    try {
      await takeIn(arrival);
    } catch (error) {
      const delayMs = RETRY.baseMs + backOffMs(arrival.attempt, RETRY, random);
      const { subject, sequence } = arrival.message;
      log.warn({ subject, sequence, attempt: arrival.attempt, delayMs, err: error }, 'command not kept, trying again');
      metrics.command('retried');
      arrival.retry(delayMs);
    }
    underWay -= 1;
    if (underWay > 0) return;
    for (const resolve of whenIdle) resolve();
    whenIdle = [];
  };

  return {
    take: (arrival) => {
      void takeSafely(arrival);
    },
    idle: () => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
  };
};
