// What a backup writes down of each message, so that a restored stream can be held against it: one line a message, in stream order,
// `<sequence> <digest> <until>`. The digest is over all that is stored of the message. `until` is when the server may have dropped it by
// itself, in milliseconds since 1970: `-` never, `*` at any time (it has a time to live of its own).

import { createHash } from 'node:crypto';
import type { WholeMessage } from '../../jetstream/stream-contents.ts';

const NANOS = 1_000_000;
const MAX_TOLD = 5;

export const digestOf = ({ sequence, subject, time, headers, data }: WholeMessage): string =>
  createHash('sha256')
    .update(`${JSON.stringify([sequence, subject, time, headers])}\n`)
    .update(data)
    .digest('hex')
    .slice(0, 40);

const untilOf = ({ headers, timeMs }: WholeMessage, maxAgeNanos: number): string => {
  if (headers.some(([name]) => name === 'Nats-TTL')) return '*';
  return maxAgeNanos > 0 ? String(timeMs + Math.floor(maxAgeNanos / NANOS)) : '-';
};

/** `maxAgeNanos` of the stream; 0: none. */
export const digestLine = (message: WholeMessage, maxAgeNanos: number): string =>
  `${message.sequence} ${digestOf(message)} ${untilOf(message, maxAgeNanos)}`;

export type Comparison = {
  /** Messages that were read and are as they were. */
  readonly equal: number;
  /** Written down, and dropped since by the stream's own limits. */
  readonly expired: number;
  readonly differences: number;
  /** The first few, in words. */
  readonly told: readonly string[];
};

type Line = { readonly sequence: number; readonly digest: string; readonly until: string };

const parsed = (text: string): Line => {
  const [sequence = '', digest = '', until = '-'] = text.split(' ');
  return { sequence: Number(sequence), digest, until };
};

/** Reads all of both. `nowMs`: by when messages may have expired. */
export const compareDigests = async (
  lines: AsyncIterable<string>,
  messages: AsyncIterable<WholeMessage>,
  nowMs: number,
): Promise<Comparison> => {
  const told: string[] = [];
  let [equal, expired, differences] = [0, 0, 0];
  const tell = (text: string): void => {
    differences += 1;
    if (told.length < MAX_TOLD) told.push(text);
  };
  const absent = ({ sequence, until }: Line): void => {
    if (until === '*' || (until !== '-' && Number(until) <= nowMs)) expired += 1;
    else tell(`message ${sequence} is missing`);
  };
  const source = lines[Symbol.asyncIterator]();
  const next = async (): Promise<Line | undefined> => {
    const { done, value } = await source.next();
    return done === true ? undefined : parsed(value);
  };
  let line = await next();
  for await (const message of messages) {
    while (line !== undefined && line.sequence < message.sequence) {
      absent(line);
      line = await next();
    }
    if (line?.sequence !== message.sequence) {
      tell(`message ${message.sequence} was not there before`);
      continue;
    }
    if (line.digest === digestOf(message)) equal += 1;
    else tell(`message ${message.sequence} differs`);
    line = await next();
  }
  for (; line !== undefined; line = await next()) absent(line);
  return { equal, expired, differences, told };
};
