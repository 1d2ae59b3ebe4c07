// doctor's look at whether the server stores anything: a write that nobody misses. A server whose disk is full answers every read as before and no
// write at all, so nothing else would tell it.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { faultOfApi, type ApiError } from '../../jetstream/faults.ts';
import type { Client } from '../../client/types.ts';
import type { Names } from '../../messages/subjects.ts';

const WRITE_MS = 3000;

/** The largest message must find room. */
const LEAST_BYTES = 1024 * 1024;
const mebibytes = (bytes: number): string => `${Math.floor(bytes / LEAST_BYTES)} MiB`;

/** Why an account that is (nearly) at its limit refuses; small writes may still fit. */
const accountTrouble = async (client: Client): Promise<string | undefined> => {
  const reply = decodeJson(await client.request('$JS.API.INFO', new Uint8Array(), WRITE_MS));
  if (!isJsonObject(reply)) return undefined;
  const limits = isJsonObject(reply['limits']) ? reply['limits'] : {};
  const [most, used] = [Number(limits['max_storage'] ?? -1), Number(reply['storage'] ?? 0)];
  return most <= 0 || most - used >= LEAST_BYTES
    ? undefined
    : `JS_STORE_FULL: the account has used ${mebibytes(used)} of the ${mebibytes(most)} that JetStream may store for it; raise its limit, or remove streams that are not needed`;
};

/** Why the server stores nothing; undefined: it does, or we may not write there (then nothing is known). */
export const storeTrouble = async (client: Client, { buckets }: Names): Promise<string | undefined> => {
  // A key that nobody reads; the leases are written all the time, so this stream is the first one that is given up.
  const subject = `$KV.${buckets.leases}.doctor`;
  try {
    const atLimit = await accountTrouble(client);
    if (atLimit !== undefined) return atLimit;
    const reply = decodeJson(await client.request(subject, encodeJson({ by: 'doctor' }), WRITE_MS));
    const error = isJsonObject(reply) ? reply['error'] : undefined;
    if (!isJsonObject(error)) return undefined;
    const fault = faultOfApi(error as unknown as ApiError, 'a write');
    return fault.code === 'JS_STORE_FULL'
      ? `JS_STORE_FULL: the server refuses to store more (${String(error['description'])}); raise the limit of the account or of the server (max_file_store), or make room`
      : undefined;
  } catch (error) {
    if (!isFault(error, 'NATS_TIMEOUT')) return undefined;
    return `JS_STORE_FULL: the server answers reads and no writes: its disk is full or cannot be written (its log says which), or a stream has no leader. Make room, then start the server again: it takes nothing before`;
  }
};

/** What a service says of itself; undefined when it does not answer. */
export const statsOf = async (client: Client, service: string): Promise<JsonObject | undefined> => {
  try {
    const reply = decodeJson(await client.request(`$SRV.STATS.${service}`, new Uint8Array(), WRITE_MS));
    const endpoints = isJsonObject(reply) && Array.isArray(reply['endpoints']) ? reply['endpoints'] : [];
    return endpoints.map((one) => (isJsonObject(one) ? one['data'] : undefined)).find(isJsonObject);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
};

/** What a service says that it lacks; none when it does not answer. */
export const lacksOf = async (client: Client, service: string): Promise<readonly string[]> => {
  const missing = (await statsOf(client, service))?.['missing'];
  return Array.isArray(missing) ? missing.map(String) : [];
};
