// How far a loop has come in its stream, kept in a bucket under a key of its own. What is handled behind it comes again after a crash, so the loops do
// nothing twice that matters. Called by every loop that keeps one; the projector keeps its own with its documents, in one atomic batch
// (projection/view-writer.ts).

import { encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import type { JsonObject } from '../../core/json.ts';
import type { KeyValueEntry, KeyValueStore } from '../ports/buckets.ts';
import type { Clock } from '../ports/clock.ts';
import type { StoredMessage } from '../ports/streams.ts';
import { sequenceIn } from './position.ts';

/** Since the checkpoint was written last. `pending`: messages that wait now. */
export type Since = { readonly messages: number; readonly ms: number; readonly pending: number };

export type CheckpointOptions = {
  readonly positions: KeyValueStore;
  readonly key: string;
  readonly clock: Clock;
  /** Whether it is to be written. Default: after a second. */
  isDue?(since: Since): boolean;
  /** What it says beside the sequence. */
  readonly facts?: JsonObject;
  /** The sequence in one that was found; undefined: it says nothing to this loop. Default: any. */
  sequenceOf?(entry: KeyValueEntry | undefined): number | undefined;
  /** What LEASE_LOST says when somebody else has written it. Absent: whoever writes last is right. */
  readonly takenOver?: string;
};

export type Checkpoint = {
  /** The first sequence that is not handled. */
  readonly next: number;
  /** The batch is handled. Writes when it is due. Faults: LEASE_LOST, those of the bucket. */
  handled(batch: readonly StoredMessage[], pending: number): Promise<void>;
  /** Writes what is handled and not written. Faults: LEASE_LOST, those of the bucket. */
  write(): Promise<void>;
};

const EVERY_MS = 1000;

export const openCheckpoint = async (options: CheckpointOptions): Promise<Checkpoint> => {
  const { positions, key, clock, facts = {}, takenOver } = options;
  const { isDue = ({ ms }: Since) => ms >= EVERY_MS, sequenceOf = sequenceIn } = options;
  const found = await positions.get(key);
  let revision = found?.revision ?? 0;
  let written = sequenceOf(found) ?? 0;
  let handled = written;
  let messages = 0;
  let writtenMs = clock.nowMs();

  const commit = async (sequence: number): Promise<void> => {
    const data = encodeJson({ sequence, ...facts });
    try {
      const check = takenOver === undefined ? {} : { expectedRevision: revision };
      const [now] = await positions.commit([{ key, data, ...check }]);
      revision = now ?? revision;
    } catch (error) {
      if (takenOver === undefined || !isFault(error, 'JS_CONFLICT')) throw error;
      throw new Fault('LEASE_LOST', takenOver, { cause: error });
    }
  };

  const write = async (): Promise<void> => {
    if (handled === written) return;
    const sequence = handled;
    await commit(sequence);
    written = sequence;
    messages = 0;
    writtenMs = clock.nowMs();
  };

  return {
    get next() {
      return handled + 1;
    },
    handled: async (batch, pending) => {
      handled = batch.at(-1)?.sequence ?? handled;
      messages += batch.length;
      if (isDue({ messages, ms: clock.nowMs() - writtenMs, pending })) await write();
    },
    write,
  };
};
