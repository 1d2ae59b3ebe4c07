// The two doors for commands. `answerRequest` serves opstream.rpc.<verb>: any number of copies, the receipt is the reply.
// `consumeDurable` serves opstream.cmd.<verb>: one holder of the lease at a time, because commands on the same thing must be carried
// out in the order in which they were published; the outcome is recorded before the ack, so no crash loses it. One whose thing cannot be
// decided now is parked, and those on other things go on (parked-commands.ts).

import { encodeJson } from '../../core/decode.ts';
import { isFault, type Fault } from '../../core/fault.ts';
import type { CommandFailure, Receipt } from '../../messages/commands.ts';
import { mayHoldSecret, WITHHELD } from '../../manifest/delicate.ts';
import { createCommandMeter } from './command-meter.ts';
import { givenCommandId, readCommandRequest, type CommandRequest } from './command-request.ts';
import type { CommandExecutor } from './execute-command.ts';
import { createParkedCommands, type Place } from './parked-commands.ts';
import type { DeadLetters } from '../loops/dead-letters.ts';
import type { Outcomes } from '../history/outcomes.ts';
import { failureOf } from '../../messages/failure-of.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import { fittingReceipt } from '../../messages/fitting-receipt.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { Delivery, WorkQueue, StoredMessage } from '../ports/streams.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ServiceRequest } from '../ports/services.ts';
import type { Rejection } from '../../core/rejection.ts';

/** Bugs, unlike faults, do not go away: a durable command that hits one this often is set aside. */
const MAX_BUG_ATTEMPTS = 5;
const MAX_IN_FLIGHT = 256;
const SOURCE = 'command-handler';

export type DoorOptions = {
  readonly executor: CommandExecutor;
  readonly outcomes: Outcomes;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly deadLetters: DeadLetters;
  readonly commandStream: string;
  /** Removes a message of the command stream and what the disk holds of it. */
  erase(sequence: number): Promise<void>;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  /** A Fault in better words, for the one who gets it as the answer. Default: as it is. */
  explain?(fault: Fault): Fault;
};

const fields = (request: CommandRequest, receipt: Receipt, startedMs: number, clock: Clock) => ({
  commandId: request.commandId,
  correlationId: request.correlationId,
  verb: request.verb,
  actor: request.actor,
  traceparent: request.traceparent,
  accepted: receipt.accepted,
  code: receipt.rejection?.code,
  events: receipt.events.length,
  durationMs: Math.round((clock.nowMs() - startedMs) * 100) / 100,
});

const toFailure = (commandId: string, error: unknown): CommandFailure => ({
  commandId,
  failure: failureOf(error, SOURCE),
});

/** Trying again helps neither a bug nor a command whose stored outcome cannot be read. */
const isHopeless = (error: unknown): boolean =>
  !isFault(error) || error.retry === 'never' || error.code === 'DOCUMENT_INVALID';

const unreadable = (commandId: string, subject: string, rejection: Receipt['rejection']): Receipt => ({
  commandId,
  verb: (subject.split('.').at(-1) ?? 'apply') as Receipt['verb'],
  accepted: false,
  events: [],
  ...(rejection === undefined ? {} : { rejection }),
});

export const createCommandDoors = (options: DoorOptions) => {
  const { executor, ids, clock, log } = options;
  const meter = createCommandMeter(options.metrics ?? noMetrics);
  const explain = options.explain ?? ((fault: Fault): Fault => fault);

  const answerRequest = async (message: ServiceRequest): Promise<void> => {
    const startedMs = clock.nowMs();
    const beganMs = meter.nowMs();
    const request = readCommandRequest(message, () => ids.next());
    if (!request.ok) {
      const receipt = unreadable(givenCommandId(message) ?? ids.next(), message.subject, request.error);
      meter.answered('rpc', receipt, beganMs);
      message.respond(encodeJson(receipt), { code: 400, description: request.error.code });
      return;
    }
    try {
      const receipt = await executor.execute(request.value, { keepOutcome: false });
      const error = receipt.rejection === undefined ? undefined : { code: 400, description: receipt.rejection.code };
      const data = encodeJson(receipt);
      const fits = data.byteLength <= message.maxReplyBytes;
      message.respond(fits ? data : encodeJson(fittingReceipt(receipt, message.maxReplyBytes)), error);
      meter.answered('rpc', receipt, beganMs);
      log.info(fields(request.value, receipt, startedMs, clock), 'command answered');
    } catch (caught) {
      const error = isFault(caught) ? explain(caught) : caught;
      const failure = toFailure(request.value.commandId, error);
      message.respond(encodeJson(failure), {
        code: failure.failure.isRetryable ? 503 : 500,
        description: failure.failure.code,
      });
      meter.failed('rpc', request.value.verb, failure.failure.code, beganMs);
      const level = isFault(error) ? 'warn' : 'error';
      log[level]({ commandId: request.value.commandId, verb: request.value.verb, err: error }, 'command failed');
    }
  };

  /** How often a delivery has met a bug, by sequence. */
  const bugs = new Map<number, number>();
  /** Deliveries that were said to be parked, by sequence. */
  const toldParked = new Set<number>();

  const forget = ({ sequence }: Delivery): void => {
    bugs.delete(sequence);
    toldParked.delete(sequence);
  };

  /** Once for each command, however often it is tried. */
  const tellParked = ({ sequence }: Delivery, commandId: string, why: { code: string } | { behind: number }): void => {
    if (toldParked.has(sequence)) return;
    toldParked.add(sequence);
    meter.delivered('parked');
    log.warn({ commandId, sequence, ...why }, 'durable command parked');
  };

  /** A message that may hold a secret in the clear leaves no trace: neither in the stream nor on its disk. */
  const settle = async (delivery: Delivery): Promise<void> => {
    if (mayHoldSecret(delivery.data)) await options.erase(delivery.sequence);
    delivery.ack();
  };

  const keepable = (delivery: Delivery): StoredMessage =>
    mayHoldSecret(delivery.data) ? { ...delivery, data: new TextEncoder().encode(WITHHELD) } : delivery;

  /** An outcome that is there and cannot be read stays as it is: the dead letter says what became of the command. */
  const recordAtLast = async (...[origin, receipt]: Parameters<Outcomes['record']>): Promise<void> => {
    try {
      await options.outcomes.record(origin, receipt);
    } catch (error) {
      if (!isFault(error, 'DOCUMENT_INVALID')) throw error;
    }
  };

  const giveUp = async (delivery: Delivery, request: CommandRequest, error: unknown): Promise<void> => {
    const failure = toFailure(request.commandId, error).failure;
    await options.deadLetters(
      { source: SOURCE, stream: options.commandStream, code: failure.code, reason: failure.message },
      keepable(delivery),
    );
    const rejection = { code: 'INTERNAL', message: failure.message, details: [] } as const;
    const { commandId, verb } = request;
    await recordAtLast(request, { commandId, verb, accepted: false, events: [], rejection });
    await settle(delivery);
  };

  const setAside = async (delivery: Delivery, commandId: string, rejection: Rejection): Promise<void> => {
    const reason = rejection.details.map(({ message }) => message).join('; ');
    await options.deadLetters(
      { source: SOURCE, stream: options.commandStream, code: rejection.code, reason },
      keepable(delivery),
    );
    const blank = { commandId, correlationId: commandId, causationId: commandId, actor: 'unknown' };
    // Who looks for the id that was given finds nothing: the refusal itself says where it is.
    const where = givenCommandId(delivery) === undefined ? `; this is the outcome of command "${commandId}"` : '';
    const told = { ...rejection, message: `${rejection.message}${where}` };
    await recordAtLast(blank, unreadable(commandId, delivery.subject, told));
    await settle(delivery);
    log.info({ commandId, code: rejection.code }, 'command set aside');
  };

  type Taken = {
    readonly delivery: Delivery;
    readonly read: ReturnType<typeof readCommandRequest>;
    readonly commandId: string;
    readonly beganMs: number;
  };

  const carryOut = async ({ delivery, read, commandId, beganMs }: Taken, place: Place): Promise<void> => {
    const startedMs = clock.nowMs();
    if (!read.ok) {
      await setAside(delivery, commandId, read.error);
      meter.answered('cmd', unreadable(commandId, delivery.subject, read.error), beganMs);
      meter.delivered('set-aside');
      return;
    }
    const receipt = await executor.execute(read.value, { keepOutcome: true, sequencing: place });
    await settle(delivery);
    meter.answered('cmd', receipt, beganMs);
    meter.delivered('settled');
    const { sequence } = delivery;
    log.info({ ...fields(read.value, receipt, startedMs, clock), sequence }, 'durable command settled');
  };

  /** How often the delivery has met a bug by now. */
  const countBug = ({ sequence }: Delivery, isBug: boolean): number => {
    const count = (bugs.get(sequence) ?? 0) + (isBug ? 1 : 0);
    bugs.set(sequence, count);
    return count;
  };

  /** Whether it is settled after all: given up. */
  const endInFailure = async (taken: Taken, place: Place, error: unknown): Promise<boolean> => {
    const { delivery, read, commandId, beganMs } = taken;
    place.failed([], error);
    const isParked = place.isParked();
    const isBug = isHopeless(error);
    const { code } = toFailure(commandId, error).failure;
    if (isParked) tellParked(delivery, commandId, { code });
    const level = isBug ? 'error' : isParked ? 'debug' : 'warn';
    log[level]({ commandId, sequence: delivery.sequence, err: error }, 'durable command failed');
    meter.failed('cmd', read.ok ? read.value.verb : undefined, code, beganMs);
    if (countBug(delivery, isBug) < MAX_BUG_ATTEMPTS || !read.ok) {
      if (!isParked) meter.delivered('repeated');
      return false;
    }
    await giveUp(delivery, read.value, error);
    meter.delivered('set-aside');
    return true;
  };

  /** False: it is parked, or the round is halted, and what is left is consumed again from its beginning. */
  const settleDelivery = async (delivery: Delivery, place: Place): Promise<boolean> => {
    const fallbackId = `cmd-${delivery.sequence}`;
    const read = readCommandRequest(delivery, () => fallbackId);
    const commandId = read.ok ? read.value.commandId : (givenCommandId(delivery) ?? fallbackId);
    const taken = { delivery, read, commandId, beganMs: meter.nowMs() };
    try {
      await carryOut(taken, place);
    } catch (error) {
      const behind = place.behind();
      if (behind !== undefined) tellParked(delivery, commandId, { behind });
      if (behind !== undefined || !(await endInFailure(taken, place, error))) return false;
    }
    forget(delivery);
    return true;
  };

  /** Serves the durable door until `signal` aborts. Only for the holder of the lease: see `restart` of WorkQueue. */
  const consumeDurable = async (queue: WorkQueue, signal: AbortSignal): Promise<void> => {
    toldParked.clear();
    for (let failures = 0; !signal.aborted;) {
      const halted = new AbortController();
      const ending = AbortSignal.any([signal, halted.signal]);
      let settled = 0;
      const tryToSettle = async (delivery: Delivery, place: Place): Promise<boolean> => {
        try {
          const isSettled = await settleDelivery(delivery, place);
          if (isSettled) settled += 1;
          return isSettled;
        } catch (error) {
          log.error({ sequence: delivery.sequence, err: error }, 'durable command could not be settled');
          halted.abort();
          return false;
        }
      };
      const parked = createParkedCommands({
        clock,
        signal: ending,
        halted,
        carryOut: tryToSettle,
        onCount: meter.parked,
      });
      try {
        const onDelivery = (delivery: Delivery): void => parked.take(delivery);
        await queue.consume({ maxInFlight: MAX_IN_FLIGHT, restart: true, signal: ending, onDelivery });
      } finally {
        await parked.end();
      }
      failures = settled > 0 ? 1 : failures + 1;
      if (!signal.aborted) await clock.sleep(Math.min(10_000, 100 * 2 ** failures), signal);
    }
  };

  return { answerRequest, consumeDurable };
};
