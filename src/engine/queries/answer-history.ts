// The pages of `history`: events and statuses of one thing, merged by their time, in answers that fit one message. Called by
// answer-query.ts. Within a stream the order is the stream's, whatever the clocks of components say: so a page ends at one place in each
// stream, and nothing comes twice or not at all.

import { decodeJson } from '../../core/decode.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { DEFAULT_PAGE_SIZE, type HistoryAnswer, type HistoryEntry, type HistoryQuery } from '../../messages/queries.ts';
import { EXPECTED_HEADER } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { OwnEvents } from '../../messages/own-events.ts';
import { refOfKind, type Names } from '../../messages/subjects.ts';
import { historyCursor, parseHistoryCursor, type HistoryPosition } from '../../manifest/bodies/query.ts';
import { FRAME_BYTES, sizeOf, tooLarge } from '../../messages/answer-room.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';

type Stream = HistoryEntry['stream'];
type Page = Pick<HistoryAnswer, 'entries' | 'next'>;

const timeOf = (event: JsonObject): string => String(event['time'] ?? '');

type Head = Pick<HistoryEntry, 'sequence' | 'event' | 'setAside' | 'missingBefore'>;
/** What is shown of a stored message. */
type Show = (message: StoredMessage) => Head;

/** What is none of ours is shown as far as it can be, with the time at which it was stored: its own is no more than a claim. */
const showOf = (own: OwnEvents, stream: Stream): Show => {
  const judge = stream === 'events' ? own.event : own.status;
  return (message) => {
    const { sequence } = message;
    const given = judge(message);
    if ('event' in given) return { sequence, event: given.event as unknown as JsonObject };
    const value = decodeJson(message.data);
    const time = new Date(message.timeMs).toISOString();
    return { sequence, event: { ...(isJsonObject(value) ? value : {}), time }, setAside: given.problem };
  };
};

/** By the sequence of a message: of the one that was stored before it and is missing. */
type Gaps = ReadonlyMap<number, number>;

/**
 * What is missing between messages that are there. Limits take the oldest of a subject first, so none of them explains it. `isLost`: whether the
 * subject lacks that message and has an older one; asked for what comes first on a page.
 */
const gapsIn = async (
  messages: readonly StoredMessage[],
  from: number,
  isLost: (subject: string, sequence: number) => Promise<boolean>,
): Promise<Gaps> => {
  const lasts = new Map<string, number>();
  const gaps = new Map<number, number>();
  for (const { sequence, subject, header } of messages) {
    const expected = Number(header(EXPECTED_HEADER) ?? 0);
    const last = lasts.get(subject);
    const isFirst = last === undefined && expected > 0 && from > 1;
    if (isFirst ? await isLost(subject, expected) : last !== undefined && expected > last) gaps.set(sequence, expected);
    lasts.set(subject, sequence);
  }
  return gaps;
};

/** What was read of one stream, to be taken from the front. */
type Lane = {
  readonly stream: Stream;
  head(): Head | undefined;
  drop(): void;
  /** Everything read is taken, and the stream may have more. */
  isCut(): boolean;
  /** Everything is taken, and the stream has no more. */
  isOver(): boolean;
  /** Sequence from which on it is to be read again. */
  position(): number;
};

const laneOf = (
  stream: Stream,
  from: number,
  messages: readonly StoredMessage[],
  isWhole: boolean,
  show: Show,
  gaps: Gaps = new Map(),
): Lane => {
  let next = 0;
  let known: Head | undefined;
  const head = (): Head | undefined => {
    const message = messages[next];
    if (known !== undefined || message === undefined) return known;
    const missingBefore = gaps.get(message.sequence);
    known = { ...show(message), ...(missingBefore === undefined ? {} : { missingBefore }) };
    return known;
  };
  const isTaken = (): boolean => head() === undefined;
  return {
    stream,
    head,
    drop: () => {
      next += 1;
      known = undefined;
    },
    isCut: () => isTaken() && !isWhole,
    isOver: () => isTaken() && isWhole,
    position: () => head()?.sequence ?? (messages.at(-1)?.sequence ?? from - 1) + 1,
  };
};

const isNext = (status: Head | undefined, event: Head | undefined): boolean =>
  status !== undefined && (event === undefined || timeOf(status.event) < timeOf(event.event));

export const createHistory = (options: {
  readonly names: Names;
  readonly events: StreamReader;
  readonly statuses: StreamReader;
  readonly own: OwnEvents;
}) => {
  const { names, own } = options;
  const shows = { events: showOf(own, 'events'), status: showOf(own, 'status') };

  const entryOf = (stream: Stream, head: Head, roomBytes: number): HistoryEntry => {
    const { sequence, event } = head;
    const entry = { stream, ...head };
    const bytes = sizeOf(entry);
    if (bytes <= roomBytes) return entry;
    const { data: _left, ...envelope } = event;
    const where = stream === 'events' ? names.streams.events : names.streams.status;
    const instead = `read it as it is stored: nats stream get ${where} ${sequence}`;
    return { ...entry, event: envelope, error: tooLarge('an entry', bytes, roomBytes, instead) };
  };

  /** By time, as many as there are, may be and fit; ends where a stream would have to be read further to tell what comes next. */
  const merged = (events: Lane, statuses: Lane, limit: number, roomBytes: number): readonly HistoryEntry[] => {
    const entries: HistoryEntry[] = [];
    for (let leftBytes = roomBytes; entries.length < limit && !events.isCut() && !statuses.isCut();) {
      const lane = isNext(statuses.head(), events.head()) ? statuses : events;
      const head = lane.head();
      if (head === undefined) break;
      const entry = entryOf(lane.stream, head, roomBytes);
      leftBytes -= sizeOf(entry) + 1;
      if (leftBytes < 0) break;
      entries.push(entry);
      lane.drop();
    }
    return entries;
  };

  /** The subject of its events, and that of its statuses where anybody reports any. */
  const subjectsOf = ({ type, workspace, name }: HistoryQuery): readonly [string, string | undefined] => {
    const events = names.event(refOfKind(type, workspace, name));
    if (type === 'secret') return [events, undefined];
    const own = names.status({ operator: name, workspace: NO_WORKSPACE, name });
    return [events, type === 'operator' ? own : names.statusOfAny(workspace, name)];
  };

  /** The first status that is not older than `time`. */
  const statusSince = async (subject: string, time: string): Promise<number> => {
    for (let fromSequence = 1; ;) {
      const messages = await options.statuses.readSubject(subject, { fromSequence, limit: 500, maxBytes: 4_000_000 });
      const found = messages.find((message) => timeOf(shows.status(message).event) >= time);
      const last = messages.at(-1);
      if (found !== undefined) return found.sequence;
      if (last === undefined) return fromSequence;
      fromSequence = last.sequence + 1;
    }
  };

  const isLost = async (subject: string, sequence: number): Promise<boolean> => {
    const [next] = await options.statuses.readSubject(subject, { fromSequence: sequence, limit: 1 });
    if (next?.sequence === sequence) return false;
    const [first] = await options.statuses.readSubject(subject, { limit: 1 });
    return first !== undefined && first.sequence < sequence;
  };

  const startOf = async (
    query: HistoryQuery,
    eventSubject: string,
    statusSubject: string | undefined,
  ): Promise<HistoryPosition> => {
    const known = query.cursor === undefined ? undefined : parseHistoryCursor(query.cursor);
    if (known !== undefined) return known;
    const fromSequence = Math.max(1, query.fromSequence ?? 1);
    if (fromSequence === 1 || statusSubject === undefined) return { event: fromSequence, status: 1 };
    const [first] = await options.events.readSubject(eventSubject, { fromSequence, limit: 1 });
    const event = first === undefined ? undefined : shows.events(first).event;
    // Nothing has happened since then.
    if (event === undefined) return { event: fromSequence, status: Number.MAX_SAFE_INTEGER };
    return { event: fromSequence, status: await statusSince(statusSubject, timeOf(event)) };
  };

  return {
    /** At most `roomBytes` as it is sent. Undefined: nothing was ever stored under that name. */
    page: async (query: HistoryQuery, roomBytes: number): Promise<Page | undefined> => {
      const { limit = DEFAULT_PAGE_SIZE } = query;
      const [eventSubject, statusSubject] = subjectsOf(query);
      const start = await startOf(query, eventSubject, statusSubject);
      const laneFrom = async (stream: Stream, reader: StreamReader, subject: string | undefined, from: number) => {
        if (subject === undefined) return laneOf(stream, from, [], true, shows[stream]);
        // One more than the page takes: so it is seen whether there is more.
        const bounds = { fromSequence: from, limit: limit + 1, maxBytes: roomBytes };
        const messages = await reader.readSubject(subject, bounds);
        const readBytes = messages.reduce((sum, { data }) => sum + data.byteLength, 0);
        const isWhole = messages.length <= limit && readBytes < roomBytes;
        // Of OPSTREAM_EVENTS nothing is read when something is missing.
        const gaps = stream === 'events' ? undefined : await gapsIn(messages, from, isLost);
        return laneOf(stream, from, messages, isWhole, shows[stream], gaps);
      };
      const [events, statuses] = await Promise.all([
        laneFrom('events', options.events, eventSubject, start.event),
        laneFrom('status', options.statuses, statusSubject, start.status),
      ]);
      if (query.cursor === undefined && start.event === 1 && events.isOver()) return undefined;
      const entries = merged(events, statuses, limit, roomBytes - FRAME_BYTES);
      if (events.isOver() && statuses.isOver()) return { entries };
      return { entries, next: historyCursor({ event: events.position(), status: statuses.position() }) };
    },
  };
};
