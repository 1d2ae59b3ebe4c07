// The end of one subject of OPSTREAM_LOGS, as this runtime knows it: which message is the last and how far each instance had been read by then.
// Several instances share a subject while a component is rolled. Every append says which message it expects to be the last, so of two
// runtimes, or of an answer that was lost, exactly one append counts; whoever loses looks again and reads on from what is there.

import { isFault } from '../../../core/fault.ts';
import { decodeLogMessage, encodeLogMessage, type LoggedLine } from '../../../messages/component-log.ts';
import type { Appender, StreamReader } from '../../ports/streams.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { parseInstanceId, type InstanceRef } from '../instance-id.ts';

export type LaneTools = {
  readonly appender: Appender;
  readonly reader: Pick<StreamReader, 'readLast'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** `view` changes whenever the stream was found to be other than it was known. */
export type LaneEnd = { readonly position: string | undefined; readonly view: number };

export type LogBatch = InstanceRef & {
  readonly instance: string;
  readonly lines: readonly LoggedLine[];
  /** Of the last line. */
  readonly position: string;
};

export type LogLane = {
  /** Where to read on. Waits while the stream cannot be read. */
  end(instance: string): Promise<LaneEnd>;
  /** `read-again`: nothing was stored by this, or it is not known; ask `end` and read from there. */
  append(batch: LogBatch, view: number): Promise<'stored' | 'read-again'>;
  /** Repeats the positions before the message that holds them is too old to be kept. */
  keep(): void;
};

/** Instances whose positions are carried on: more than are ever wanted of one replica at once. */
const REMEMBERED = 8;
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 15_000;
const KEEP_AFTER_MS = 24 * 3_600_000;

export const createLogLane = (subject: string, tools: LaneTools): LogLane => {
  const { appender, reader, clock, log, signal } = tools;
  let positions: ReadonlyMap<string, string> = new Map();
  let last: { readonly sequence: number; readonly storedMs: number } | undefined;
  let view = 0;
  let isKeeping = false;
  let line: Promise<unknown> = Promise.resolve();

  /** One after the other: each append builds on the one before. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = line.then(work);
    line = done.catch(() => undefined);
    return done;
  };

  /** Until it works or the signal aborts (then undefined); what is no Fault is thrown. */
  const insist = async <T>(attempt: () => Promise<T>): Promise<T | undefined> => {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await attempt();
      } catch (error) {
        const isConflict = isFault(error, 'JS_CONFLICT') || isFault(error, 'JS_DUPLICATE');
        if (!isFault(error) || isConflict) throw error;
        if (failures === 3) log.warn({ subject, err: error }, 'component logs are not stored, trying again');
        await clock.sleep(Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** Math.min(failures, 10)), signal);
      }
    }
    return undefined;
  };

  const look = async (): Promise<void> => {
    const found = await insist(async () => ({ message: await reader.readLast(subject) }));
    if (found === undefined) return;
    const { message } = found;
    const stored = message === undefined ? undefined : decodeLogMessage(message.data);
    // What is known stays known when the message is gone: it was purged, not unread.
    positions = new Map([...positions, ...Object.entries(stored?.positions ?? {})]);
    last = { sequence: message?.sequence ?? 0, storedMs: message?.timeMs ?? clock.nowMs() };
    view += 1;
  };

  const store = async (batch: LogBatch): Promise<'stored' | 'read-again'> => {
    const { instance, revision, replica, lines, position } = batch;
    if (last === undefined) return 'read-again';
    const expectedLastSequence = last.sequence;
    const others = [...positions].filter(([id]) => id !== instance).slice(1 - REMEMBERED);
    const next = new Map([...others, [instance, position]]);
    const data = encodeLogMessage({ instance, revision, replica, lines, positions: Object.fromEntries(next) });
    const id = `${instance}/${position}/${expectedLastSequence}`;
    try {
      const stored = await insist(() => appender.append([{ subject, id, data, expectedLastSequence }]));
      if (stored?.[0] === undefined) return 'read-again';
      last = { sequence: stored[0], storedMs: clock.nowMs() };
      positions = next;
      return 'stored';
    } catch (error) {
      if (!isFault(error)) throw error;
      log.debug({ subject, err: error }, 'logs were stored by another, or before');
      await look();
      return 'read-again';
    }
  };

  return {
    end: (instance) =>
      inTurn(async () => {
        if (last === undefined) await look();
        return { position: positions.get(instance), view };
      }),
    append: (batch, seen) => inTurn(async () => (seen === view ? store(batch) : 'read-again')),
    keep: () => {
      const isOld = (): boolean => last !== undefined && clock.nowMs() - last.storedMs >= KEEP_AFTER_MS;
      if (!isOld() || isKeeping) return;
      isKeeping = true;
      void inTurn(async () => {
        const [instance, position] = [...positions].at(-1) ?? [];
        const ref = parseInstanceId(instance ?? '');
        if (instance !== undefined && position !== undefined && ref !== undefined && isOld())
          await store({ ...ref, instance, position, lines: [] });
      })
        .catch((error: unknown) => log.error({ subject, err: error }, 'positions of component logs not kept'))
        .finally(() => (isKeeping = false));
    },
  };
};
