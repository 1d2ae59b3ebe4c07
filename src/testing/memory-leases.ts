// The port of leases on the memory server, as jetstream/lease-keeper.ts has it on a real one: one key for each with a time to live, the revision of
// the acquisition is the fencing token, and the holder gives up a fifth before the server forgets.

import { decodeJson, encodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import type { Lease, LeaseKeeper } from '../engine/ports/leases.ts';
import { isMarker } from '../messages/view-documents.ts';
import { bucketStream } from './memory-server.ts';
import type { PortParts } from './memory-streams.ts';

const DEFAULT_TTL_MS = 5000;
const LOOK_AGAIN_MS = 500;
const EMPTY = new Uint8Array();

type Seen = { readonly revision: number; readonly isFree: boolean; readonly token?: unknown };
type Facts = () => Readonly<Record<string, unknown>>;
type Held = {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
  readonly ttlMs: number;
  readonly acquiredMs: number;
  readonly facts: Facts;
};

export const memoryLeases = ({ server, link, clock }: PortParts, bucket: string): LeaseKeeper => {
  const subjectOf = (name: string): string => `$KV.${bucket}.${name}`;

  const look = (name: string): Promise<Seen> =>
    link.call({ kind: 'read', name: bucket }, () => {
      const last = server.stream(bucketStream(bucket)).lastOf(subjectOf(name));
      if (last === undefined) return { revision: 0, isFree: true };
      const value = decodeJson(last.data);
      const token = isJsonObject(value) ? value['token'] : undefined;
      return { revision: last.sequence, isFree: isMarker(last), token };
    });

  const write = (name: string, data: Uint8Array, expected: number, ttlMs: number | undefined): Promise<number> =>
    // A quarter: after one lost answer there is time for another try.
    link.call({ kind: 'write', name: bucket, timeoutMs: (ttlMs ?? DEFAULT_TTL_MS) / 4 }, () => {
      const [revision = 0] = server.stream(bucketStream(bucket)).store([
        {
          ...{ subject: subjectOf(name), data, expectedLastSequence: expected },
          ...(ttlMs === undefined ? { headers: { 'KV-Operation': 'DEL' } } : { ttlMs }),
        },
      ]);
      return revision;
    });

  const hold = ({ name, holder, token, ttlMs, acquiredMs, facts }: Held): Lease => {
    const lost = new AbortController();
    const released = new AbortController();
    const isOver = AbortSignal.any([lost.signal, released.signal]);
    const trustMs = ttlMs * 0.8;
    let revision = token;
    let renewedMs = acquiredMs;
    let renewing: Promise<unknown> = Promise.resolve();

    const renewOnce = async (): Promise<boolean> => {
      const askedMs = clock.nowMs();
      try {
        const record = encodeJson({ ...facts(), holder, token, renewedAt: new Date(askedMs).toISOString() });
        revision = await write(name, record, revision, ttlMs);
        renewedMs = askedMs;
        return true;
      } catch (error) {
        if (!isFault(error)) throw error;
        if (!isFault(error, 'JS_CONFLICT')) return false;
      }
      // A renewal whose answer got lost is refused too: only the token in the record can tell.
      const seen = await look(name).catch(() => undefined);
      if (seen === undefined) return false;
      if (seen.token === token) revision = seen.revision;
      else lost.abort();
      return false;
    };
    const renew = async (): Promise<void> => {
      let wasRenewed = true;
      while (!isOver.aborted) {
        await clock.sleep(wasRenewed ? ttlMs / 3 : ttlMs / 20, isOver);
        if (isOver.aborted) return;
        const attempt = renewOnce();
        renewing = attempt.catch(() => undefined);
        wasRenewed = await attempt;
      }
    };
    const guard = async (): Promise<void> => {
      while (!isOver.aborted) {
        const leftMs = renewedMs + trustMs - clock.nowMs();
        if (leftMs < 0) lost.abort();
        else await clock.sleep(leftMs + 1, isOver);
      }
    };
    void guard();
    renew().catch(() => lost.abort());
    return {
      name,
      token,
      lost: lost.signal,
      release: async () => {
        const wasHeld = !isOver.aborted;
        released.abort();
        await renewing;
        if (wasHeld) await write(name, EMPTY, revision, undefined).catch(() => undefined);
      },
    };
  };

  return {
    acquire: async (name, { ttlMs = DEFAULT_TTL_MS, holder, signal, facts = () => ({}) }) => {
      while (!signal.aborted) {
        try {
          const { isFree, revision } = await look(name);
          if (isFree && !signal.aborted) {
            const acquiredMs = clock.nowMs();
            const record = encodeJson({ holder, acquiredAt: new Date(acquiredMs).toISOString() });
            const token = await write(name, record, revision, ttlMs);
            const lease = hold({ name, holder, token, ttlMs, acquiredMs, facts });
            if (!signal.aborted) return lease;
            await lease.release();
            return undefined;
          }
        } catch (error) {
          if (!isFault(error)) throw error;
        }
        await clock.sleep(LOOK_AGAIN_MS, signal);
      }
      return undefined;
    },
  };
};
