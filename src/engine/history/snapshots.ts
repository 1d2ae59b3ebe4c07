// Snapshots of long histories: the state of one operator, resource or secret at one of its events, and which command ids it had by then. A
// start begins there, not at the first event. They are never needed: whatever is missing, cannot be read, was made by another fold, or is not
// confirmed by the event that it names is as good as none, and the history is read. Written by the command-handler, read by it and by
// the operator-runtime.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { initialOperatorState, type OperatorState } from '../../domain/operator/state.ts';
import { initialResourceState, type ResourceState } from '../../domain/resource/state.ts';
import { initialSecretState, type SecretState } from '../../domain/secret/state.ts';
import {
  operatorManifestProblem,
  resourceManifestProblem,
  secretManifestProblem,
} from '../../messages/stored-shape.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { refKey, type Kind, type Names, type Ref } from '../../messages/subjects.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';
import { seenIdsFrom, type SeenIds } from './seen-ids.ts';

/**
 * Of the fold (domain/<kind>/evolve.ts) and of this form. A fold that gives another state for the same events needs another number; a test holds
 * it against what the folds give.
 */
export const FOLD_VERSION = 3;

/** So many events without a snapshot are read in one go, and are worth one. */
export const SNAPSHOT_EVERY = 500;
/** Larger ones are not written. Leaves room for headers in a message of the default size. */
const MAX_BYTES = 1000 * 1024;

export type Snapshot = {
  /** Of the last event in it. */
  readonly sequence: number;
  readonly eventId: string;
  readonly operator: OperatorState;
  readonly resource: ResourceState;
  readonly secret: SecretState;
  readonly ids: SeenIds;
};

/** A history from where it has to be read: all of it, or what came after a snapshot. */
export type History = { readonly snapshot?: Snapshot; readonly messages: readonly StoredMessage[] };

export type Snapshots = {
  /**
   * The history of one thing, in order; with `before` the snapshot, if any, is older than that sequence. Faults: those of the stream; a snapshot
   * never makes one.
   */
  read(ref: Ref, before?: number): Promise<History>;
  /** Never fails: without it the next start reads more. */
  write(ref: Ref, snapshot: Snapshot): Promise<void>;
};

const isState = (kind: Kind, state: unknown): boolean => {
  if (!isJsonObject(state) || !Number.isSafeInteger(state['generation'])) return false;
  const document = state[kind === 'resource' ? 'entity' : kind];
  if (document === undefined) return true;
  if (!isJsonObject(document) || typeof document['uid'] !== 'string' || typeof document['sequence'] !== 'number')
    return false;
  const problemOf = {
    operator: operatorManifestProblem,
    resource: resourceManifestProblem,
    secret: secretManifestProblem,
  }[kind];
  return problemOf(document['manifest']) === undefined;
};

const snapshotIn = (value: JsonObject, ref: Ref, subject: string): Snapshot | undefined => {
  const { sequence, eventId, state } = value;
  const ids = seenIdsFrom(value['ids']);
  const isOurs = value['fold'] === FOLD_VERSION && value['subject'] === subject;
  if (!isOurs || typeof sequence !== 'number' || typeof eventId !== 'string' || ids === undefined) return undefined;
  if (!isState(ref.kind, state)) return undefined;
  const states = { operator: initialOperatorState, resource: initialResourceState, secret: initialSecretState };
  return { ...states, [ref.kind]: state as unknown, sequence, eventId, ids };
};

export const createSnapshots = (options: {
  readonly names: Names;
  readonly reader: StreamReader;
  readonly store: Pick<KeyValueStore, 'get' | 'commit'>;
  readonly log: Log;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
}): Snapshots => {
  const { names, reader, store, log, own = createOwnEvents(names) } = options;

  const find = async (ref: Ref, subject: string): Promise<Snapshot | undefined> => {
    try {
      const entry = await store.get(refKey(ref));
      const value = entry === undefined ? undefined : decodeJson(entry.data);
      return isJsonObject(value) ? snapshotIn(value, ref, subject) : undefined;
    } catch (error) {
      log.warn({ subject, err: error }, 'snapshot could not be read');
      return undefined;
    }
  };

  /** The stream has the very event that the snapshot ends with: it is of this history. */
  const isConfirmed = ({ sequence, eventId }: Snapshot, message: StoredMessage | undefined): boolean => {
    if (message?.sequence !== sequence) return false;
    const found = own.event(message);
    return 'event' in found && found.event.id === eventId;
  };

  return {
    read: async (ref, before = Number.POSITIVE_INFINITY) => {
      const subject = names.event(ref);
      const first = await reader.readSubject(subject, { limit: SNAPSHOT_EVERY });
      const last = first.at(-1);
      if (last === undefined || first.length < SNAPSHOT_EVERY) return { messages: first };
      const snapshot = await find(ref, subject);
      if (snapshot !== undefined && snapshot.sequence > last.sequence && snapshot.sequence < before) {
        const [named, ...messages] = await reader.readSubject(subject, { fromSequence: snapshot.sequence });
        if (isConfirmed(snapshot, named)) return { snapshot, messages };
        log.warn({ subject, sequence: snapshot.sequence }, 'snapshot is not of this history and is set aside');
      }
      const rest = await reader.readSubject(subject, { fromSequence: last.sequence + 1 });
      return { messages: [...first, ...rest] };
    },

    write: async (ref, { sequence, eventId, ids, ...states }) => {
      const subject = names.event(ref);
      const data = encodeJson({
        fold: FOLD_VERSION,
        subject,
        sequence,
        eventId,
        state: states[ref.kind],
        ids: ids.toJson(),
      });
      if (data.byteLength > MAX_BYTES) return;
      try {
        await store.commit([{ key: refKey(ref), data }]);
      } catch (error) {
        log.warn({ subject, sequence, err: error }, 'snapshot could not be written');
      }
    },
  };
};

/** For tests and tools that have no bucket: the whole history each time. */
export const noSnapshots = (names: Names, reader: StreamReader): Snapshots => ({
  read: async (ref) => ({ messages: await reader.readSubject(names.event(ref)) }),
  write: async () => undefined,
});
