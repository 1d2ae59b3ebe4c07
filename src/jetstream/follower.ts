// Reads a stream in order from a position that the caller owns: an ephemeral pull consumer without acks (ephemeral-consumer.ts), a standing pull
// request (pulls.ts), a bounded buffer (read-buffer.ts). The library's ordered consumer is half as fast and hangs on some configurations; a push consumer without flow control loses
// messages silently.
//
// States: creating -> reading -> (gap | silence | reconnect | consumer gone) -> creating, from the last message handed over. Order and
// completeness come from the consumer's own delivery sequence: the first number that is not the next one throws the consumer away.

import { isFault } from '../core/fault.ts';
import type { FollowOptions, StreamFollower } from '../engine/ports/streams.ts';
import type { JetStreamConnection } from './connection.ts';
import { openConsumer } from './ephemeral-consumer.ts';
import { pause } from './pause.ts';
import { createReadBuffer } from './read-buffer.ts';

const RETRY_MS = 250;

type Round = 'again' | 'stopped';
/** `failure`: what `onBatch` threw; it ends the follow, because reading on would skip its batch. */
type Cursor = { next: number; isFirst: boolean; isEmptyTold: boolean; failure?: { readonly error: unknown } };

export const createFollower = (connection: JetStreamConnection, stream: string): StreamFollower => {
  const { log } = connection;

  /** The first consumer of a follow may give the last of each subject; those after it go on by sequence. */
  const openFor = async (options: FollowOptions, cursor: Cursor) => {
    const wantsLast = options.lastPerSubject === true && cursor.isFirst;
    const buffer = createReadBuffer();
    const consumer = await openConsumer({
      ...{ connection, stream, buffer, rests: (options.restMs ?? 0) > 0 },
      filters: options.filters ?? (wantsLast ? ['>'] : []),
      from: wantsLast ? 'last of each subject' : cursor.next,
    });
    return { buffer, consumer };
  };

  /** One consumer, from its creation until it has to be made anew. `cursor.next` moves with what was handed over. */
  const readRound = async (options: FollowOptions, cursor: Cursor): Promise<Round> => {
    const { signal, onBatch, maxBatch = 500, restMs = 0 } = options;
    const { buffer, consumer } = await openFor(options, cursor);
    const onAbort = (): void => buffer.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (cursor.isFirst && !cursor.isEmptyTold && consumer.pending === 0) {
        cursor.isEmptyTold = true;
        options.onEmpty?.();
      }
      consumer.pull();
      for (;;) {
        if (signal.aborted) return 'stopped';
        if (buffer.length === 0) {
          if (consumer.isBroken) return 'again';
          await buffer.changed();
          continue;
        }
        const batch = buffer.take(maxBatch);
        const last = batch.at(-1);
        try {
          await onBatch(batch, consumer.pending + buffer.length);
        } catch (error) {
          cursor.failure = { error };
          throw error;
        }
        if (last !== undefined) {
          cursor.next = last.sequence + 1;
          // From here on by sequence, also if the last of each subject are not all read yet: they are all beyond this one.
          cursor.isFirst = false;
        }
        if (restMs > 0 && buffer.length === 0) await pause(restMs, signal);
        consumer.rested();
        consumer.pull();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      consumer.close();
    }
  };

  return {
    follow: async (options) => {
      const cursor: Cursor = { next: Math.max(1, options.fromSequence), isFirst: true, isEmptyTold: false };
      let failures = 0;
      while (!options.signal.aborted) {
        try {
          const before = cursor.next;
          if ((await readRound(options, cursor)) === 'stopped') return;
          failures = cursor.next > before ? 0 : failures + 1;
          log.debug({ stream, fromSequence: cursor.next }, 'consumer is made anew');
        } catch (error) {
          if (cursor.failure !== undefined || !isFault(error)) throw error;
          // A stream that is not there, or a right that is missing, does not come by waiting a little.
          if (error.retry === 'never') throw error;
          failures += 1;
          if (failures === 5) log.warn({ stream, err: error }, 'stream cannot be read');
        }
        if (failures > 0) await pause(Math.min(5000, RETRY_MS * failures), options.signal);
      }
    },
  };
};
