// From an operator's own server into the shared one: what its components report there becomes part of OPSTREAM_STATUS, and what they set
// aside part of OPSTREAM_DEAD. Runs in the operator-runtime that leads.
//
// Each status says in a header (Opstream-Origin) where it comes from, and is appended behind the one before it of the same resource. So
// what a killed runtime had relayed is recognised however long ago that was, and of two that believe to lead none adds anything twice.

import { decodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { ORIGIN_HEADER } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { Names } from '../../messages/subjects.ts';
import { openCheckpoint, type Checkpoint } from '../loops/checkpoint.ts';
import type { DeadLetters } from '../loops/dead-letters.ts';
import { sequenceIn } from '../loops/position.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { StoredMessage } from '../ports/streams.ts';
import type { OwnServer, ServerSide } from './ports.ts';

const RETRY_MS = 500;
const MAX_REMEMBERED = 20_000;

export type RelayOptions = {
  readonly names: Names;
  readonly operator: string;
  readonly incarnation: string;
  readonly own: OwnServer;
  readonly shared: ServerSide;
  readonly deadLetters: DeadLetters;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export const originOf = (incarnation: string, sequence: number): string => `${incarnation} ${sequence}`;

/** Sequence in the own server that a message of the shared one comes from; 0: not from there. */
const originIn = (message: StoredMessage | undefined, incarnation: string): number => {
  const [from, sequence] = message?.header(ORIGIN_HEADER)?.split(' ') ?? [];
  return from === incarnation ? Number(sequence) : 0;
};

const openPosition = ({ operator, incarnation, shared, clock }: RelayOptions, what: string): Promise<Checkpoint> =>
  openCheckpoint({
    ...{ positions: shared.positions, key: `checkpoint.relay.${what}.${operator}`, clock, facts: { incarnation } },
    // What was relayed of an earlier incarnation says nothing of this one.
    sequenceOf: (entry) => {
      const value = entry === undefined ? undefined : decodeJson(entry.data);
      return isJsonObject(value) && value['incarnation'] === incarnation ? sequenceIn(entry) : undefined;
    },
  });

/** Until `signal` aborts. Faults: those of the own server's stream; begin again. */
export const relayStatuses = async (options: RelayOptions): Promise<void> => {
  const { names, operator, incarnation, own, shared, clock, log, signal } = options;
  const position = await openPosition(options, 'status');
  const relayed = (options.metrics ?? noMetrics).counter(metricCatalogue.statusesRelayed, operator);
  const lasts = new Map<string, { readonly sequence: number; readonly origin: number }>();

  const lastOn = async (subject: string) => {
    const known = lasts.get(subject);
    if (known !== undefined) return known;
    const message = await shared.statusReader.readLast(subject);
    return { sequence: message?.sequence ?? 0, origin: originIn(message, incarnation) };
  };

  const once = async ({ subject, sequence, data, header }: StoredMessage): Promise<void> => {
    const last = await lastOn(subject);
    if (last.origin >= sequence) return;
    const id = header('Nats-Msg-Id') ?? originOf(incarnation, sequence);
    const origin = originOf(incarnation, sequence);
    const [stored = 0] = await shared.statuses.append([
      { subject, id, data, origin, expectedLastSequence: last.sequence },
    ]);
    relayed.add();
    if (lasts.size >= MAX_REMEMBERED) lasts.clear();
    lasts.set(subject, { sequence: stored, origin: sequence });
  };

  const setAside = async (message: StoredMessage, code: string, reason: string): Promise<void> => {
    // Sequences of two operators' servers are alike: the incarnation tells the letters apart.
    const stream = `${names.streams.status}@${incarnation}`;
    await options.deadLetters({ source: 'operator-runtime', stream, code, reason }, message);
  };

  const setAsideForeign = (message: StoredMessage): Promise<void> =>
    setAside(message, 'STATUS_FOREIGN', `a component of operator "${operator}" may report on its own resources only`);

  const setAsideTooLarge = (message: StoredMessage): Promise<void> =>
    setAside(
      message,
      'STATUS_TOO_LARGE',
      `with the headers of the relay this status of operator "${operator}" is larger than the shared server takes; report less`,
    );

  const isOfOperator = ({ subject }: StoredMessage): boolean => {
    const ref = names.parseStatus(subject);
    return ref !== undefined && ref.operator === operator && ref.workspace !== NO_WORKSPACE;
  };

  /** Tells whether to try again, and after what time. */
  const afterFailure = (message: StoredMessage, error: unknown, failures: number): number | undefined => {
    if (!isFault(error)) throw error;
    lasts.delete(message.subject);
    // Relayed before, by who led then.
    if (isFault(error, 'JS_DUPLICATE')) return undefined;
    const isConflict = isFault(error, 'JS_CONFLICT');
    if (failures === 1 && !isConflict)
      log.warn({ operator, subject: message.subject, err: error }, 'status cannot be relayed yet');
    return isConflict && failures < 5 ? 1 : RETRY_MS;
  };

  const relay = async (message: StoredMessage): Promise<void> => {
    // Put there by a runtime: it comes from the shared server.
    if (message.header(ORIGIN_HEADER) !== undefined) return;
    if (!isOfOperator(message)) return setAsideForeign(message);
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        return await once(message);
      } catch (error) {
        // It never will be: it must not hold up what comes after it.
        if (isFault(error, 'JS_TOO_LARGE')) return setAsideTooLarge(message);
        const waitMs = afterFailure(message, error, failures);
        if (waitMs === undefined) return;
        await clock.sleep(waitMs, signal);
      }
    }
  };

  await own.statusFollower.follow({
    fromSequence: position.next,
    filters: [names.statusFilter],
    signal,
    onBatch: async (batch, pending) => {
      const bySubject = new Map<string, StoredMessage[]>();
      for (const message of batch) {
        const others = bySubject.get(message.subject);
        if (others === undefined) bySubject.set(message.subject, [message]);
        else others.push(message);
      }
      const inOrder = async (messages: readonly StoredMessage[]): Promise<void> => {
        for (const message of messages) await relay(message);
      };
      await Promise.all([...bySubject.values()].map(inOrder));
      if (!signal.aborted) await position.handled(batch, pending);
    },
  });
  await position.write();
};

/** The same for dead letters; at least once. */
export const relayDeadLetters = async (options: RelayOptions): Promise<void> => {
  const { names, operator, incarnation, own, shared, signal } = options;
  const position = await openPosition(options, 'dead');
  const prefix = names.dead('component');
  await own.deadFollower.follow({
    fromSequence: position.next,
    signal,
    onBatch: async (batch, pending) => {
      for (const { subject, data, sequence } of batch) {
        if (subject !== prefix) continue;
        const id = `dead-${originOf(incarnation, sequence).replace(' ', '-')}`;
        try {
          await shared.dead.append([{ subject, id, data }]);
        } catch (error) {
          if (!isFault(error) || error.retry !== 'never') throw error;
          // Known from before; or never to be taken, which must not hold up those after it.
          if (error.code !== 'JS_DUPLICATE')
            options.log.error({ operator, sequence, err: error }, 'dead letter stays on the own server');
        }
      }
      await position.handled(batch, pending);
    },
  });
  await position.write();
};
