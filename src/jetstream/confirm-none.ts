// Proves that there is nothing, when a read has found nothing: a server answers a get of what it cannot read, and a replica that is behind a get
// of what it does not have yet, as if it never was. The index, asked of the leader, knows better. Called by whole-stream.ts and
// limited-stream.ts; costs a request or two, and only when nothing was found.

import { Fault } from '../core/fault.ts';
import type { StreamState } from '../core/stream-holes.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { readFromLeader } from './leader-read.ts';
import type { JetStreamConnection } from './connection.ts';

const READ_TIMEOUT_MS = 3000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Connection = Pick<JetStreamConnection, 'slots'>;
type Info = {
  readonly error?: ApiError;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly state?: StreamState;
};

export type StreamInfo = { readonly config: Readonly<Record<string, unknown>>; readonly state: StreamState };

/** One question to the leader; with `subject`, the state counts its messages. Faults: JS_NOT_FOUND, JS_UNAVAILABLE, NATS_TIMEOUT. */
export const askInfo = async ({ slots }: Connection, stream: string, subject?: string): Promise<StreamInfo> => {
  const body = encoder.encode(JSON.stringify(subject === undefined ? {} : { subjects_filter: subject }));
  const reply = await slots.request(`$JS.API.STREAM.INFO.${stream}`, body, { timeoutMs: READ_TIMEOUT_MS });
  const { error, config = {}, state } = JSON.parse(decoder.decode(reply.data)) as Info;
  if (error !== undefined || state === undefined) throw faultOfApi(error ?? { code: 500 }, stream);
  return { config, state };
};

/**
 * Resolves when `subject` has no message from `fromSequence` on. `stateOf` gives the state of a stream that can be believed, and `unreadable` the
 * fault of what cannot be read. Faults: JS_UNAVAILABLE (a replica is behind: read again), that of `unreadable`, those of `stateOf`.
 */
export const createNoneConfirmer = (
  connection: Connection,
  stream: string,
  options: {
    stateOf(subject: string): Promise<StreamState>;
    unreadable(what: string): Fault;
  },
) => {
  const behind = (what: string): Fault => new Fault('JS_UNAVAILABLE', `${stream}: a replica does not have ${what} yet`);

  /** 0: the index knows none. */
  const countOf = async (subject: string): Promise<number> =>
    Object.values((await options.stateOf(subject)).subjects ?? {}).reduce((sum, count) => sum + count, 0);

  const confirmNever = async (subject: string): Promise<void> => {
    const count = await countOf(subject);
    if (count === 0) return;
    if ((await readFromLeader(connection, stream, { last_by_subj: subject })) !== undefined)
      throw behind(`the messages of ${subject}`);
    // A limit may have removed it between the two questions.
    if ((await countOf(subject)) === 0) return;
    throw options.unreadable(`none of the ${count} messages of ${subject} can be read`);
  };

  /** Behind what is known there may be nothing more. */
  const confirmNoMore = async (subject: string, fromSequence: number): Promise<void> => {
    const last = await readFromLeader(connection, stream, { last_by_subj: subject });
    if (last === undefined) {
      if ((await countOf(subject)) === 0) return;
      throw options.unreadable(`the last message of ${subject} cannot be read`);
    }
    if (last.sequence < fromSequence) return;
    const next = await readFromLeader(connection, stream, { seq: fromSequence, next_by_subj: subject });
    if (next !== undefined) throw behind(`#${next.sequence} of ${subject}`);
    throw options.unreadable(`#${last.sequence} of ${subject} cannot be read`);
  };

  return (subject: string, fromSequence = 1): Promise<void> =>
    fromSequence > 1 ? confirmNoMore(subject, fromSequence) : confirmNever(subject);
};
