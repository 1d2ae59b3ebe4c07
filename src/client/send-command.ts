// One command over request/reply, until its receipt is there. Every attempt carries the same command id, so a lost answer costs a
// second request and never a second event.

import { decodeJson, encodeJson } from '../core/decode.ts';
import { Fault, isFault, type FaultCode } from '../core/fault.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Receipt, Verb } from '../messages/commands.ts';
import { commandHeaders } from '../messages/envelope.ts';
import type { Names } from '../messages/subjects.ts';
import { traceparentOf } from '../messages/trace.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { Requester } from '../engine/ports/services.ts';
import { faultOfFailure } from '../messages/fault-of-failure.ts';
import { nobodyThere } from './nobody-there.ts';
import type { SendOptions } from './types.ts';

const DEADLINE_MS = 15_000;
const ATTEMPT_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** Room for headers and protocol in the largest message that the server takes. */
const HEADER_ROOM_BYTES = 4096;

export type SendTools = {
  readonly names: Names;
  readonly requester: Requester;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly maxPayloadBytes: number;
  readonly signal?: AbortSignal;
};

const ASCII = /^[\x20-\x7e]*$/;

const headersOf = (
  options: SendOptions,
  commandId: string,
  traceparent: string | undefined,
): Record<string, string> => {
  const given: readonly (readonly [string, string | undefined])[] = [
    [commandHeaders.commandId, commandId],
    [commandHeaders.actor, options.actor],
    [commandHeaders.correlationId, options.correlationId],
    [commandHeaders.traceparent, traceparent],
    [commandHeaders.workspace, options.workspace],
    [commandHeaders.dryRun, options.dryRun === true ? 'true' : undefined],
    [commandHeaders.expectedGeneration, options.expectedGeneration?.toString()],
  ];
  const headers: Record<string, string> = {};
  for (const [name, value] of given) {
    if (value === undefined) continue;
    if (!ASCII.test(value)) {
      throw new Fault('CONFIG_INVALID', `header ${name}: expected printable ASCII, found other characters`, {
        retry: 'never',
      });
    }
    headers[name] = value;
  }
  return headers;
};

/** The receipt in a reply. Throws the Fault that the handler answered with, or DOCUMENT_INVALID for what is no receipt. */
export const readReply = (data: Uint8Array): Receipt => {
  const reply = decodeJson(data);
  if (isJsonObject(reply)) {
    if (isJsonObject(reply['failure'])) throw faultOfFailure(reply['failure']);
    if (typeof reply['accepted'] === 'boolean' && Array.isArray(reply['events'])) return reply as unknown as Receipt;
  }
  throw new Fault('DOCUMENT_INVALID', 'the command-handler answered with something that is no receipt', {
    retry: 'never',
  });
};

/** What the caller is told in the end, with the id under which the command may be sent again. */
const explain = (error: unknown, names: Names, subject: string, commandId: string): unknown => {
  if (!isFault(error)) return error;
  const details = { ...error.details, subject, commandId };
  if (error.code === 'NATS_TIMEOUT') {
    const message = `no answer on ${subject} within ${DEADLINE_MS / 1000} s; whether the command was carried out is unknown, and it is safe to send it again under its id ${commandId}`;
    return new Fault('NATS_TIMEOUT', message, { retry: 'later', details, cause: error });
  }
  return nobodyThere(error, names, 'there is no command-handler', details);
};

/** Nobody makes room, starts a process, or restores a stream within the time that a caller waits. */
const NOT_SOON: ReadonlySet<FaultCode> = new Set([
  ...(['NATS_NO_RESPONDERS', 'NATS_UNREACHABLE', 'JS_STORE_FULL'] as const),
  ...(['STREAM_DAMAGED', 'VIEW_DAMAGED', 'DOCUMENT_INVALID'] as const),
]);
const mayWorkLater = (error: unknown): boolean =>
  isFault(error) && error.retry !== 'never' && !NOT_SOON.has(error.code);

const dataOf = (body: Uint8Array | JsonObject, roomBytes: number): Uint8Array => {
  const data = body instanceof Uint8Array ? body : encodeJson(body);
  if (data.byteLength <= roomBytes) return data;
  const [most, found] = [Math.floor(roomBytes / 1024), Math.ceil(data.byteLength / 1024)];
  const message = `expected a command of at most ${most} KiB, found ${found} KiB; split it up`;
  throw new Fault('JS_REFUSED', message, { retry: 'never' });
};

export const sendCommand = async (
  tools: SendTools,
  verb: Verb,
  body: Uint8Array | JsonObject,
  options: SendOptions = {},
): Promise<Receipt> => {
  const { clock, signal } = tools;
  const subject = tools.names.rpc(verb);
  const commandId = options.commandId ?? tools.ids.next();
  const traceparent = options.traceparent ?? traceparentOf(commandId) ?? traceparentOf(tools.ids.next());
  const headers = headersOf(options, commandId, traceparent);
  const data = dataOf(body, tools.maxPayloadBytes - HEADER_ROOM_BYTES);
  const deadlineMs = clock.nowMs() + DEADLINE_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const restMs = deadlineMs - clock.nowMs();
    try {
      const reply = await tools.requester.request(subject, data, {
        headers,
        timeoutMs: Math.max(1, Math.min(ATTEMPT_MS, restMs)),
      });
      return readReply(reply.data);
    } catch (error) {
      const isLast = clock.nowMs() + pauseMs >= deadlineMs || signal?.aborted === true;
      if (isLast || !mayWorkLater(error)) throw explain(error, tools.names, subject, commandId);
    }
    await clock.sleep(pauseMs, signal);
  }
};
