// Reads a stream that has limits (OPSTREAM_STATUS, OPSTREAM_OUTCOMES) and tells what is unreadable from what is not there: "none" is said only
// after the leader's index was asked. What a limit has removed is not there; what is missing and no limit explains may be the very thing that
// is asked for, so then "none" is a fault as well. Where limits remove from the middle of the stream, a loss cannot be told from them.

import { Fault } from '../core/fault.ts';
import { unexplainedIn } from '../core/stream-holes.ts';
import type { StoredMessage, StreamReader } from '../engine/ports/streams.ts';
import { askInfo, createNoneConfirmer } from './confirm-none.ts';
import { readFromLeader, repeatRead } from './leader-read.ts';
import { createStreamReader } from './stream-reader.ts';
import type { JetStreamConnection } from './connection.ts';

type Connection = Pick<JetStreamConnection, 'slots'>;

/** Even when what is missing may be anything: who asks for what can be read goes on. */
const incomplete = (stream: string, what: string): Fault =>
  new Fault(
    'STREAM_DAMAGED',
    `${stream}: ${what}, and none of its limits explains that; \`opstream doctor\` says more`,
    {
      details: { stream, extent: 'asked' },
    },
  );

const confirmerOf = (connection: Connection, stream: string) =>
  createNoneConfirmer(connection, stream, {
    stateOf: async (subject) => {
      const { config, state } = await askInfo(connection, stream, subject);
      const missing = unexplainedIn(config, state);
      // What the index knows is not lost.
      if (missing !== undefined && Object.keys(state.subjects ?? {}).length === 0) throw incomplete(stream, missing);
      return state;
    },
    unreadable: (what) => incomplete(stream, what),
  });

/** Faults: STREAM_DAMAGED, and those of createStreamReader. */
export const createLimitedStreamReader = (connection: Connection, stream: string): StreamReader => {
  const reader = createStreamReader(connection, stream);
  const confirmNone = confirmerOf(connection, stream);
  return {
    readSubject: (subject, options = {}) =>
      repeatRead(async () => {
        const found = await reader.readSubject(subject, options);
        if (found.length === 0) await confirmNone(subject, options.fromSequence);
        return found;
      }),
    readLast: (subject) =>
      repeatRead(async () => {
        const found = await reader.readLast(subject);
        if (found === undefined) await confirmNone(subject);
        return found;
      }),
    lastSequence: () => reader.lastSequence(),
  };
};

/** The last message of a subject as the leader has it: for who must know everything that was ever acknowledged. Faults as above. */
export const createLeaderReader = (
  connection: Connection,
  stream: string,
): { readLast(subject: string): Promise<StoredMessage | undefined> } => {
  const confirmNone = confirmerOf(connection, stream);
  return {
    readLast: (subject) =>
      repeatRead(async () => {
        const last = await readFromLeader(connection, stream, { last_by_subj: subject });
        if (last !== undefined) return { subject, timeMs: 0, ...last };
        await confirmNone(subject);
        return undefined;
      }),
  };
};
