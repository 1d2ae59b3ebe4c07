// Observed state where everybody reads it: the last message of an entity's subject in OPSTREAM_STATUS is its status. A put is an
// append that names the last message it knows, so that two components cannot overwrite each other unseen; what was read or
// written last is cached.

import { encodeJson } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { Appender, Clock, IdSource, StoredMessage, StreamFollower, StreamReader } from '../engine/ports.ts';
import { STATUS_TYPE, type EntityKey, type EntityStatus, type StatusEvent } from '../messages/entity.ts';
import { schemaUri, type Provenance } from '../messages/envelope.ts';
import { decodeStatusEvent } from '../messages/stored-event.ts';
import { refKey, resourceRef, type Names } from '../messages/subjects.ts';
import { createPacked, type Bytes } from './packed.ts';
import type { EntityStatusStore } from './types.ts';

/** `sequence` 0: no status was ever stored. `status` undefined with a sequence: what is stored cannot be read. */
type Last = {
  readonly sequence: number;
  readonly status: EntityStatus | undefined;
  readonly fence: number;
  readonly id: string;
  readonly timeMs: number;
};

const NONE: Last = { sequence: 0, status: undefined, fence: 0, id: '', timeMs: 0 };

const lastFrom = ({ sequence, data, timeMs }: Bytes): Last => {
  const decoded = decodeStatusEvent(data);
  if ('problem' in decoded || decoded.event.type !== STATUS_TYPE) return { ...NONE, sequence, timeMs };
  const { fence, ...status } = decoded.event.data;
  return { sequence, status, fence, id: decoded.event.id, timeMs };
};

export type StreamStatusStoreOptions = {
  readonly names: Names;
  readonly appender: Appender;
  readonly reader: StreamReader;
  /**
   * With both, the last statuses of the operator are read once at the start of a term, so that an entity without a status is known
   * to have none without asking the server.
   */
  readonly follower?: StreamFollower;
  readonly operator?: string;
  readonly clock: Clock;
  readonly ids: IdSource;
};

export const splitKey = (key: EntityKey): { readonly workspace: string; readonly name: string } => {
  const dot = key.indexOf('.');
  return { workspace: key.slice(0, dot), name: key.slice(dot + 1) };
};

export const createStreamStatusStore = (options: StreamStatusStoreOptions): EntityStatusStore => {
  const { names, appender, reader, follower, operator, clock, ids } = options;
  const recent = createPacked<Last>(lastFrom);
  /** Every entity with a status, when that is known: the ends of the subjects, `<operator>.<workspace>.<name>`. */
  let reported: Set<string> | undefined;

  const remembered = (place: string, message: StoredMessage | undefined): Last => {
    const last = message === undefined ? NONE : lastFrom(message);
    recent.set(place, last, message);
    return last;
  };

  const load = async (signal: AbortSignal): Promise<void> => {
    const start = `${names.prefix}.status.`;
    recent.clear();
    reported = undefined;
    if (follower === undefined || operator === undefined) return;
    const found = new Set<string>();
    const caughtUp = new AbortController();
    await follower.follow({
      fromSequence: 1,
      filters: [`${start}*.${operator}.>`],
      lastPerSubject: true,
      signal: AbortSignal.any([signal, caughtUp.signal]),
      onEmpty: () => caughtUp.abort(),
      onBatch: (batch, pending) => {
        for (const message of batch) {
          const place = message.subject.slice(start.length + '00.'.length);
          found.add(place);
          recent.set(place, lastFrom(message), message);
        }
        if (pending === 0) caughtUp.abort();
      },
    });
    if (!signal.aborted) reported = found;
  };

  const placeOf = (key: EntityKey, operator: string): string => `${operator}.${key}`;

  const subjectOf = (key: EntityKey, operator: string): string => names.status({ operator, ...splitKey(key) });

  const lastOf = async (key: EntityKey, owner: string): Promise<Last> => {
    const place = placeOf(key, owner);
    const cached = recent.get(place);
    if (cached !== undefined) return cached;
    if (owner === operator && reported !== undefined && !reported.has(place)) return NONE;
    const message = await reader.readLast(subjectOf(key, owner));
    // A put that was confirmed while this read was under way is newer.
    const meanwhile = recent.get(place);
    if (meanwhile !== undefined && meanwhile.sequence >= (message?.sequence ?? 0)) return meanwhile;
    return remembered(place, message);
  };

  const eventOf = (status: EntityStatus, fence: number, provenance: Provenance | undefined): StatusEvent => {
    const id = ids.next();
    const { workspace, name } = splitKey(status.key);
    return {
      specversion: '1.0',
      id,
      source: `/${names.prefix}/component/${status.operator}`,
      type: STATUS_TYPE,
      subject: refKey(resourceRef(workspace, name)),
      time: new Date(clock.nowMs()).toISOString(),
      datacontenttype: 'application/json',
      dataschema: schemaUri(STATUS_TYPE),
      ...(provenance ?? {
        correlationid: id,
        causationid: id,
        commandid: id,
        actor: `component:${status.operator}`,
      }),
      generation: status.observedGeneration,
      data: { ...status, fence },
    };
  };

  return {
    open: load,
    get: async (key, owner) => (await lastOf(key, owner)).status,
    storedAtMs: async (key, owner) => {
      const { sequence, timeMs } = await lastOf(key, owner);
      return sequence === 0 ? undefined : timeMs;
    },
    put: async (status, fence, provenance) => {
      const place = placeOf(status.key, status.operator);
      const subject = subjectOf(status.key, status.operator);
      const last = await lastOf(status.key, status.operator);
      const event = eventOf(status, fence, provenance);
      const data = encodeJson(event);
      const remember = (sequence: number): void => {
        reported?.add(place);
        const timeMs = clock.nowMs();
        recent.set(place, { sequence, status, fence, id: event.id, timeMs }, { data, sequence, timeMs });
      };
      try {
        const [sequence = 0] = await appender.append([
          { subject, id: event.id, data, expectedLastSequence: last.sequence },
        ]);
        remember(sequence);
      } catch (error) {
        recent.delete(place);
        if (!isFault(error, 'JS_CONFLICT') && !isFault(error, 'JS_DUPLICATE')) throw error;
        const message = await reader.readLast(subject);
        const found = message === undefined ? NONE : lastFrom(message);
        // The answer to an earlier attempt of this very append was lost.
        if (found.id === event.id) {
          remember(found.sequence);
          return;
        }
        reported?.add(place);
        recent.set(place, found, message);
        throw new Fault(
          'JS_CONFLICT',
          found.fence > fence
            ? `${status.key}: a component with a newer lease reports on it (fence ${found.fence}, ours ${fence})`
            : `${status.key}: another component reported on it in between; read its status and decide again`,
          { details: { key: status.key, fence, foundFence: found.fence, foundSequence: found.sequence }, cause: error },
        );
      }
    },
  };
};
