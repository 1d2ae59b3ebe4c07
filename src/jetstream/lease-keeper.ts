// Leases: one key each in the bucket `<prefix>-leases`, written with a time to live and the expected revision. The revision of the
// acquisition is the fencing token. The holder counts its time from before it asked, on its own monotonic clock, and gives up earlier
// than the server forgets: a lease is never held by two who both believe in it, unless a process sleeps between looking and acting;
// the token is for that.
//
// What lies under the key and is no lease (not of that form, or without a time to live) is nobody's: the holder writes over it, and who waits
// takes over when it has not changed for as long as its own time to live.
//
// States: waiting -> held -> released | lost.

import { decodeJson, encodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import { assertToken } from '../core/names.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Lease, LeaseKeeper } from '../engine/ports/leases.ts';
import type { Log } from '../engine/ports/log.ts';
import { ATTEMPT_TIMEOUT_MS } from './stored-write.ts';
import { faultOfApi, type ApiError } from './faults.ts';
import { pause } from './pause.ts';
import { rawHeaders } from './raw-headers.ts';
import type { JetStreamConnection } from './connection.ts';

const DEFAULT_TTL_MS = 5000;
const LOOK_AGAIN_MS = 500;
const NOT_FOUND = 404;
const EMPTY = new Uint8Array();
const decoder = new TextDecoder();

/**
 * `isLease`: somebody's, in our form and with a time to live. `token`: of the holder that renewed last; undefined before its first renewal, or
 * where the holder does not write it.
 */
type Seen = {
  readonly revision: number;
  readonly isFree: boolean;
  readonly isLease: boolean;
  readonly token?: unknown;
};

const isHeldBy = (value: unknown): value is { readonly holder: string; readonly token?: unknown } =>
  isJsonObject(value) && typeof value['holder'] === 'string' && value['holder'] !== '';

export const createLeaseKeeper = (
  connection: JetStreamConnection,
  options: { readonly bucket: string; readonly clock: Clock; readonly log: Log },
): LeaseKeeper => {
  const { slots, nc } = connection;
  const { bucket, clock, log } = options;

  const look = async (subject: string): Promise<Seen> => {
    const message = await slots.request(`$JS.API.DIRECT.GET.KV_${bucket}.${subject}`, EMPTY, {
      timeoutMs: ATTEMPT_TIMEOUT_MS,
    });
    if (message.data.length === 0 && message.headers?.code === NOT_FOUND)
      return { revision: 0, isFree: true, isLease: false };
    const revision = Number(message.headers?.get('Nats-Sequence'));
    const isMarker =
      message.headers?.has('KV-Operation') === true || message.headers?.has('Nats-Marker-Reason') === true;
    const value = decodeJson(message.data);
    const isLease = isHeldBy(value) && message.headers?.has('Nats-TTL') === true;
    return { revision, isFree: isMarker, isLease, ...(isLease ? { token: value.token } : {}) };
  };

  const write = async (
    subject: string,
    data: Uint8Array,
    expected: number,
    ttlMs: number | undefined,
  ): Promise<number> => {
    const headers = rawHeaders({
      'Nats-Expected-Last-Subject-Sequence': expected,
      'Nats-TTL': ttlMs === undefined ? undefined : `${Math.ceil(ttlMs / 1000)}s`,
      'KV-Operation': ttlMs === undefined ? 'DEL' : undefined,
    });
    const message = await slots.request(subject, data, {
      headers,
      // A quarter: after one lost answer there is time for another try.
      timeoutMs: Math.min(ATTEMPT_TIMEOUT_MS, (ttlMs ?? DEFAULT_TTL_MS) / 4),
    });
    const ack = JSON.parse(decoder.decode(message.data)) as { readonly seq?: number; readonly error?: ApiError };
    if (ack.error !== undefined) throw faultOfApi(ack.error, `lease ${subject}`);
    return ack.seq ?? 0;
  };

  const hold = (
    name: string,
    subject: string,
    holder: string,
    token: number,
    ttlMs: number,
    acquiredMs: number,
    facts: () => Readonly<Record<string, unknown>>,
  ): Lease => {
    const lost = new AbortController();
    const released = new AbortController();
    const isOver = AbortSignal.any([lost.signal, released.signal]);
    let revision = token;
    let renewedMs = acquiredMs;
    // A margin of a fifth: the holder stops before the server forgets, also when a timer comes late.
    const trustMs = ttlMs * 0.8;

    const renewOnce = async (): Promise<boolean> => {
      const askedMs = performance.now();
      try {
        const value = encodeJson({ ...facts(), holder, token, renewedAt: new Date(clock.nowMs()).toISOString() });
        revision = await write(subject, value, revision, ttlMs);
        renewedMs = askedMs;
        return true;
      } catch (error) {
        log.warn({ lease: name, err: error }, 'lease not renewed');
        if (!isFault(error)) throw error;
        if (!isFault(error, 'JS_CONFLICT')) return false;
      }
      // Refused. A renewal whose answer got lost does that too; only the key can tell, by the token in it.
      const seen = await look(subject).catch(() => undefined);
      if (seen === undefined) return false;
      if (seen.token === token) revision = seen.revision;
      else if (seen.isLease || seen.isFree) lost.abort();
      else {
        log.warn(
          { lease: name, revision: seen.revision },
          'what was stored over the lease is none, and is overwritten',
        );
        revision = seen.revision;
      }
      return false;
    };
    /** The write that is under way: a release has to know its revision. */
    let renewing: Promise<unknown> = Promise.resolve();
    const renew = async (): Promise<void> => {
      let wasRenewed = true;
      while (!isOver.aborted) {
        await pause(wasRenewed ? ttlMs / 3 : ttlMs / 20, isOver);
        if (isOver.aborted) return;
        const attempt = renewOnce();
        renewing = attempt.catch(() => undefined);
        wasRenewed = await attempt;
      }
    };
    const guard = setInterval(
      () => {
        if (performance.now() - renewedMs > trustMs) lost.abort();
        if (isOver.aborted) clearInterval(guard);
      },
      Math.max(20, ttlMs / 50),
    );
    renew().catch((error: unknown) => {
      log.error({ lease: name, err: error }, 'renewal ended');
      lost.abort();
    });
    return {
      name,
      token,
      lost: lost.signal,
      release: async () => {
        const wasHeld = !isOver.aborted;
        released.abort();
        clearInterval(guard);
        await renewing;
        if (wasHeld && !nc.isClosed()) await write(subject, EMPTY, revision, undefined).catch(() => undefined);
      },
    };
  };

  return {
    acquire: async (name, { ttlMs = DEFAULT_TTL_MS, holder, signal, facts = () => ({}) }) => {
      const subject = `$KV.${bucket}.${assertToken(name)}`;
      let foreign = { revision: -1, sinceMs: 0 };
      const mayTake = ({ isFree, isLease, revision }: Seen): boolean => {
        if (isFree || isLease) return isFree;
        if (foreign.revision !== revision) {
          foreign = { revision, sinceMs: performance.now() };
          log.warn(
            { lease: name, revision, ttlMs },
            'what is under the key is no lease, or for ever; taken over if it stays',
          );
        }
        // Its holder, if there is one, writes over it until then.
        return performance.now() - foreign.sinceMs >= ttlMs;
      };
      while (!signal.aborted) {
        try {
          const seen = await look(subject);
          if (mayTake(seen)) {
            const askedMs = performance.now();
            const value = encodeJson({ holder, acquiredAt: new Date(clock.nowMs()).toISOString() });
            const token = await write(subject, value, seen.revision, ttlMs);
            const lease = hold(name, subject, holder, token, ttlMs, askedMs, facts);
            if (!signal.aborted) return lease;
            // Nobody waits for it any more.
            await lease.release();
            return undefined;
          }
        } catch (error) {
          if (!isFault(error)) throw error;
          if (!isFault(error, 'JS_CONFLICT')) log.warn({ lease: name, err: error }, 'lease cannot be looked at');
        }
        await pause(LOOK_AGAIN_MS, signal);
      }
      return undefined;
    },
  };
};
