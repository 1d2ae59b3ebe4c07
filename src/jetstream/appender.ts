// Writes one stream: appends that wait at the same time are sent one by one, pipelined, or as one atomic batch, whichever the pacer has
// measured to be cheaper. One append never makes another fail: when a group is refused, each of its appends is tried on its own.
//
// Life of an append: queued -> in a group or alone -> stored | refused | unanswered -> (pause) -> queued again, alone, with the same ids,
// until its deadline, or until it is called off (store-surely.ts). A conflict or a duplicate may be our own earlier attempt: a single server and a
// cluster answer a repeated append differently.

import { Fault } from '../core/fault.ts';
import type { Appender } from '../engine/ports/streams.ts';
import { createAppendQueue, type Unit } from './append-queue.ts';
import { createAppendsInFlight } from './appends-in-flight.ts';
import { createCallOffs } from './call-offs.ts';
import { createCommitPacer, TRIAL_SINGLES, type CommitPacer, type CommitWay } from './commit-pacer.ts';
import type { JetStreamConnection } from './connection.ts';
import { calledOff } from './faults.ts';
import { findOwnAppend } from './own-append.ts';
import { pause } from './pause.ts';
import { assertHeaderValue } from './raw-headers.ts';
import { assertSubject } from './reply-slots.ts';
import { createServiceMeter } from './service-meter.ts';
import { storePauseMs, storeSurely } from './store-surely.ts';
import { ATTEMPT_TIMEOUT_MS, MAX_BATCH_MESSAGES } from './stored-write.ts';

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

  /** The next attempt, on its own. Does not settle when it is called off, or runs out of time, before it is sent: its caller knows by then. */
  const tryAlone = (unit: Unit): Promise<number> =>
    new Promise((resolve, reject) => {
      unit.onAnswer = (result) => (typeof result === 'number' ? resolve(result) : reject(result));
      alone.push(unit);
      schedule();
    });

  const recover = async (unit: Unit, earlier: Fault): Promise<void> => {
    try {
      const first = await storeSurely({
        what: stream,
        write: () => tryAlone(unit),
        findOwn: () => findOwnAppend(connection, stream, unit.messages),
        isCalledOff: () => unit.isOver,
        endMs: unit.deadlineMs,
        outOfTime: (cause) => {
          const what = `${stream}: not confirmed within ${deadlineMs} ms; it may have been stored; repeat it with the same ids`;
          return new Fault('NATS_TIMEOUT', what, { cause, details: { tries: unit.failures, last: cause.code } });
        },
        attempts: unit,
        earlier,
      });
      succeed(unit, first);
    } catch (error) {
      refuse(unit, error);
    }
  };

  const onAlone = (unit: Unit, result: number | Fault): void => {
    if (!unit.isOver) {
      if (unit.onAnswer !== undefined) unit.onAnswer(result);
      else if (typeof result === 'number') succeed(unit, result);
      else void recover(unit, result);
    }
    schedule();
  };

  const onGroup = (units: readonly Unit[], result: number | Fault): void => {
    if (typeof result === 'number') {
      let first = result;
      for (const unit of units) {
        succeed(unit, first);
        first += unit.messages.length;
      }
    } else if (result.code === 'JS_BATCH_LIMIT') {
      // Nothing was wrong with the group itself.
      for (const unit of units) unit.failures += 1;
      void pause(storePauseMs(units[0]?.failures ?? 1)).then(() => {
        queue.putBack(units.filter(({ isOver }) => !isOver));
        schedule();
      });
    }
    // Which append was to blame is not said; each finds out for itself, and one that was stored after all is recognised by its ids.
    else for (const unit of units) if (!unit.isOver) alone.push(unit);
    schedule();
  };

  const inFlight = createAppendsInFlight({
    connection,
    meter,
    maxSingles,
    maxBatches,
    attemptTimeoutMs,
    onAlone,
    onGroup,
  });
  const sendGroup = (units: readonly Unit[]): void => {
    const [only] = units;
    if (only !== undefined && units.length === 1) inFlight.sendAlone(only);
    else inFlight.sendGroup(units);
  };

  const pumpAlone = (): void => {
    for (let unit = alone.first(); unit !== undefined && inFlight.sendAlone(unit); unit = alone.first()) alone.shift();
  };
  const pumpSeveral = (): void => {
    while (several.length > 0 && inFlight.hasRoomForBatch) sendGroup(several.takeGroup(maxGroup));
  };

  /** False: nothing more can be sent now. */
  const sendSingles = (most: number): boolean => {
    for (let sent = 0; sent < most; sent += 1) {
      const unit = queue.first();
      if (unit === undefined) return false;
      if (unit.messages.length > 1) several.push(unit);
      else if (!inFlight.sendAlone(unit)) return false;
      queue.shift();
    }
    return true;
  };

  /** One step of the queue. False: nothing more can be sent now. */
  const pumpQueue = (): boolean => {
    const waiting = queue.messageCount;
    if (waiting === 0) return false;
    // While groups are under way, a short queue waits for company instead of paying for itself.
    if (inFlight.groups > 0 && (inFlight.groups >= maxBatches || waiting < pacer.breakEven)) return false;
    plan ??= { way: pacer.choose(waiting), most: pacer.isTrial ? TRIAL_SINGLES : maxSingles };
    const { way, most } = plan;
    // Singles and groups are not under way together: neither could be measured.
    const mayGroup = inFlight.singles === 0 && inFlight.hasRoomForBatch;
    if (way === 'batch' ? !mayGroup : inFlight.groups > 0) return false;
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
        const bounds = { deadlineMs: now() + deadlineMs, signal, failures: 0, isOver: false };
        const unit: Unit = { messages, resolve, reject, ...bounds, onAnswer: undefined };
        if (signal !== undefined) callOffs.add(signal, unit);
        queue.push(unit);
        schedule();
      });
    },
    close,
  };
};
