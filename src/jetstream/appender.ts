// Writes one stream: appends that wait at the same time are sent one by one, pipelined, or as one atomic batch, whichever the pacer has
// measured to be cheaper. One append never makes another fail: when a group is refused, each of its appends is tried on its own.
//
// Life of an append: queued -> in a group or alone -> stored | refused | unanswered -> (pause) -> queued again, alone, with the same ids,
// until its deadline, or until it is called off. A conflict or a duplicate may be our own earlier attempt, here or in a process that crashed: the stream is
// looked at before it is believed (a single server and a cluster answer a repeated append differently).

import { Fault, isFault } from '../core/fault.ts';
import type { Appender, AppendMessage } from '../engine/ports/streams.ts';
import { createAppendQueue, type Unit } from './append-queue.ts';
import { createCallOffs } from './call-offs.ts';
import { createCommitPacer, TRIAL_SINGLES, type CommitPacer, type CommitWay } from './commit-pacer.ts';
import type { JetStreamConnection } from './connection.ts';
import { calledOff, isRepeatable } from './faults.ts';
import { findOwnAppend } from './own-append.ts';
import { pause } from './pause.ts';
import { assertHeaderValue } from './raw-headers.ts';
import { assertSubject } from './reply-slots.ts';
import { createServiceMeter } from './service-meter.ts';
import { ATTEMPT_TIMEOUT_MS, MAX_BATCH_MESSAGES, publishBatch, publishOne } from './stored-write.ts';

export type AppenderOptions = {
  /** Time for all attempts of one append. Default 10 000 ms. */
  readonly deadlineMs?: number;
  /** Time for one attempt. Default 2000 ms, a batch twice that. */
  readonly attemptTimeoutMs?: number;
  /** Batches under way at once. Default 4; the server allows 50 for a stream, over all writers. */
  readonly maxBatches?: number;
  /** Single messages under way at once. Default 1024. */
  readonly maxSingles?: number;
  /** Messages of one group. Default 512. */
  readonly maxGroup?: number;
  readonly pacer?: CommitPacer;
};

export type StreamAppender = Appender & {
  /** Refuses new appends and waits for those under way. The number of messages still not settled after `timeoutMs` (default 10 000). */
  close(timeoutMs?: number): Promise<number>;
};

const CLOSE_MS = 10_000;
const EXPIRE_MS = 250;

/** Growing, jittered: 10 ms to 1 s. */
const backOffMs = (failures: number): number => Math.min(1000, 10 * 2 ** failures) * (0.5 + Math.random() / 2);

export const createAppender = (
  connection: JetStreamConnection,
  stream: string,
  options: AppenderOptions = {},
): StreamAppender => {
  const { deadlineMs = 10_000, attemptTimeoutMs = ATTEMPT_TIMEOUT_MS, maxBatches = 4 } = options;
  const { maxSingles = 1024, maxGroup = 512, pacer = createCommitPacer() } = options;
  const now = (): number => performance.now();
  const meter = createServiceMeter(pacer, now);
  const queue = createAppendQueue();
  /** Appends to be tried on their own, because a group with them failed or an attempt was not answered. */
  const alone = createAppendQueue();
  /** Appends of several messages while single messages are sent one by one: they need a batch, and share it with their like. */
  const several = createAppendQueue();
  let pending = 0;
  let batchesInFlight = 0;
  /** Those of the batches that hold several appends. */
  let groupsInFlight = 0;
  /** What the pacer chose, until it can be done. */
  let plan: { readonly way: CommitWay; readonly most: number } | undefined;
  let isPumpScheduled = false;
  let isClosed = false;
  let expiry: NodeJS.Timeout | undefined;
  let onIdle: (() => void) | undefined;

  const waitingCount = (): number => queue.length + alone.length + several.length;

  const callOffs = createCallOffs<Unit>((units) => {
    for (const unit of units) refuse(unit, calledOff(stream));
    for (const lane of [queue, alone, several]) lane.takeWhere(({ isOver }) => isOver);
  });

  /** False: it was called off before. */
  const settle = (unit: Unit): boolean => {
    if (unit.isOver) return false;
    unit.isOver = true;
    if (unit.signal !== undefined) callOffs.remove(unit.signal, unit);
    pending -= unit.messages.length;
    if (pending === 0) onIdle?.();
    return true;
  };
  const succeed = (unit: Unit, first: number): void => {
    if (!settle(unit)) return;
    unit.resolve(unit.messages.length === 1 ? [first] : unit.messages.map((_, index) => first + index));
  };
  const refuse = (unit: Unit, error: unknown): void => {
    if (settle(unit)) unit.reject(error);
  };

  const tryAgainAlone = async (unit: Unit, cause: Fault): Promise<void> => {
    const waitMs = backOffMs(unit.failures);
    if (now() + waitMs >= unit.deadlineMs) {
      const what = `${stream}: not confirmed within ${deadlineMs} ms; it may have been stored; repeat it with the same ids`;
      refuse(unit, new Fault('NATS_TIMEOUT', what, { cause, details: { tries: unit.failures, last: cause.code } }));
      return;
    }
    await pause(waitMs);
    if (!unit.isOver) alone.push(unit);
    schedule();
  };

  /** After an attempt on its own. */
  const recover = async (unit: Unit, fault: Fault): Promise<void> => {
    if (unit.isOver) return;
    try {
      unit.failures += 1;
      if (isRepeatable(fault)) return await tryAgainAlone(unit, fault);
      const isContested = isFault(fault, 'JS_CONFLICT') || isFault(fault, 'JS_DUPLICATE');
      const first = isContested ? await findOwnAppend(connection, stream, unit.messages) : undefined;
      if (first === undefined) refuse(unit, fault);
      else succeed(unit, first);
    } catch (error) {
      refuse(unit, error);
    }
  };

  const sendSingle = (unit: Unit, message: AppendMessage): void => {
    meter.singleSent();
    const answer = (result: number | Fault): void => {
      const isStored = typeof result === 'number';
      meter.singleSettled(isStored);
      if (isStored) succeed(unit, result);
      else void recover(unit, result);
      schedule();
    };
    publishOne(connection, message, answer, attemptTimeoutMs);
  };

  const sendBatch = (units: readonly Unit[], onFailed: (fault: Fault) => void): void => {
    const messages = units.length === 1 ? (units[0]?.messages ?? []) : units.flatMap((unit) => unit.messages);
    const measured = meter.batchSent(messages.length);
    const groups = units.length > 1 ? 1 : 0;
    batchesInFlight += 1;
    groupsInFlight += groups;
    const answer = (result: number | Fault): void => {
      batchesInFlight -= 1;
      groupsInFlight -= groups;
      measured(typeof result === 'number');
      if (typeof result === 'number') {
        let first = result - messages.length + 1;
        for (const unit of units) {
          succeed(unit, first);
          first += unit.messages.length;
        }
      } else onFailed(result);
      schedule();
    };
    publishBatch(connection, messages, answer, attemptTimeoutMs * 2);
  };

  /** One message as a publish, several as their own batch. False: not now. */
  const sendAlone = (unit: Unit): boolean => {
    const [only] = unit.messages;
    const isSingle = unit.messages.length === 1 && only !== undefined;
    if (isSingle ? meter.inFlight >= maxSingles : batchesInFlight >= maxBatches) return false;
    if (isSingle) sendSingle(unit, only);
    else sendBatch([unit], (fault) => void recover(unit, fault));
    return true;
  };

  const sendGroup = (units: readonly Unit[]): void => {
    const [only] = units;
    if (only !== undefined && units.length === 1) {
      sendAlone(only);
      return;
    }
    sendBatch(units, (fault) => {
      if (fault.code === 'JS_BATCH_LIMIT') {
        // Nothing was wrong with the group itself.
        for (const unit of units) unit.failures += 1;
        void pause(backOffMs(only?.failures ?? 1)).then(() => {
          queue.putBack(units.filter(({ isOver }) => !isOver));
          schedule();
        });
        return;
      }
      // Which append was to blame is not said; each finds out for itself, and one that was stored after all is recognised by its ids.
      for (const unit of units) if (!unit.isOver) alone.push(unit);
    });
  };

  const pumpAlone = (): void => {
    for (let unit = alone.first(); unit !== undefined && sendAlone(unit); unit = alone.first()) alone.shift();
  };
  const pumpSeveral = (): void => {
    while (several.length > 0 && batchesInFlight < maxBatches) sendGroup(several.takeGroup(maxGroup));
  };

  /** False: nothing more can be sent now. */
  const sendSingles = (most: number): boolean => {
    for (let sent = 0; sent < most; sent += 1) {
      const unit = queue.first();
      if (unit === undefined) return false;
      if (unit.messages.length > 1) several.push(unit);
      else if (!sendAlone(unit)) return false;
      queue.shift();
    }
    return true;
  };

  /** One step of the queue. False: nothing more can be sent now. */
  const pumpQueue = (): boolean => {
    const waiting = queue.messageCount;
    if (waiting === 0) return false;
    // While groups are under way, a short queue waits for company instead of paying for itself.
    if (groupsInFlight > 0 && (groupsInFlight >= maxBatches || waiting < pacer.breakEven)) return false;
    plan ??= { way: pacer.choose(waiting), most: pacer.isTrial ? TRIAL_SINGLES : maxSingles };
    const { way, most } = plan;
    // Singles and groups are not under way together: neither could be measured.
    const mayGroup = meter.inFlight === 0 && batchesInFlight < maxBatches;
    if (way === 'batch' ? !mayGroup : groupsInFlight > 0) return false;
    plan = undefined;
    if (way === 'single') return sendSingles(most);
    sendGroup(queue.takeGroup(maxGroup));
    return true;
  };

  const pump = (): void => {
    isPumpScheduled = false;
    if (connection.isUp) {
      pumpAlone();
      while (pumpQueue());
      pumpSeveral();
    }
    expireLater();
  };

  /** Once in a turn of the event loop, so that what is asked for in one turn can go together. */
  function schedule(): void {
    if (isPumpScheduled || waitingCount() === 0) return;
    isPumpScheduled = true;
    setImmediate(pump);
  }

  /** What cannot be sent must still meet its deadline. */
  function expireLater(): void {
    if (expiry !== undefined || waitingCount() === 0) return;
    expiry = setTimeout(() => {
      expiry = undefined;
      const nowMs = now();
      for (const unit of [queue, alone, several].flatMap((lane) =>
        lane.takeWhere((unit) => unit.deadlineMs <= nowMs),
      )) {
        const what = `${stream}: not sent within ${deadlineMs} ms: ${connection.isUp ? 'too much waits' : 'no connection'}`;
        refuse(unit, new Fault('NATS_TIMEOUT', what, { details: { tries: unit.failures } }));
      }
      schedule();
    }, EXPIRE_MS);
  }

  const forgetListener = connection.onReconnect(schedule);

  const close = async (timeoutMs = CLOSE_MS): Promise<number> => {
    isClosed = true;
    const stop = new AbortController();
    const idle = new Promise<void>((resolve) => {
      onIdle = resolve;
    });
    if (pending > 0) await Promise.race([idle, pause(timeoutMs, stop.signal)]);
    stop.abort();
    forgetListener();
    forgetClose();
    return pending;
  };
  const forgetClose = connection.onClose(() => close());

  return {
    get pending() {
      return pending;
    },
    append: (messages, { signal } = {}) => {
      if (messages.length === 0) return Promise.resolve([]);
      if (messages.length > MAX_BATCH_MESSAGES) {
        const what = `${stream}: expected at most ${MAX_BATCH_MESSAGES} messages in one append, found ${messages.length}; split it`;
        return Promise.reject(new Fault('JS_REFUSED', what, { retry: 'never' }));
      }
      if (isClosed) return Promise.reject(new Fault('NATS_UNREACHABLE', `${stream}: the appender is closed`));
      if (signal?.aborted) return Promise.reject(calledOff(stream));
      return new Promise((resolve, reject) => {
        for (const { subject, id } of messages) {
          assertSubject(subject);
          assertHeaderValue(id);
        }
        pending += messages.length;
        const unit = { messages, deadlineMs: now() + deadlineMs, resolve, reject, failures: 0, signal, isOver: false };
        if (signal !== undefined) callOffs.add(signal, unit);
        queue.push(unit);
        schedule();
      });
    },
    close,
  };
};
