// Compressed and replicated do not go together: nats-server 2.15 (`compression: s2`) can make such a stream unreadable on all its replicas
// when servers are killed. Asked by provisioning before it makes or changes a stream, and by `opstream doctor` of what is there. What would
// surprise: a stream whose configuration says `none` today still holds the compressed blocks of its past, and more replicas would be copies
// of those. Provisioning therefore leaves a mark in the metadata when it switches compression off; only a restored backup is without it.

import { Fault } from '../core/fault.ts';

/** Key in the metadata of a stream that was compressed once; its value says what that means. */
const MARK = 'opstream.compressed';
const MARKED = 'its older blocks are';

type Config = Readonly<Record<string, unknown>>;

const metadataOf = (config: Config): Config => (config['metadata'] ?? {}) as Config;
const isCompressed = ({ compression }: Config): boolean => compression !== undefined && compression !== 'none';

/** Of a stream that is compressed now: its metadata when compression is switched off. */
export const markedMetadata = (config: Config): Config => ({ ...metadataOf(config), [MARK]: MARKED });

/** As a stream is made whose blocks are all new: nothing of it is compressed, and it has no mark. */
export const uncompressed = (config: Config): Config => {
  const { [MARK]: _mark, ...metadata } = metadataOf(config);
  return { ...config, compression: 'none', metadata };
};

/** Whether compression is switched off between the two. */
export const endsCompression = (before: Config, after: Config): boolean => isCompressed(before) && !isCompressed(after);

const HOW_TO_MOVE =
  'stop the processes, run `opstream backup DIR`, delete the streams (or take a new cluster), run `opstream restore DIR --replicas 3` and start again (README: "Compressed streams")';

/** What is wrong with a stream, and what to do; undefined: nothing. Pure. */
export const compressionProblem = (config: Config): string | undefined => {
  const replicas = typeof config['num_replicas'] === 'number' ? config['num_replicas'] : 1;
  if (replicas <= 1) return undefined;
  const isNow = isCompressed(config);
  if (!isNow && metadataOf(config)[MARK] === undefined) return undefined;
  const found = isNow ? `is compressed (${String(config['compression'])})` : 'holds blocks from when it was compressed';
  return `${found} and has ${replicas} replicas: nats-server can make such a stream unreadable on all of them. Keep 1 replica, or move it: ${HOW_TO_MOVE}`;
};

/** Throws STREAM_COMPRESSED for what compressionProblem tells of. */
export const refuseCompressedReplicas = (config: Config): void => {
  const problem = compressionProblem(config);
  if (problem !== undefined)
    throw new Fault('STREAM_COMPRESSED', `stream ${String(config['name'])} ${problem}`, { retry: 'never' });
};
