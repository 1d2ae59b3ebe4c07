// Observed state where everybody reads it: the last message of an entity's subject in OPSTREAM_STATUS is its status. A put is an
// append that names the last message it knows, so that two components cannot overwrite each other unseen; what was read or
// written last is cached.

import { decodeText, encodeText } from '../core/decode.ts';
import { Fault, isFault } from '../core/fault.ts';
import type { Appender, StoredMessage, StreamFollower, StreamReader } from '../engine/ports/streams.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import { STATUS_TYPE, type EntityKey, type EntityStatus, type StatusEvent } from '../messages/entity.ts';
import { schemaUri, type Provenance } from '../messages/envelope.ts';
import { createOwnEvents, type OwnEvents } from '../messages/own-events.ts';
import { refKey, resourceRef, type Names } from '../messages/subjects.ts';
import { lastOwnStatus, type LastStatus } from '../engine/history/last-own-status.ts';
import { createPacked, type Packed, type StoredText } from './packed.ts';
import type { EntityStatusStore } from './types.ts';

const MISSES_BEFORE_LOADING = 32;

/** `sequence`: of the last message on the subject, whatever it is; 0: none. `status`: the last one that is ours. */
type Last = {
  readonly sequence: number;
  readonly status: EntityStatus | undefined;
  readonly fence: number;
  readonly id: string;
  readonly timeMs: number;
};

const NONE: Last = { sequence: 0, status: undefined, fence: 0, id: '', timeMs: 0 };

const lastOfEvent = ({ id, data }: StatusEvent, sequence: number, timeMs: number): Last => {
  const { fence, ...status } = data;
  return { sequence, status, fence, id, timeMs };
};

// Only what could be read is kept as text.
const unpack = ({ text, sequence, timeMs }: StoredText): Last =>
  lastOfEvent(JSON.parse(text) as StatusEvent, sequence, timeMs);

/** `message` holds `event`; `sequence` is that of the last message behind it. */
const remember = (
  recent: Packed<Last>,
  place: string,
  event: StatusEvent,
  { data, timeMs }: StoredMessage,
  sequence: number,
): Last => {
  const last = lastOfEvent(event, sequence, timeMs);
  const text = decodeText(data);
  recent.set(place, last, text === undefined ? undefined : { text, sequence, timeMs });
  return last;
};

export type StreamStatusStoreOptions = {
  readonly names: Names;
  readonly appender: Appender;
  readonly reader: StreamReader;
  /**
   * With it, the last statuses of an operator are read once, so that an entity without a status is known to have none without asking the
   * server: those of `operator` at the start of a term, those of another after some questions about it.
   */
  readonly follower?: StreamFollower;
  readonly operator?: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Decides which statuses count. Default: that of `names`. */
  readonly own?: OwnEvents;
};

export const splitKey = (key: EntityKey): { readonly workspace: string; readonly name: string } => {
  const dot = key.indexOf('.');
  return { workspace: key.slice(0, dot), name: key.slice(dot + 1) };
};

export const createStreamStatusStore = (options: StreamStatusStoreOptions): EntityStatusStore => {
  const { names, appender, reader, follower, operator, clock, ids, own = createOwnEvents(names) } = options;
  const recent = createPacked<Last>(unpack);
  /** Of an operator: every entity with a status (`<operator>.<workspace>.<name>`), and whether those are all. */
  let operators = new Map<string, { readonly places: Set<string>; isWhole: boolean; misses: number }>();
  let term: AbortSignal | undefined;

  const reportedOf = (owner: string) => {
    let reported = operators.get(owner);
    if (reported === undefined) {
      reported = { places: new Set(), isWhole: false, misses: 0 };
      operators.set(owner, reported);
    }
    return reported;
  };

  const keepLast = (place: string, { sequence, event, message }: LastStatus): Last => {
    if (message !== undefined && event?.type === STATUS_TYPE) return remember(recent, place, event, message, sequence);
    const none = { ...NONE, sequence };
    recent.set(place, none);
    return none;
  };

  const loadStatusesOf = async (owner: string, signal: AbortSignal): Promise<void> => {
    if (follower === undefined) return;
    const start = `${names.prefix}.status.`;
    const reported = reportedOf(owner);
    const caughtUp = new AbortController();
    await follower.follow({
      fromSequence: 1,
      filters: [`${start}*.${owner}.>`],
      lastPerSubject: true,
      signal: AbortSignal.any([signal, caughtUp.signal]),
      onEmpty: () => caughtUp.abort(),
      onBatch: (batch, pending) => {
        for (const message of batch) {
          const place = message.subject.slice(start.length + '00.'.length);
          reported.places.add(place);
          const status = own.status(message);
          // What was set aside is asked for when it is needed: a status of ours may lie before it.
          if ('problem' in status || status.event.type !== STATUS_TYPE) continue;
          // A put may have been confirmed meanwhile.
          if ((recent.get(place)?.sequence ?? 0) < message.sequence)
            remember(recent, place, status.event, message, message.sequence);
        }
        if (pending === 0) caughtUp.abort();
      },
    });
    if (!signal.aborted) reported.isWhole = true;
  };

  const load = async (signal: AbortSignal): Promise<void> => {
    recent.clear();
    operators = new Map();
    term = signal;
    if (operator !== undefined) await loadStatusesOf(operator, signal);
  };

  /** Of an operator that was not named beforehand, all are read once it is worth it. */
  const countMiss = (owner: string): void => {
    const reported = reportedOf(owner);
    reported.misses += 1;
    if (reported.misses !== MISSES_BEFORE_LOADING || term === undefined) return;
    // If it does not work out, each status is read on its own as before.
    loadStatusesOf(owner, term).catch(() => {
      reported.misses = 0;
    });
  };

  const placeOf = (key: EntityKey, operator: string): string => `${operator}.${key}`;

  const subjectOf = (key: EntityKey, operator: string): string => names.status({ operator, ...splitKey(key) });

  const lastOf = async (key: EntityKey, owner: string): Promise<Last> => {
    const place = placeOf(key, owner);
    const cached = recent.get(place);
    if (cached !== undefined) return cached;
    const reported = operators.get(owner);
    if (reported?.isWhole === true && !reported.places.has(place)) return NONE;
    countMiss(owner);
    const last = await lastOwnStatus(reader, own, subjectOf(key, owner));
    // A put that was confirmed while this read was under way is newer.
    const meanwhile = recent.get(place);
    if (meanwhile !== undefined && meanwhile.sequence >= last.sequence) return meanwhile;
    return keepLast(place, last);
  };

  const eventOf = (status: EntityStatus, fence: number, provenance: Provenance | undefined): StatusEvent => {
    const id = ids.next();
    const { workspace, name } = splitKey(status.key);
    const given = provenance ?? {
      correlationid: id,
      causationid: id,
      commandid: id,
      actor: `component:${status.operator}`,
    };
    const event: Record<string, unknown> = {
      specversion: '1.0',
      id,
      source: `/${names.prefix}/component/${status.operator}`,
      type: STATUS_TYPE,
      subject: refKey(resourceRef(workspace, name)),
      time: new Date(clock.nowMs()).toISOString(),
      datacontenttype: 'application/json',
      dataschema: schemaUri(STATUS_TYPE),
      correlationid: given.correlationid,
      causationid: given.causationid,
      commandid: given.commandid,
      actor: given.actor,
    };
    if (given.traceparent !== undefined) event['traceparent'] = given.traceparent;
    if (given.tracestate !== undefined) event['tracestate'] = given.tracestate;
    event['generation'] = status.observedGeneration;
    const data: Record<string, unknown> = { ...status };
    data['fence'] = fence;
    event['data'] = data;
    return event as unknown as StatusEvent;
  };

  return {
    open: load,
    get: async (key, owner) => (await lastOf(key, owner)).status,
    storedAtMs: async (key, owner) => {
      const { sequence, timeMs } = await lastOf(key, owner);
      return sequence === 0 ? undefined : timeMs;
    },
    put: async (status, fence, provenance) => {
      // Of the term that it is put in: the next one may have begun when the last status is known.
      const signal = term;
      const place = placeOf(status.key, status.operator);
      const subject = subjectOf(status.key, status.operator);
      const last = await lastOf(status.key, status.operator);
      const event = eventOf(status, fence, provenance);
      const text = JSON.stringify(event);
      const data = encodeText(text);
      const keep = (sequence: number): void => {
        reportedOf(status.operator).places.add(place);
        const timeMs = clock.nowMs();
        recent.set(place, { sequence, status, fence, id: event.id, timeMs }, { text, sequence, timeMs });
      };
      try {
        const message = { subject, id: event.id, data, expectedLastSequence: last.sequence };
        const [sequence = 0] = await appender.append([message], { signal });
        keep(sequence);
      } catch (error) {
        recent.delete(place);
        if (!isFault(error, 'JS_CONFLICT') && !isFault(error, 'JS_DUPLICATE')) throw error;
        const found = keepLast(place, await lastOwnStatus(reader, own, subject));
        // The answer to an earlier attempt of this very append was lost.
        if (found.id === event.id) {
          keep(found.sequence);
          return;
        }
        reportedOf(status.operator).places.add(place);
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
