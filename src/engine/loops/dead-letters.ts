// What could not be processed is kept with its reason in OPSTREAM_DEAD (P9). The id of a dead letter comes from where the message
// was, so setting the same message aside twice keeps one.

import { encodeJson, decodeText } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import type { Names } from '../../messages/subjects.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { Appender, StoredMessage } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { Metrics } from '../ports/metrics.ts';

export type DeadLetters = (
  origin: { readonly source: string; readonly stream: string; readonly code: string; readonly reason: string },
  message: StoredMessage,
) => Promise<void>;

const MAX_KEPT_BYTES = 512 * 1024;

export const createDeadLetters =
  (names: Names, appender: Appender, clock: Clock): DeadLetters =>
  async ({ source, stream, code, reason }, message) => {
    const kept = message.data.subarray(0, MAX_KEPT_BYTES);
    const text = decodeText(kept);
    const letter = {
      source,
      stream,
      sequence: message.sequence,
      subject: message.subject,
      code,
      reason,
      time: new Date(clock.nowMs()).toISOString(),
      isTruncated: kept.length < message.data.length,
      ...(text === undefined ? { dataBase64: toBase64(kept) } : { data: text }),
    };
    const id = `dead-${source}-${stream}-${message.sequence}`;
    try {
      await appender.append([{ subject: names.dead(source), id, data: encodeJson(letter) }]);
    } catch (error) {
      if (!isFault(error, 'JS_DUPLICATE')) throw error;
    }
  };

/** Counts those that were kept. */
export const countedDeadLetters =
  (deadLetters: DeadLetters, metrics: Metrics): DeadLetters =>
  async (origin, message) => {
    await deadLetters(origin, message);
    metrics.counter(metricCatalogue.deadLetters, origin.source, origin.code).add();
  };

const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
