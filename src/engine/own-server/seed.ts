// What a component must find on its operator's own server although it was not reported there: the last status of each resource, when the
// server is new, and the word that a resource was released. It carries the origin header, so the relay leaves it where it is.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { Names } from '../../messages/subjects.ts';
import type { StoredMessage } from '../ports/streams.ts';
import type { OwnServer, ServerSide } from './ports.ts';

const SEEDED = 'checkpoint.seeded';

/** Fences count on each server by themselves: what comes from another is older than every lease on this one. */
const withoutFence = (data: Uint8Array): Uint8Array => {
  const event = decodeJson(data);
  if (!isJsonObject(event) || !isJsonObject(event['data'])) return data;
  return encodeJson({ ...event, data: { ...event['data'], fence: 0 } });
};

const put = async (own: OwnServer, message: StoredMessage, expected: { readonly expectedLastSequence?: number }) => {
  const { subject, sequence, data } = message;
  const id = `shared-${sequence}`;
  try {
    await own.statuses.append([{ subject, id, data: withoutFence(data), origin: `shared ${sequence}`, ...expected }]);
  } catch (error) {
    if (!isFault(error, 'JS_DUPLICATE') && !isFault(error, 'JS_CONFLICT')) throw error;
  }
};

type Sides = { readonly names: Names; readonly operator: string; readonly own: OwnServer; readonly shared: ServerSide };

/** Once for each server; before the channel is made, which components wait for. */
export const seedStatuses = async ({ names, operator, own, shared }: Sides, signal: AbortSignal): Promise<void> => {
  if ((await own.positions.get(SEEDED)) !== undefined) return;
  const done = new AbortController();
  await shared.statusFollower.follow({
    fromSequence: 1,
    filters: [`${names.prefix}.status.*.${operator}.>`],
    lastPerSubject: true,
    signal: AbortSignal.any([signal, done.signal]),
    onEmpty: () => done.abort(),
    onBatch: async (batch, pending) => {
      const wanted = batch.filter(({ subject }) => names.parseStatus(subject)?.workspace !== NO_WORKSPACE);
      await Promise.all(wanted.map((message) => put(own, message, { expectedLastSequence: 0 })));
      if (pending === 0) done.abort();
    },
  });
  if (!signal.aborted) await own.positions.commit([{ key: SEEDED, data: encodeJson({ operator }) }]);
};

/** What the shared server has last of a resource, as the last word on the operator's own. */
export const copyStatus = async ({ own, shared }: Pick<Sides, 'own' | 'shared'>, subject: string): Promise<void> => {
  const message = await shared.statusReader.readLast(subject);
  if (message !== undefined) await put(own, message, {});
};
