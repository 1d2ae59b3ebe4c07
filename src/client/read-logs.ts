// What components have printed, out of OPSTREAM_LOGS: the last lines of each replica, in the order in which they were stored, and then what
// comes. Reads the stream and asks no program, so it also works when the operator or the runtime is gone.

import { createFollower } from '../jetstream/follower.ts';
import { createStreamReader, type DirectReader } from '../jetstream/stream-reader.ts';
import { decodeLogMessage, type LoggedLine } from '../messages/component-log.ts';
import type { JetStreamConnection } from '../jetstream/connection.ts';
import type { Names } from '../messages/subjects.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';

/** Absent: all of them. */
export type LogSelection = { readonly operator: string; readonly component?: string; readonly replica?: number };

export type LogEntry = LoggedLine & {
  readonly operator: string;
  readonly component: string;
  readonly replica: number;
  readonly revision: string;
  readonly instance: string;
};

export type ReadLogsOptions = {
  /** How many lines of each replica; `all`: all that are kept. */
  readonly tail: number | 'all';
  /** Only lines that were written then or later; a line without a readable time counts. */
  readonly sinceMs?: number;
  /** Go on with what comes until `signal` aborts. */
  readonly follow?: boolean;
  readonly signal: AbortSignal;
  /** How many replicas have lines at the moment, before the first line; false ends the reading. */
  onFound?(replicas: number): Promise<boolean>;
  onLine(entry: LogEntry): void;
};

const FIRST_SPAN = 256;
const SPAN_FACTOR = 8;

/** Faults: NATS_NO_RESPONDERS (the stream is not there), and those of reading. */
export const readLogs = async (
  connection: JetStreamConnection,
  names: Names,
  selection: LogSelection,
  options: ReadLogsOptions,
): Promise<void> => {
  const { tail, sinceMs = Number.NEGATIVE_INFINITY, follow = false, signal, onLine } = options;
  const { operator, component, replica } = selection;
  const filter = names.logFilter(operator, component, replica);
  const reader = createStreamReader(connection, names.streams.logs);
  const follower = createFollower(connection, names.streams.logs);

  const entriesOf = ({ subject, data }: StoredMessage): readonly LogEntry[] => {
    const place = names.parseLog(subject);
    const message = decodeLogMessage(data);
    if (place === undefined || message === undefined) return [];
    const { instance, revision, lines } = message;
    return lines
      .filter(({ time }) => !(Date.parse(time) < sinceMs))
      .map((line) => ({ ...place, revision, instance, ...line }));
  };

  const lasts = await reader.readSubjects([filter]);
  const end = Math.max(0, ...lasts.map(({ sequence }) => sequence));
  if ((await options.onFound?.(lasts.length)) === false) return;

  if (tail === 'all') {
    if (end > 0) await readTo(end, (message) => entriesOf(message).forEach(onLine));
  } else {
    const parts = await Promise.all(lasts.map((last) => lastLines(reader, last, tail, sinceMs, entriesOf)));
    for (const { entry } of parts.flat().sort((left, right) => left.sequence - right.sequence)) onLine(entry);
  }
  if (!follow) return;
  await follower.follow({
    fromSequence: end + 1,
    filters: [filter],
    signal,
    onBatch: (batch) => {
      for (const message of batch) entriesOf(message).forEach(onLine);
    },
  });

  async function readTo(sequence: number, onMessage: (message: StoredMessage) => void): Promise<void> {
    const done = new AbortController();
    await follower.follow({
      fromSequence: 1,
      filters: [filter],
      signal: AbortSignal.any([signal, done.signal]),
      onEmpty: () => done.abort(),
      onBatch: (batch) => {
        for (const message of batch) if (message.sequence <= sequence) onMessage(message);
        if ((batch.at(-1)?.sequence ?? 0) >= sequence) done.abort();
      },
    });
  }
};

/** The last lines of one subject: ever further back, until there are enough. */
const lastLines = async (
  reader: DirectReader,
  last: StoredMessage,
  tail: number,
  sinceMs: number,
  entriesOf: (message: StoredMessage) => readonly LogEntry[],
): Promise<readonly { readonly sequence: number; readonly entry: LogEntry }[]> => {
  if (tail === 0) return [];
  for (let span = FIRST_SPAN; ; span *= SPAN_FACTOR) {
    const from = Math.max(1, last.sequence - span + 1);
    const read = await reader.readSubject(last.subject, { fromSequence: from });
    const messages = read.filter(({ sequence }) => sequence <= last.sequence);
    const found = messages.flatMap((message) =>
      entriesOf(message).map((entry) => ({ sequence: message.sequence, entry })),
    );
    const isOldEnough = (messages[0]?.timeMs ?? Number.POSITIVE_INFINITY) < sinceMs;
    if (found.length >= tail || isOldEnough || from === 1) return found.slice(-tail);
  }
};
