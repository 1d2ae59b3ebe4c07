// What the suite sees go by: every status of the operator as it was stored, every command on the channel, every acknowledgement. Checks
// look into these lists; they only grow.

import { decodeJson } from '../core/decode.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { StoredMessage } from '../engine/ports/streams.ts';
import type { JetStreamConnection } from '../jetstream/connection.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createSubscriber } from '../jetstream/subscriber.ts';
import {
  COMMAND_TYPE,
  STATUS_TYPE,
  type EntityAnswer,
  type EntityCommand,
  type StatusEvent,
} from '../messages/entity.ts';
import type { NatsApi } from '../messages/manifest-types.ts';
import { decodeStatusEvent } from '../messages/stored-event.ts';
import type { Names } from '../messages/subjects.ts';

/** `event` undefined: `problem` says what is wrong with it. */
export type SeenStatus = {
  readonly sequence: number;
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly raw: JsonValue | undefined;
  readonly event?: StatusEvent;
  readonly problem?: string;
  /** By the operator-runtime, about a release. */
  readonly isOwn: boolean;
};

/** `sequence`: in the stream of the channel. */
export type SeenAck = { readonly kind: string; readonly sequence: number };

export type Witness = {
  readonly statuses: readonly SeenStatus[];
  readonly commands: readonly EntityCommand[];
  readonly acks: readonly SeenAck[];
  readonly answers: readonly EntityAnswer[];
  /** Called with each acknowledgement, at once. */
  onAck: ((ack: SeenAck) => void) | undefined;
  stop(): Promise<void>;
};

const decoder = new TextDecoder();

const toSeen = (names: Names, { sequence, subject, data, header }: StoredMessage): SeenStatus => {
  const raw = decodeJson(data);
  const decoded = decodeStatusEvent(data);
  const isOwn = isJsonObject(raw) && raw['source'] === `/${names.prefix}/operator-runtime`;
  const base = { sequence, subject, messageId: header('Nats-Msg-Id'), raw, isOwn };
  if ('problem' in decoded) return { ...base, problem: decoded.problem };
  if (decoded.event.type !== STATUS_TYPE) return { ...base, problem: `type is ${decoded.event.type}` };
  return { ...base, event: decoded.event };
};

/** The kind and the stream sequence of `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>…`, or of its longer form. */
const ackIn = (subject: string, data: Uint8Array): SeenAck => {
  const tokens = subject.split('.');
  const kind = decoder.decode(data).split(' ')[0] ?? '';
  return { kind: kind === '' ? '+ACK' : kind, sequence: Number(tokens[tokens.length >= 11 ? 7 : 5]) };
};

export const openWitness = async (options: {
  readonly connection: JetStreamConnection;
  readonly names: Names;
  readonly operator: string;
  readonly api: NatsApi;
}): Promise<Witness> => {
  const { connection, names, operator, api } = options;
  const statuses: SeenStatus[] = [];
  const commands: EntityCommand[] = [];
  const acks: SeenAck[] = [];
  const answers: EntityAnswer[] = [];
  const stopping = new AbortController();
  const subscriber = createSubscriber(connection);
  const known = new Set<string>();
  const take = (data: Uint8Array): void => {
    const value = decodeJson(data);
    if (!isJsonObject(value) || value['type'] !== COMMAND_TYPE || !isJsonObject(value['data'])) return;
    const command = value as unknown as EntityCommand;
    if (known.has(command.id)) return;
    known.add(command.id);
    commands.push(command);
  };
  const witness: { onAck: ((ack: SeenAck) => void) | undefined } = { onAck: undefined };

  const subscriptions = await Promise.all([
    subscriber.subscribe(api.command.subject, 'contract-suite', ({ data }) => take(data)),
    subscriber.subscribe(`$JS.ACK.${api.command.stream}.>`, 'contract-suite', ({ subject, data }) => {
      const ack = ackIn(subject, data);
      acks.push(ack);
      witness.onAck?.(ack);
    }),
    subscriber.subscribe(api.query.replySubject, 'contract-suite', ({ data }) => {
      const value = decodeJson(data);
      if (isJsonObject(value)) answers.push(value as unknown as EntityAnswer);
    }),
  ]);
  const following = createFollower(connection, names.streams.status).follow({
    fromSequence: 1,
    filters: [`${names.prefix}.status.*.${operator}.*.*`],
    signal: stopping.signal,
    onBatch: (batch) => {
      for (const message of batch) if (message.subject.split('.')[4] !== '_') statuses.push(toSeen(names, message));
    },
  });
  // A command that is sent while this connection is away is in the stream alone. A work queue gives it to nobody but its component: then what was
  // heard is all there is.
  const reading = createFollower(connection, api.command.stream).follow({
    fromSequence: 1,
    filters: [api.command.subject],
    signal: stopping.signal,
    onBatch: (batch) => {
      for (const { data } of batch) take(data);
    },
  });
  // Both end only with `stop`, or with the connection.
  for (const one of [following, reading]) one.catch(() => undefined);
  return Object.assign(witness, {
    statuses,
    commands,
    acks,
    answers,
    stop: async () => {
      stopping.abort();
      await Promise.allSettled([following, reading, ...subscriptions.map((one) => one.stop())]);
    },
  });
};
