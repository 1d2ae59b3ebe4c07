// Writes one stream: appends that wait at the same time are sent one by one, pipelined, or as one atomic batch, whichever the pacer has
// measured to be cheaper. One append never makes another fail: when a group is refused, each of its appends is tried on its own.
//
// Life of an append: queued -> in a group or alone -> stored | refused. What the server did not answer is sent again with the same ids
// until the deadline; a conflict after such a repeat may be our own first attempt, so the stream is looked at before it is believed.

import { Fault, isFault } from '../core/fault.ts';
import type { Appender, AppendMessage, Clock } from '../engine/ports.ts';
import { createCommitPacer, type CommitPacer } from './commit-pacer.ts';
import type { JetStreamConnection } from './connection.ts';
import { pause } from './pause.ts';
import { createStreamReader } from './stream-reader.ts';
import { MAX_BATCH_MESSAGES, publishBatch, publishOne } from './stored-write.ts';

export type AppenderOptions = {
  /** Time for all attempts of one append. Default 10 000 ms. */
  readonly deadlineMs?: number;
  readonly pacer?: CommitPacer;
  readonly now?: Clock['nowMs'];
};

const MAX_GROUP_MESSAGES = 512;
/** Groups under way at once; the server allows 50 open batches a stream, over all writers. */
const MAX_GROUPS_IN_FLIGHT = 2;
const MAX_SINGLES_IN_FLIGHT = 2048;

type Unit = {
  readonly messages: readonly AppendMessage[];
  readonly deadlineMs: number;
  readonly resolve: (sequences: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
};

const isRepeatable = (error: unknown): boolean =>
  isFault(error, 'NATS_TIMEOUT') ||
  isFault(error, 'NATS_NO_RESPONDERS') ||
  isFault(error, 'JS_UNAVAILABLE') ||
  isFault(error, 'JS_BATCH_LIMIT');

export const createAppender = (
  connection: JetStreamConnection,
  stream: string,
  options: AppenderOptions = {},
): Appender => {
  const { deadlineMs = 10_000, pacer = createCommitPacer(), now = () => performance.now() } = options;
  const reader = createStreamReader(connection, stream);
  let queue: Unit[] = [];
  let pending = 0;
  let singlesInFlight = 0;
  let groupsInFlight = 0;
  let isPumpScheduled = false;

  /** After a repeat: the sequences, when what the stream holds last on the subjects is this very append. */
  const storedBefore = async (messages: readonly AppendMessage[]): Promise<readonly number[] | undefined> => {
    const lastOf = new Map(messages.map((message, index) => [message.subject, { id: message.id, index }]));
    for (const [subject, { id, index }] of lastOf) {
      const last = await reader.readLast(subject);
      if (last?.header('Nats-Msg-Id') === id) return messages.map((_, position) => last.sequence - index + position);
    }
    return undefined;
  };

  const attempt = async (messages: readonly AppendMessage[]): Promise<readonly number[]> => {
    const [only] = messages;
    if (messages.length === 1 && only !== undefined) return [await publishOne(connection, only)];
    const last = await publishBatch(connection, messages);
    return messages.map((_, index) => last - messages.length + 1 + index);
  };

  /** Until stored, refused, or out of time. */
  const storeAlone = async (unit: Unit): Promise<readonly number[]> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(unit.messages);
      } catch (error) {
        const isContested = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
        if (isContested) {
          const found = tries > 1 || isFault(error, 'JS_DUPLICATE') ? await storedBefore(unit.messages) : undefined;
          if (found !== undefined) return found;
          throw error;
        }
        if (!isRepeatable(error)) throw error;
        const waitMs = Math.min(1000, 20 * 2 ** tries) * (0.5 + Math.random() / 2);
        if (now() + waitMs >= unit.deadlineMs) {
          throw new Fault('NATS_TIMEOUT', `${stream}: not confirmed within ${deadlineMs} ms; it may have been stored`, {
            cause: error,
          });
        }
        await pause(waitMs);
      }
    }
  };

  const finish = (unit: Unit, work: Promise<readonly number[]>): Promise<void> =>
    work.then(unit.resolve, unit.reject).then(() => {
      pending -= unit.messages.length;
    });

  const sendSingles = (units: readonly Unit[]): void => {
    const startedMs = now();
    let count = 0;
    let open = units.length;
    for (const unit of units) {
      singlesInFlight += 1;
      count += unit.messages.length;
      void finish(unit, storeAlone(unit)).then(() => {
        singlesInFlight -= 1;
        open -= 1;
        if (open === 0) pacer.observe('single', count, now() - startedMs);
        if (queue.length > 0) pump();
      });
    }
  };

  const sendGroup = async (units: readonly Unit[]): Promise<void> => {
    const messages = units.flatMap((unit) => unit.messages);
    const startedMs = now();
    groupsInFlight += 1;
    try {
      const last = await publishBatch(connection, messages);
      pacer.observe('batch', messages.length, now() - startedMs);
      let first = last - messages.length + 1;
      for (const unit of units) {
        const from = first;
        unit.resolve(unit.messages.map((_, index) => from + index));
        first += unit.messages.length;
        pending -= unit.messages.length;
      }
    } catch {
      // Which append was to blame is not said; each finds out for itself, and a group that was stored after all is recognised by its ids.
      await Promise.all(units.map((unit) => finish(unit, storeAlone(unit))));
    } finally {
      groupsInFlight -= 1;
      if (queue.length > 0) pump();
    }
  };

  /**
   * Takes appends off the queue that can go in one batch: of a subject only the first message may carry an expected sequence. The rest
   * waits for the next group, and whatever is of the same subject waits behind it.
   */
  const takeGroup = (): readonly Unit[] => {
    const taken: Unit[] = [];
    const left: Unit[] = [];
    const subjects = new Set<string>();
    const blocked = new Set<string>();
    let count = 0;
    const joins = ({ subject, expectedLastSequence }: AppendMessage): boolean =>
      !blocked.has(subject) && (expectedLastSequence === undefined || !subjects.has(subject));
    for (const unit of queue) {
      const fits = count + unit.messages.length <= MAX_GROUP_MESSAGES || taken.length === 0;
      const isTaken = fits && unit.messages.every(joins);
      (isTaken ? taken : left).push(unit);
      if (isTaken) count += unit.messages.length;
      for (const { subject } of unit.messages) (isTaken ? subjects : blocked).add(subject);
    }
    queue = left;
    return taken;
  };

  const pump = (): void => {
    while (queue.length > 0) {
      if (pacer.choose(queue.length) === 'batch') {
        if (groupsInFlight >= MAX_GROUPS_IN_FLIGHT) return;
        void sendGroup(takeGroup());
      } else {
        // While groups are under way, a short queue waits for company instead of paying for itself.
        if (groupsInFlight > 0 || singlesInFlight >= MAX_SINGLES_IN_FLIGHT) return;
        const units = queue.slice(0, MAX_SINGLES_IN_FLIGHT - singlesInFlight);
        queue = queue.slice(units.length);
        sendSingles(units);
      }
    }
  };

  const schedule = (): void => {
    if (isPumpScheduled) return;
    isPumpScheduled = true;
    setImmediate(() => {
      isPumpScheduled = false;
      pump();
    });
  };

  return {
    get pending() {
      return pending;
    },
    append: (messages) => {
      if (messages.length === 0) return Promise.resolve([]);
      if (messages.length > MAX_BATCH_MESSAGES) {
        const what = `${stream}: expected at most ${MAX_BATCH_MESSAGES} messages in one append, found ${messages.length}`;
        return Promise.reject(new Fault('JS_REFUSED', what, { retry: 'never' }));
      }
      return new Promise((resolve, reject) => {
        pending += messages.length;
        queue.push({ messages, deadlineMs: now() + deadlineMs, resolve, reject });
        schedule();
      });
    },
  };
};
