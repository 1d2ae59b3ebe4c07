// Streams and buckets of operators on the server: who made one, whether it is empty, whether somebody uses it, and its removal. Asked of the
// leader. A bucket is only called empty when every message that the server counts was read and is a marker. Called by the command-handler
// when the deletion of an operator ends, and by the operator-runtime afterwards.

import { Fault } from '../core/fault.ts';
import type { OperatorStorage, StorageFacts, StorageRef } from '../engine/ports/storage.ts';
import { isMarker } from '../messages/view-documents.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import type { JetStreamConnection } from './connection.ts';
import { repeatRead } from './leader-read.ts';
import { OWNER } from './provision.ts';
import { STATE_BUCKET_DESCRIPTION } from './state-bucket.ts';
import { streamInfo, wholeMessages, type StreamInfo } from './stream-contents.ts';

const TIMEOUT_MS = 10_000;

type ConsumerInfo = {
  readonly push_bound?: boolean;
  readonly num_waiting?: number;
  readonly num_pending?: number;
  readonly num_ack_pending?: number;
};
type Answer = {
  readonly error?: ApiError;
  readonly consumers?: readonly ConsumerInfo[] | null;
  readonly total?: number;
};

const streamOf = ({ kind, name }: StorageRef): string => (kind === 'stream' ? name : `KV_${name}`);

const isAtWork = ({ push_bound, num_waiting = 0, num_pending = 0, num_ack_pending = 0 }: ConsumerInfo): boolean =>
  push_bound === true || num_waiting + num_pending + num_ack_pending > 0;

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

export const createOperatorStorage = (connection: JetStreamConnection, prefix: string): OperatorStorage => {
  const ask = async (subject: string, body: object): Promise<Answer> => {
    const data = new TextEncoder().encode(JSON.stringify(body));
    const reply = await connection.slots.request(subject, data, { timeoutMs: TIMEOUT_MS });
    return JSON.parse(new TextDecoder().decode(reply.data)) as Answer;
  };

  const isUsed = (stream: string): Promise<boolean> =>
    repeatRead(async () => {
      for (let offset = 0; ;) {
        const { error, consumers, total = 0 } = await ask(`$JS.API.CONSUMER.LIST.${stream}`, { offset });
        if (error !== undefined) throw faultOfApi(error, `consumers of ${stream}`);
        const page = consumers ?? [];
        if (page.some(isAtWork)) return true;
        offset += page.length;
        if (page.length === 0 || offset >= total) return false;
      }
    });

  const hasOnlyMarkers = async (stream: string, { state }: StreamInfo): Promise<boolean> => {
    let read = 0;
    for await (const { headers } of wholeMessages(connection, stream)) {
      const values = new Map(headers.map(([name, [value]]) => [name, value]));
      if (!isMarker({ header: (name) => values.get(name) })) return false;
      read += 1;
    }
    if (read >= state.messages) return true;
    const message = `stream ${stream}: the server counts ${state.messages} messages, and ${read} can be read`;
    throw new Fault('STREAM_DAMAGED', message, { retry: 'later', details: { stream, extent: 'asked' } });
  };

  const isOurs = ({ kind, name }: StorageRef, { config }: StreamInfo): boolean => {
    if (kind === 'stream') return (config['metadata'] as Record<string, unknown> | undefined)?.[OWNER] === prefix;
    return config['description'] === STATE_BUCKET_DESCRIPTION && name.startsWith(`${prefix}-state-`);
  };

  return {
    look: async (ref): Promise<StorageFacts | undefined> => {
      const stream = streamOf(ref);
      const info = await streamInfo(connection, stream);
      if (info === undefined) return undefined;
      const { messages } = info.state;
      const subjects = textsOf(info.config['subjects']).filter(
        (subject) => ref.kind === 'stream' || subject !== `$KV.${ref.name}.>`,
      );
      const own = isOurs(ref, info);
      // What is not ours stays whatever is in it.
      const isEmpty = messages === 0 || (own && ref.kind === 'bucket' && (await hasOnlyMarkers(stream, info)));
      return { isOurs: own, subjects, messages, isEmpty, isUsed: own && isEmpty && (await isUsed(stream)) };
    },
    remove: async (ref) => {
      const stream = streamOf(ref);
      const { error } = await ask(`$JS.API.STREAM.DELETE.${stream}`, {});
      if (error === undefined) return;
      const fault = faultOfApi(error, `removing ${ref.kind} ${ref.name}`);
      if (fault.code !== 'JS_NOT_FOUND') throw fault;
    },
  };
};
