// Which subjects of a stream have messages, as far as its index tells, known without a question for each: a Bloom filter of all of them, made when
// it is first asked for and anew after each reconnect. A server that cannot read the messages of a subject takes an append that expects none; its
// index knows better. So whoever would take a thing for new looks here first. Called by whole-stream.ts.
//
// Surprising: what another process stores on a new subject is not in it. Such a subject was written since this server came up, and an append
// finds out about it.

import type { KnownSubjects } from '../engine/ports/server.ts';
import { fnv1a } from '../messages/subjects.ts';
import { readSubjectNames } from './leader-read.ts';
import type { JetStreamConnection } from './connection.ts';

/** With that many for each subject, and four of them set, one of 400 is taken for known by mistake: it is read, and nothing else happens. */
const BITS_PER_SUBJECT = 16;
const HASHES = 4;
/** Room for those that come. When it is used up, the filter is made anew. */
const MIN_ROOM = 65_536;
const RETRY_MS = 1000;

type Filter = { readonly bits: Uint8Array; room: number; readonly reconnects: number };

const eachBit = ({ bits }: Filter, subject: string, visit: (byte: number, mask: number) => boolean): boolean => {
  const size = bits.length * 8;
  const [first, second] = [fnv1a(subject), fnv1a(`${subject}.`) | 1];
  for (let index = 0; index < HASHES; index += 1) {
    const bit = (first + index * (second >>> 0)) % size;
    if (!visit(bit >>> 3, 1 << (bit & 7))) return false;
  }
  return true;
};

const put = (filter: Filter, subject: string): void => {
  filter.room -= 1;
  eachBit(filter, subject, (byte, mask) => {
    filter.bits[byte] = (filter.bits[byte] ?? 0) | mask;
    return true;
  });
};

export const createKnownSubjects = (
  connection: Pick<JetStreamConnection, 'slots' | 'reconnects'>,
  stream: string,
  nowMs: () => number = () => performance.now(),
): KnownSubjects => {
  let filter: Filter | undefined;
  let isLoading = false;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  /** Stored while the subjects are being read. */
  let added: string[] = [];

  const load = async (): Promise<void> => {
    const { reconnects } = connection;
    try {
      const subjects = (await readSubjectNames(connection, stream, '>', Number.POSITIVE_INFINITY)) ?? [];
      const room = Math.max(MIN_ROOM, subjects.length);
      const bits = new Uint8Array(Math.ceil(((subjects.length + room) * BITS_PER_SUBJECT) / 8));
      const made: Filter = { bits, room: room + subjects.length, reconnects };
      for (const subject of subjects) put(made, subject);
      for (const subject of added) put(made, subject);
      filter = made;
    } catch {
      // Asked again soon; until then everything may be there.
    } finally {
      added = [];
      isLoading = false;
    }
  };

  const isCurrent = (known: Filter | undefined): known is Filter =>
    known !== undefined && known.reconnects === connection.reconnects && known.room > 0;

  return {
    mayHave: (subject) => {
      const known = filter;
      if (isCurrent(known)) return eachBit(known, subject, (byte, mask) => ((known.bits[byte] ?? 0) & mask) !== 0);
      if (!isLoading && nowMs() - triedAtMs >= RETRY_MS) {
        isLoading = true;
        triedAtMs = nowMs();
        void load();
      }
      return true;
    },
    add: (subject) => {
      if (isLoading) added.push(subject);
      if (filter !== undefined) put(filter, subject);
    },
  };
};
