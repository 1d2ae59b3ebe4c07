// What a follower asks its consumer for next, and how much of it is still to come. Pure; used by follower.ts alone.
//
// A follower has a standing pull open, renewed before it is used up, so that each message comes at once. One that rests has one pull at a
// time: a sweep (all that is there, without waiting); when that finds nothing, a knock (the first message that comes); and after what
// came, a rest, before the next sweep.

const PULL_MESSAGES = 2000;
/**
 * The server hangs up on a client that 64 MiB wait for, and with it everything else on the connection. A pull of large messages would
 * reach that, so each also ends at this many bytes; two may be open, of several followers on one connection.
 */
const PULL_BYTES = 8 * 1024 * 1024;
/** The next pull is asked for when fewer than this of the last one are still to come. */
const PULL_AGAIN_BELOW = 1000;
const PULL_EXPIRES_MS = 30_000;
export const HEARTBEAT_MS = 2000;
const NANOS = 1_000_000;
const STANDING = { expires: PULL_EXPIRES_MS * NANOS, idle_heartbeat: HEARTBEAT_MS * NANOS };

export type Pull = Readonly<Record<string, number | boolean>>;

export const createPulls = (rests: boolean) => {
  let asked = 0;
  let isBounded = true;
  let isRested = true;
  let isFirst = true;
  let received = 0;

  const bounds = (): Pull => (isBounded ? { max_bytes: PULL_BYTES } : {});

  const standing = (): Pull | undefined => {
    if (asked >= PULL_AGAIN_BELOW) return undefined;
    asked += PULL_MESSAGES;
    return { batch: PULL_MESSAGES, ...bounds(), ...STANDING };
  };

  const resting = (): Pull | undefined => {
    if (asked > 0 || !isRested) return undefined;
    const isSweep = isFirst || received > 0;
    isFirst = false;
    received = 0;
    asked = isSweep ? PULL_MESSAGES : 1;
    return { batch: asked, ...bounds(), ...(isSweep ? { no_wait: true } : STANDING) };
  };

  return {
    /** Something is still to come, or a heartbeat in its place. */
    get isOpen(): boolean {
      return asked > 0;
    },

    /** What to ask for now, if anything. */
    next: rests ? resting : standing,

    delivered: (): void => {
      asked = Math.max(0, asked - 1);
      received += 1;
      isRested = false;
    },

    /** The time that a follower rests for is over. */
    rested: (): void => {
      isRested = true;
    },

    /**
     * A pull is over, having brought so many fewer than asked for: its time or its bytes ran out (408, 409), or there was nothing (404).
     * False: the status says something else, and the consumer is gone.
     */
    ended: (code: number, missing: string): boolean => {
      const isNothing = rests && code === 404;
      if (!isNothing && ((code !== 408 && code !== 409) || missing === '')) return false;
      // One message that is larger than a whole pull: only a pull without that limit brings it.
      if (code === 409 && Number(missing) === PULL_MESSAGES) isBounded = false;
      asked = isNothing ? 0 : Math.max(0, asked - Number(missing));
      return true;
    },
  };
};
