// The attempts that an appender has under way: single messages, batches of one append, and groups, which are batches of several appends. Says when
// there is room for more, and measures what they take. Called by appender.ts.

import type { Fault } from '../core/fault.ts';
import type { Unit } from './append-queue.ts';
import type { JetStreamConnection } from './connection.ts';
import type { ServiceMeter } from './service-meter.ts';
import { publishBatch, publishOne } from './stored-write.ts';

export type InFlightOptions = {
  readonly connection: Pick<JetStreamConnection, 'slots'>;
  readonly meter: ServiceMeter;
  /** Single messages under way at once. */
  readonly maxSingles: number;
  /** Batches under way at once. */
  readonly maxBatches: number;
  /** For a single message; a batch has twice that. */
  readonly attemptTimeoutMs: number;
  /** An append on its own was answered: the sequence of its first message, or why not. There is room for more. */
  onAlone(unit: Unit, result: number | Fault): void;
  /** A group was answered. There is room for more. */
  onGroup(units: readonly Unit[], result: number | Fault): void;
};

export const createAppendsInFlight = (options: InFlightOptions) => {
  const { connection, meter, maxSingles, maxBatches, attemptTimeoutMs, onAlone, onGroup } = options;
  let batches = 0;
  /** Those of the batches that hold several appends. */
  let groups = 0;

  const sendBatch = (units: readonly Unit[]): void => {
    const [only] = units;
    const alone = units.length === 1 ? only : undefined;
    const messages = alone?.messages ?? units.flatMap((unit) => unit.messages);
    const measured = meter.batchSent(messages.length);
    batches += 1;
    groups += Number(alone === undefined);
    const answer = (result: number | Fault): void => {
      const isStored = typeof result === 'number';
      batches -= 1;
      groups -= Number(alone === undefined);
      measured(isStored);
      const outcome = isStored ? result - messages.length + 1 : result;
      if (alone === undefined) onGroup(units, outcome);
      else onAlone(alone, outcome);
    };
    publishBatch(connection, messages, answer, attemptTimeoutMs * 2);
  };

  return {
    get singles(): number {
      return meter.inFlight;
    },
    get groups(): number {
      return groups;
    },
    get hasRoomForBatch(): boolean {
      return batches < maxBatches;
    },
    /** One message as a publish, several as a batch of their own. False: there is no room now. */
    sendAlone: (unit: Unit): boolean => {
      const [only] = unit.messages;
      const isSingle = unit.messages.length === 1 && only !== undefined;
      if (isSingle ? meter.inFlight >= maxSingles : batches >= maxBatches) return false;
      if (!isSingle) {
        sendBatch([unit]);
        return true;
      }
      meter.singleSent();
      const answer = (result: number | Fault): void => {
        meter.singleSettled(typeof result === 'number');
        onAlone(unit, result);
      };
      publishOne(connection, only, answer, attemptTimeoutMs);
      return true;
    },

    /** There is room for it. */
    sendGroup: sendBatch,
  };
};
