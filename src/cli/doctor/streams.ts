// What doctor says of the streams: whether each is there, is as it should be, and has all that it should have.

import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { holeInState, lossIn } from '../../core/stream-holes.ts';
import type { Client } from '../../client/types.ts';
import { compressionProblem } from '../../jetstream/compression.ts';
import { findGaps, gapsText } from '../../jetstream/stream-gaps.ts';
import type { Names } from '../../messages/subjects.ts';
import { ask, bad, good, numberIn, warning, type Finding } from './findings.ts';

/** What is wrong with a stream that has limits, as far as it can be told from what these have taken. */
const gapIn = async (client: Client, stream: string): Promise<string | undefined> => {
  try {
    const request = async (subject: string, body: Uint8Array, { timeoutMs }: { readonly timeoutMs: number }) => ({
      data: await client.request(subject, body, timeoutMs),
    });
    const gaps = await findGaps({ slots: { request } }, stream);
    return gaps && gapsText(gaps);
  } catch (error) {
    if (!isFault(error)) throw error;
    return `whether it lacks messages cannot be told: ${error.message}`;
  }
};

/** What the loss of messages means, and what can be done. */
const adviceFor = (stream: string, { streams }: Names): string => {
  const restore = 'restore it from a backup if they matter';
  switch (stream) {
    case streams.status:
      return `\`opstream history\` says where; \`opstream verify\` tells whether a status is wrong for it; ${restore}`;
    case streams.outcomes:
      return `a command that is sent again under an id whose outcome is missing is decided anew; ${restore}`;
    default:
      return `nothing else depends on them; ${restore}`;
  }
};

const findingOf = async (client: Client, names: Names, stream: string): Promise<Finding> => {
  const isComplete = stream === names.streams.events;
  const info = await ask(client, `$JS.API.STREAM.INFO.${stream}`);
  if (info === undefined) return bad(stream, 'JetStream does not answer; is it enabled in the server?');
  if (isJsonObject(info['error']))
    return bad(stream, 'is not there; starting any of the processes makes it (`opstream up`)');
  const problem = compressionProblem(isJsonObject(info['config']) ? info['config'] : {});
  if (problem !== undefined) return bad(stream, problem);
  const state = isJsonObject(info['state']) ? info['state'] : {};
  const hole = isComplete ? holeInState(state) : undefined;
  if (hole !== undefined) return bad(stream, `${hole}, and nothing may be removed from it; restore it from a backup`);
  if (isJsonObject(state['lost'])) return bad(stream, `${lossIn(state['lost'])}; ${adviceFor(stream, names)}`);
  const gap = isComplete ? undefined : await gapIn(client, stream);
  if (gap !== undefined) return warning(stream, `${gap}; ${adviceFor(stream, names)}`);
  const [messages, bytes, replicas] = [
    numberIn(info, 'state', 'messages'),
    numberIn(info, 'state', 'bytes'),
    numberIn(info, 'config', 'num_replicas'),
  ];
  return good(stream, `${messages} messages, ${Math.ceil(bytes / 1024)} KiB, ${replicas} replicas`);
};

export const streamFindings = (client: Client, names: Names): Promise<readonly Finding[]> => {
  const { streams, buckets } = names;
  const all = [...Object.values(streams), ...Object.values(buckets).map((bucket) => `KV_${bucket}`)];
  return Promise.all(all.map((stream) => findingOf(client, names, stream)));
};
