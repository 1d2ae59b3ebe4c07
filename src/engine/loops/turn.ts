// A turn of leading a group of shards: what a loop may read, where it goes on, how it says how far it is, and until when. Loops ask a turn for all
// that, so copies can share the shards without a change of any loop. Today there is one group, of all shards: a copy leads all or nothing.
//
// With several groups, a loop that looks for holes in its stream has to look in another way: a part of a stream has holes by nature.

import { allShards } from '../../messages/subjects.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Clock } from '../ports/clock.ts';
import { openCheckpoint, type Checkpoint, type CheckpointOptions } from './checkpoint.ts';

export type ShardGroup = { readonly name: string; readonly shards: readonly string[] };

export const everyShard: ShardGroup = { name: 'all', shards: allShards };

const isEvery = ({ shards }: ShardGroup): boolean => shards.length === allShards.length;

/** The lease of a program for a group. */
export const leaseOf = (program: string, group: ShardGroup): string =>
  isEvery(group) ? program : `${program}.${group.name}`;

export type TurnOptions = {
  readonly group: ShardGroup;
  /** Of the lease. */
  readonly fence: number;
  /** Aborts when the turn is over. */
  readonly signal: AbortSignal;
  /** Holds the checkpoints. */
  readonly positions: KeyValueStore;
  readonly clock: Clock;
};

export type Turn = {
  readonly fence: number;
  readonly signal: AbortSignal;
  /** The filters that give the group's part of a stream. `whole`: for all of it, `….>`, with the shard as the next token. */
  filters(whole: string): readonly string[];
  /** Of one loop. */
  checkpoint(loop: string, how?: Omit<CheckpointOptions, 'positions' | 'key' | 'clock'>): Promise<Checkpoint>;
};

export const createTurn = ({ group, fence, signal, positions, clock }: TurnOptions): Turn => ({
  fence,
  signal,
  filters: (whole) => (isEvery(group) ? [whole] : group.shards.map((shard) => whole.replace(/>$/, `${shard}.>`))),
  checkpoint: (loop, how = {}) => {
    const key = isEvery(group) ? `checkpoint.${loop}` : `checkpoint.${loop}.${group.name}`;
    return openCheckpoint({ ...how, positions, key, clock });
  },
});
