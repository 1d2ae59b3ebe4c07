// What is missing of a stream though none of its limits has taken it: for doctor and verify, which only tell it. Most limits take from the
// beginning, so a hole behind it was made by somebody, or by a disk. A limit for each subject takes from the middle, but of a subject only what
// is older than all that is left of it: behind the oldest message of every subject that is at the limit, it explains nothing.

import { readFromLeader, type Asker } from './leader-read.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { removesInside, type StreamState } from '../core/stream-holes.ts';

const READ_TIMEOUT_MS = 10_000;
/** Listed by the server in one message. */
const MAX_HOLES = 50_000;
/** Each of them costs a question. */
const MAX_FULL_SUBJECTS = 500;
const NO_LIMIT = 0;

export type StreamGaps = {
  readonly missing: number;
  /** Sequence of the first of them; absent: there are too many to list. */
  readonly first?: number;
};

type State = StreamState & { readonly num_deleted?: number; readonly deleted?: readonly number[] | null };
type Info = {
  readonly error?: ApiError;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly state?: State;
  readonly total?: number;
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const infoOf = async ({ slots }: Asker, stream: string, body: object): Promise<Info> => {
  const data = encoder.encode(JSON.stringify(body));
  const reply = await slots.request(`$JS.API.STREAM.INFO.${stream}`, data, { timeoutMs: READ_TIMEOUT_MS });
  const info = JSON.parse(decoder.decode(reply.data)) as Info;
  if (info.error !== undefined) throw faultOfApi(info.error, stream);
  return info;
};

/** Subjects with `limit` messages or more; undefined: more than can be looked at. */
const fullSubjects = async (
  connection: Asker,
  stream: string,
  limit: number,
): Promise<readonly string[] | undefined> => {
  const full: string[] = [];
  for (let offset = 0; ;) {
    const { state, total = 0 } = await infoOf(connection, stream, { subjects_filter: '>', offset });
    const page = Object.entries(state?.subjects ?? {});
    for (const [subject, count] of page) if (count >= limit) full.push(subject);
    offset += page.length;
    if (full.length > MAX_FULL_SUBJECTS) return undefined;
    if (page.length === 0 || offset >= total) return full;
  }
};

/** Up to there a limit for each subject may have taken anything; undefined: that cannot be told. */
const explainedUpTo = async (connection: Asker, stream: string, limit: number): Promise<number | undefined> => {
  if (limit === NO_LIMIT) return 0;
  const subjects = await fullSubjects(connection, stream, limit);
  if (subjects === undefined) return undefined;
  let upTo = 0;
  for (const subject of subjects) {
    const first = await readFromLeader(connection, stream, { seq: 1, next_by_subj: subject });
    upTo = Math.max(upTo, first?.sequence ?? Number.POSITIVE_INFINITY);
  }
  return upTo;
};

const limitOf = (perSubject: unknown): number =>
  typeof perSubject === 'number' && perSubject > 0 ? perSubject : NO_LIMIT;

/** Undefined: nothing that could be told from what limits have taken. Faults: JS_NOT_FOUND, NATS_TIMEOUT, JS_UNAVAILABLE. */
export const findGaps = async (connection: Asker, stream: string): Promise<StreamGaps | undefined> => {
  const { config = {}, state: counted } = await infoOf(connection, stream, {});
  const { max_msgs_per_subject: perSubject, ...rest } = config;
  const limit = limitOf(perSubject);
  const missing = counted?.num_deleted ?? 0;
  // With one message for each subject, the last of the stream is one that is at the limit.
  if (missing === 0 || limit === 1 || removesInside(rest)) return undefined;
  if (missing > MAX_HOLES) return limit === NO_LIMIT ? { missing } : undefined;
  // The list first: what is taken meanwhile is explained by what is looked at afterwards.
  const { state } = await infoOf(connection, stream, { deleted_details: true });
  const upTo = await explainedUpTo(connection, stream, limit);
  const holes = (state?.deleted ?? []).filter((sequence) => upTo !== undefined && sequence > upTo);
  const [first] = holes;
  return first === undefined ? undefined : { missing: holes.length, first };
};

/** As a sentence without its end. */
export const gapsText = ({ missing, first }: StreamGaps): string => {
  const where = first === undefined ? '' : `, the first of them #${first}`;
  return `${missing} ${missing === 1 ? 'message is' : 'messages are'} missing${where}, and no limit that the stream has explains it: somebody removed them, or a disk lost them`;
};
