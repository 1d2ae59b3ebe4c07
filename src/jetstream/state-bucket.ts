// The bucket in which a component keeps its entities: like the instance's own entity bucket, under another name.

import { Fault } from '../core/fault.ts';
import type { JetStreamConnection } from './connection.ts';
import { ensureStream } from './provision.ts';
import { readStreamDefinitions } from './stream-definitions.ts';

/** By it a bucket is known to have been made here: its name alone may be somebody else's. */
export const STATE_BUCKET_DESCRIPTION = 'Desired state as a component keeps it: entity.<workspace>.<name>';

/** Makes the bucket when it is missing. Faults: STREAM_DRIFT, JS_REFUSED (no right to make streams). */
export const ensureStateBucket = async (
  connection: JetStreamConnection,
  options: { readonly prefix: string; readonly bucket: string; readonly replicas?: number },
): Promise<void> => {
  const { prefix, bucket } = options;
  const like = readStreamDefinitions(options).find(({ name }) => name === `KV_${prefix}-entities`);
  if (like === undefined)
    throw new Fault('JS_NOT_FOUND', 'no definition of the entity bucket in streams/', { retry: 'never' });
  await ensureStream(connection, {
    ...like,
    name: `KV_${bucket}`,
    description: STATE_BUCKET_DESCRIPTION,
    subjects: [`$KV.${bucket}.>`],
  });
};
