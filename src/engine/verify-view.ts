// Whether a view is what its stream says (P5): builds it anew from sequence 1 into an empty bucket, waits until the live one stands at the
// same sequence, and compares byte for byte. Called by `opstream verify` and by tests.

import { viewKeys } from '../messages/subjects.ts';
import type { Projection } from '../views/projection.ts';
import { sequenceIn } from './position.ts';
import type { Clock, KeyValueStore, Log, StreamFollower } from './ports.ts';
import { compareContents, rebuildView, type Difference } from './rebuild.ts';

const LOOK_AGAIN_MS = 200;
const MAX_ROUNDS = 25;

export type VerifyOptions = {
  readonly projection: Projection;
  /** Of the projection's stream. */
  readonly follower: StreamFollower;
  readonly live: KeyValueStore;
  /** Empty at the start. */
  readonly rebuilt: KeyValueStore;
  /** Everything a bucket holds now. */
  contentsOf(bucket: 'live' | 'rebuilt'): Promise<ReadonlyMap<string, Uint8Array>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Verification = {
  readonly sequence: number;
  readonly keys: number;
  readonly differences: readonly Difference[];
  readonly isSettled: boolean;
};

/** Keys of this projection: a bucket holds those of two. */
const own = (projection: Projection, contents: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> => {
  const heads = projection.name.endsWith('statuses') ? ['status.'] : ['entity.', 'operator.'];
  return new Map(
    [...contents].filter(
      ([key]) => heads.some((head) => key.startsWith(head)) || key === viewKeys.checkpoint(projection.stream),
    ),
  );
};

const positionIn = async (store: KeyValueStore, projection: Projection): Promise<number> =>
  sequenceIn(await store.get(viewKeys.checkpoint(projection.stream))) ?? 0;

/** `isSettled: false`: the stream grew all the time, and the two never stood at the same sequence. */
export const verifyView = async (options: VerifyOptions): Promise<Verification> => {
  const { projection, live, rebuilt, clock, signal } = options;
  for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round += 1) {
    const liveAt = await positionIn(live, projection);
    const rebuiltAt = await positionIn(rebuilt, projection);
    if (rebuiltAt < liveAt) {
      await rebuildView({ ...options, store: rebuilt, upToSequence: liveAt });
    } else if (rebuiltAt > liveAt) {
      await clock.sleep(LOOK_AGAIN_MS, signal);
    } else {
      const [expected, actual] = [
        own(projection, await options.contentsOf('rebuilt')),
        own(projection, await options.contentsOf('live')),
      ];
      const differences = compareContents(expected, actual);
      // Documents may be ahead of the checkpoint, for less than this time.
      if (differences.length > 0) await clock.sleep(LOOK_AGAIN_MS, signal);
      if ((await positionIn(live, projection)) !== liveAt) continue;
      return { sequence: liveAt, keys: expected.size, differences, isSettled: true };
    }
  }
  return { sequence: await positionIn(live, projection), keys: 0, differences: [], isSettled: false };
};
