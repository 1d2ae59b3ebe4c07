// verify: proves that the KV documents are what the streams say, by building each view anew beside the live one. Changes nothing.

import { verifyView } from '../../engine/verify-view.ts';
import { connectNats } from '../../jetstream/connection.ts';
import { createFollower } from '../../jetstream/follower.ts';
import { createKeyValueStore } from '../../jetstream/key-value-store.ts';
import { createScratchBucket, readBucket } from '../../jetstream/scratch-bucket.ts';
import { exitCodes } from '../../runtime/lifecycle.ts';
import { entities, operators, secrets } from '../../views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../../views/observed-state.ts';
import { connectionOptions } from '../../runtime/connection-options.ts';
import type { Verb } from '../verb.ts';

const MAX_SHOWN = 20;

export const verifyVerb: Verb = {
  name: 'verify',
  about: 'prove that the KV documents equal the fold of the streams',
  usage: '',
  flags: {},
  notes: [
    'Builds each view from sequence 1 in a bucket of its own, in the memory of the server, and compares byte for byte.',
  ],
  run: async (_args, context) => {
    const { config, names, log, clock, ids, signal, terminal } = context;
    const connection = await connectNats({
      ...connectionOptions(config),
      name: `${config.prefix}-verify`,
      log,
      waitForServer: false,
      signal,
    });
    let isEqual = true;
    try {
      for (const projectionOf of [operators, operatorStatuses, entities, entityStatuses, secrets]) {
        const projection = projectionOf(names);
        const bucket = `${config.prefix}-verify-${ids.next().slice(0, 18)}`;
        const scratch = await createScratchBucket(connection, bucket);
        try {
          const { differences, isSettled, keys, sequence } = await verifyView({
            projection,
            follower: createFollower(connection, projection.stream),
            live: createKeyValueStore(connection, projection.bucket),
            rebuilt: createKeyValueStore(connection, bucket),
            contentsOf: (which) => readBucket(connection, which === 'live' ? projection.bucket : bucket),
            clock,
            log,
            signal,
          });
          const where = `${projection.name} in ${projection.bucket} at ${projection.stream} #${sequence}`;
          if (!isSettled) terminal.error(`${where}: the stream did not stand still; try again`);
          else if (differences.length === 0) terminal.out(`${where}: ${keys} keys, equal`);
          else terminal.error(`${where}: ${differences.length} of ${keys} keys differ`);
          for (const { key, kind } of differences.slice(0, MAX_SHOWN)) terminal.note(`  ${kind} ${key}`);
          isEqual &&= isSettled && differences.length === 0;
        } finally {
          await scratch.remove();
        }
      }
    } finally {
      await connection.close();
    }
    return isEqual ? exitCodes.done : exitCodes.failed;
  },
};
