// Removes one message from a stream and writes over what the disk holds of it, for what should never have been stored.

import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';

const TIMEOUT_MS = 5000;
const NO_MESSAGE = 10037;

type Answer = { readonly error?: ApiError };

/** Resolves when the message is gone, also when it was gone before. Faults: NATS_TIMEOUT, JS_UNAVAILABLE, JS_REFUSED (the stream denies it). */
export const createEraser =
  (connection: JetStreamConnection, stream: string) =>
  async (sequence: number): Promise<void> => {
    const call = async (verb: string, body: object): Promise<Answer> => {
      const data = new TextEncoder().encode(JSON.stringify(body));
      const subject = `$JS.API.STREAM.MSG.${verb}.${stream}`;
      const reply = await connection.slots.request(subject, data, { timeoutMs: TIMEOUT_MS });
      return JSON.parse(new TextDecoder().decode(reply.data)) as Answer;
    };
    const { error } = await call('DELETE', { seq: sequence, no_erase: false });
    if (error === undefined) return;
    const found = await call('GET', { seq: sequence });
    if (found.error?.err_code !== NO_MESSAGE) throw faultOfApi(error, `message ${sequence} of ${stream}`);
  };
