// A view of a running instance held against its stream, as `opstream verify` does it.

import { createViewComparison, type Comparison } from '../../src/engine/projection/compare-view.ts';
import { createFollower } from '../../src/jetstream/follower.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { createScratchBucket, readBucket } from '../../src/jetstream/scratch-bucket.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import { systemClock } from '../../src/program/clock.ts';
import { entities, operators, secrets } from '../../src/views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../../src/views/observed-state.ts';
import type { ProjectionOf } from '../../src/views/projection.ts';
import type { RunningInstance } from './running-instance.ts';
import { silentLog } from './silent-log.ts';

const all = [operators, operatorStatuses, entities, entityStatuses, secrets];

export const comparedView = async (
  { connection, names }: Pick<RunningInstance, 'connection' | 'names'>,
  projectionOf: ProjectionOf,
): Promise<Comparison> => {
  const projection = projectionOf(names);
  const bucket = `scratch-${projection.name}`;
  const scratch = await createScratchBucket(connection, bucket);
  try {
    return await createViewComparison({
      projection,
      siblings: all.map((one) => one(names)).filter((one) => one.bucket === projection.bucket),
      follower: createFollower(connection, projection.stream),
      reader: createStreamReader(connection, projection.stream),
      live: createKeyValueStore(connection, projection.bucket),
      shadow: createKeyValueStore(connection, bucket),
      contentsOf: (which) => readBucket(connection, which === 'live' ? projection.bucket : bucket),
      clock: systemClock,
      log: silentLog,
      signal: AbortSignal.timeout(30_000),
    }).compare();
  } finally {
    await scratch.remove();
  }
};
