// Reads a stream from which nothing is ever removed (OPSTREAM_EVENTS), and tells what is unreadable from what never was. A server that cannot read
// a block answers a direct get as if there were no such message. So "none" is said only when the stream has no hole and its index, asked of
// the leader, knows nothing of the subject either. Everything else costs one STREAM.INFO every CHECK_MS, asked beside the read.
//
// What a server has forgotten at the end of a stream, index and all, looks like an older stream that was restored: the views find that out.

import { Fault } from '../core/fault.ts';
import { holeInState, streamDamaged, unreadableIn, type StreamState } from '../core/stream-holes.ts';
import type { WholeReader } from '../engine/ports/server.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import { askInfo, createNoneConfirmer } from './confirm-none.ts';
import { createKnownSubjects } from './known-subjects.ts';
import { readFromLeader, repeatRead } from './leader-read.ts';
import { createStreamReader, type DirectReader } from './stream-reader.ts';
import type { JetStreamConnection } from './connection.ts';

/** A hole is noticed by those who find something after at most so long, and after each reconnect at once; by those who find nothing, always. */
const CHECK_MS = 5000;

export type WholeStreamReader = DirectReader & WholeReader;

/** Faults: STREAM_DAMAGED, and those of createStreamReader. */
export const createWholeStreamReader = (
  connection: Pick<JetStreamConnection, 'slots' | 'reconnects'>,
  stream: string,
): WholeStreamReader => {
  const reader = createStreamReader(connection, stream, { isWhole: true });
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  /** A server that comes back may have found on its disk that it has lost something. */
  let checkedAfterReconnects = -1;
  let checking: Promise<void> | undefined;
  let isReplicated = false;

  /** The state of a stream without holes. */
  const wholeState = (subject?: string): Promise<StreamState> =>
    repeatRead(async () => {
      const { config, state } = await askInfo(connection, stream, subject);
      isReplicated = Number(config['num_replicas'] ?? 1) > 1;
      const hole = holeInState(state);
      if (hole !== undefined) throw streamDamaged(stream, hole);
      return state;
    });

  const checkWhole = (): Promise<void> | undefined => {
    const { reconnects } = connection;
    if (checkedAfterReconnects === reconnects && performance.now() - checkedAtMs < CHECK_MS) return undefined;
    checking ??= wholeState()
      .then(() => {
        checkedAtMs = performance.now();
        checkedAfterReconnects = reconnects;
      })
      .finally(() => {
        checking = undefined;
      });
    return checking;
  };

  const checked = async <T>(read: () => Promise<T>): Promise<T> => {
    const [found] = await Promise.all([read(), checkWhole()]);
    return found;
  };

  const confirmNone = createNoneConfirmer(connection, stream, {
    stateOf: wholeState,
    unreadable: (what) => unreadableIn(stream, what),
  });

  /** `read`, again while a replica that is behind says that there is nothing. */
  const readOrNone = <T>(
    subject: string,
    read: () => Promise<T>,
    isNone: (found: T) => boolean,
    fromSequence?: number,
  ): Promise<T> =>
    repeatRead(async () => {
      const found = await checked(read);
      if (isNone(found)) await confirmNone(subject, fromSequence);
      return found;
    });

  return {
    readSubject: (subject, options = {}) =>
      readOrNone(
        subject,
        (): Promise<readonly StoredMessage[]> => reader.readSubject(subject, options),
        ({ length }) => length === 0,
        options.fromSequence,
      ),
    readLast: (subject) =>
      readOrNone(
        subject,
        () => reader.readLast(subject),
        (found) => found === undefined,
      ),
    readBySequence: async (sequence) => {
      const found = await checked(() => reader.readBySequence(sequence));
      if (found !== undefined) return found;
      const { last_seq: last = 0 } = await wholeState();
      if (last < sequence) return undefined;
      if ((await readFromLeader(connection, stream, { seq: sequence })) !== undefined)
        throw new Fault('JS_UNAVAILABLE', `${stream}: a replica does not have #${sequence} yet`);
      throw unreadableIn(stream, `#${sequence} cannot be read`);
    },
    readSubjects: (subjects, options) => checked(() => reader.readSubjects(subjects, options)),
    lastSequence: () => reader.lastSequence(),
    checkWhole,
    subjects: createKnownSubjects(connection, stream),
    lastOnLeader: (subject) =>
      isReplicated
        ? readFromLeader(connection, stream, { last_by_subj: subject }).then((last) => last?.sequence ?? 0)
        : undefined,
  };
};
