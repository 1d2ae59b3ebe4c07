// Where the stream of a channel stands and how far its consumers have taken one of its subjects: what the operator-runtime looks at before it
// sends a command again (engine/dispatch/debt.ts says what the fields mean).

import type { JetStreamConnection } from './connection.ts';
import { faultOfApi, type ApiError } from './faults.ts';

type Position = { readonly firstSequence: number; readonly lastSequence: number; readonly takenTo?: number };

type ConsumerInfo = {
  readonly config: {
    readonly ack_policy?: string;
    readonly filter_subject?: string;
    readonly filter_subjects?: readonly string[];
  };
  readonly ack_floor?: { readonly stream_seq?: number };
  readonly num_ack_pending?: number;
  readonly num_pending?: number;
};
type StreamState = { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
type Answer = {
  readonly error?: ApiError;
  readonly state?: StreamState;
  readonly consumers?: readonly ConsumerInfo[] | null;
  readonly total?: number;
};

/** A stream has a handful; more than this are not looked at. */
const MAX_CONSUMERS = 2000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Undefined: there is no such stream. */
const ask = async (connection: JetStreamConnection, subject: string, body: object): Promise<Answer | undefined> => {
  const message = await connection.slots.request(subject, encoder.encode(JSON.stringify(body)));
  const answer = JSON.parse(decoder.decode(message.data)) as Answer;
  if (answer.error === undefined) return answer;
  const fault = faultOfApi(answer.error, subject);
  if (fault.code === 'JS_NOT_FOUND') return undefined;
  throw fault;
};

export const filterMatches = (filter: string, subject: string): boolean => {
  const tokens = subject.split('.');
  const wanted = filter.split('.');
  const rest = wanted.indexOf('>');
  if (rest >= 0)
    return tokens.length > rest && wanted.slice(0, rest).every((one, at) => one === '*' || one === tokens[at]);
  return wanted.length === tokens.length && wanted.every((one, at) => one === '*' || one === tokens[at]);
};

const takes = ({ config }: ConsumerInfo, subject: string): boolean => {
  if (config.ack_policy === undefined || config.ack_policy === 'none') return false;
  const one = config.filter_subject === undefined || config.filter_subject === '' ? [] : [config.filter_subject];
  const filters = config.filter_subjects ?? one;
  return filters.length === 0 || filters.some((filter) => filterMatches(filter, subject));
};

/** The floor stands still while only other subjects come. */
const takenBy = ({ ack_floor, num_ack_pending, num_pending }: ConsumerInfo, lastSequence: number): number =>
  num_ack_pending === 0 && num_pending === 0 ? lastSequence : (ack_floor?.stream_seq ?? 0);

/** Undefined: there is no such stream. Faults: NATS_TIMEOUT, JS_UNAVAILABLE, JS_REFUSED. */
export const readChannelPosition = async (
  connection: JetStreamConnection,
  stream: string,
  subject: string,
): Promise<Position | undefined> => {
  // The stream first: what comes in between is then not taken for taken.
  const state = (await ask(connection, `$JS.API.STREAM.INFO.${stream}`, {}))?.state;
  if (state === undefined) return undefined;
  const found: ConsumerInfo[] = [];
  while (found.length < MAX_CONSUMERS) {
    const page = await ask(connection, `$JS.API.CONSUMER.LIST.${stream}`, { offset: found.length });
    const consumers = page?.consumers ?? [];
    found.push(...consumers);
    if (consumers.length === 0 || found.length >= (page?.total ?? 0)) break;
  }
  const position = {
    firstSequence: state.messages === 0 ? state.last_seq + 1 : state.first_seq,
    lastSequence: state.last_seq,
  };
  const taking = found.filter((consumer) => takes(consumer, subject));
  if (taking.length === 0) return position;
  return { ...position, takenTo: Math.max(...taking.map((consumer) => takenBy(consumer, state.last_seq))) };
};
