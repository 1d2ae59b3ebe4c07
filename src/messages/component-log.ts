// What OPSTREAM_LOGS holds: each message is a batch of lines of one instance, in the order in which they were read. Written by the
// operator-runtime, read by `opstream logs` and by anybody with a NATS client. A line is in the stream once, whatever ended in between: each
// message says how far the logs of its subject had been read when it was written.

import { decodeJson, encodeJson } from '../core/decode.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';

export type LogOutput = 'stdout' | 'stderr';

/** Characters, not bytes: what is longer is cut. */
export const MAX_LINE_CHARACTERS = 16 * 1024;

export type LoggedLine = {
  /** RFC 3339, UTC: when the line was written where the driver knows that, else when it was read. */
  readonly time: string;
  readonly output: LogOutput;
  /** Without the line break; known secrets are masked. */
  readonly text: string;
  /** How many characters of the line are not in `text`; absent: none. */
  readonly cut?: number;
};

export type LogMessage = {
  /** `<operator>.<component>.<replica>.<revision>` */
  readonly instance: string;
  readonly revision: string;
  readonly replica: number;
  readonly lines: readonly LoggedLine[];
  /** Position of the last line that is in the stream, by instance: of those that had this subject last. Drivers give them their meaning. */
  readonly positions: Readonly<Record<string, string>>;
};

export const encodeLogMessage = (message: LogMessage): Uint8Array => encodeJson(message);

const isLine = (value: unknown): value is LoggedLine & JsonObject =>
  isJsonObject(value as JsonObject) &&
  typeof (value as JsonObject)['time'] === 'string' &&
  typeof (value as JsonObject)['text'] === 'string';

/** Undefined: somebody else's message. */
export const decodeLogMessage = (data: Uint8Array): LogMessage | undefined => {
  const value = decodeJson(data);
  if (!isJsonObject(value)) return undefined;
  const { instance, revision, replica, lines, positions } = value;
  if (typeof instance !== 'string' || typeof revision !== 'string' || typeof replica !== 'number') return undefined;
  if (!Array.isArray(lines) || !lines.every(isLine) || !isJsonObject(positions)) return undefined;
  const known = Object.entries(positions).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return { instance, revision, replica, lines, positions: Object.fromEntries(known) };
};
