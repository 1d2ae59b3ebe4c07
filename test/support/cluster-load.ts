// Load for a cluster that is being killed: publishes to one stream from several writers, each message again with the same id until it is
// acknowledged, and remembers what was. So what is lost, doubled or changed afterwards is known message by message.

import { createHash } from 'node:crypto';
import { headers } from 'nats';
import { connectNats } from '../../src/jetstream/connection.ts';
import { isFault } from '../../src/core/fault.ts';
import { pause } from '../../src/jetstream/pause.ts';
import { bytes, textOf } from './jetstream.ts';
import { silentLog } from './silent-log.ts';

export type Load = {
  /** Sequence by id of each message that the server has acknowledged. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Ends the writers; resolves when the last message of each is acknowledged. */
  stop(): Promise<void>;
};

const WRITERS = 32;
const TIMEOUT_MS = 2000;
const RETRY_MS = 50;

/** 800 bytes that say which message it is; text that packs to about half, as events do. */
export const bodyOf = (id: string): string =>
  [1, 2, 3, 4, 5, 6].map((part) => createHash('sha512').update(`${id} ${part}`).digest('hex')).join('') + id;

export const startLoad = async (url: string, subject: string): Promise<Load> => {
  const connection = await connectNats({ url, name: 'test-load', log: silentLog });
  const acknowledged = new Map<string, number>();
  const stopping = new AbortController();
  const store = async (id: string): Promise<number> => {
    for (;;) {
      const messageHeaders = headers();
      messageHeaders.set('Nats-Msg-Id', id);
      try {
        const options = { headers: messageHeaders, timeoutMs: TIMEOUT_MS };
        const { data } = await connection.slots.request(subject, bytes(bodyOf(id)), options);
        const { seq, error } = JSON.parse(textOf(data)) as { readonly seq?: number; readonly error?: { code: number } };
        if (seq !== undefined && seq > 0 && error === undefined) return seq;
      } catch (error) {
        if (!isFault(error)) throw error;
      }
      await pause(RETRY_MS);
    }
  };
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 1; !stopping.signal.aborted; count += 1) {
      const id = `w${writer}-${count}`;
      acknowledged.set(id, await store(id));
    }
  });
  return {
    acknowledged,
    stop: async () => {
      stopping.abort();
      await Promise.all(writers);
      await connection.close();
    },
  };
};
