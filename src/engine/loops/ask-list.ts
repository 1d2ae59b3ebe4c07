// Asks somebody to do something about what a stream says, and goes on when it is answered. Nothing is lost and nothing done twice, whatever is
// killed: the checkpoint follows the answers, so a message is asked about again until there is one, and who is asked does nothing about what is
// done already. Called by the operator-runtime's loops for the ends of runs and of deletions.

import { decodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import type { Receipt } from '../../messages/commands.ts';
import type { Clock } from '../ports/clock.ts';
import type { Requester } from '../ports/services.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';
import type { Turn } from './turn.ts';

export type Question = {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/** The receipt, whether it accepts or refuses; undefined when `signal` aborts first. Asks again and again until then. */
export const askUntilAnswered = async (
  { subject, body, headers }: Question,
  how: {
    readonly requester: Requester;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly retryMs: number;
    onFault(error: unknown): void;
  },
): Promise<Receipt | undefined> => {
  const { requester, clock, signal, retryMs } = how;
  while (!signal.aborted) {
    try {
      const reply = decodeJson((await requester.request(subject, body, { headers })).data);
      if (isJsonObject(reply) && typeof reply['accepted'] === 'boolean') return reply as unknown as Receipt;
    } catch (error) {
      if (!isFault(error)) throw error;
      how.onFault(error);
    }
    await clock.sleep(retryMs, signal);
  }
  return undefined;
};

export type AskListOptions<T> = {
  readonly turn: Turn;
  /** Names its checkpoint. */
  readonly loop: string;
  readonly follower: StreamFollower;
  /** For all of the stream. */
  readonly filter: string;
  /** See FollowOptions. */
  readonly restMs: number;
  /** What is to be asked about. */
  itemsIn(batch: readonly StoredMessage[]): readonly T[];
  /** Resolves when it is answered, or the turn is over. */
  ask(item: T): Promise<void>;
};

/** Resolves when the turn is over. */
export const runAskList = async <T>(options: AskListOptions<T>): Promise<void> => {
  const { turn, follower, filter, restMs } = options;
  const { signal } = turn;
  const checkpoint = await turn.checkpoint(options.loop);
  await follower.follow({
    fromSequence: checkpoint.next,
    filters: turn.filters(filter),
    restMs,
    signal,
    onBatch: async (batch, pending) => {
      const items = options.itemsIn(batch);
      if (items.length > 0) await Promise.all(items.map((item) => options.ask(item)));
      if (!signal.aborted) await checkpoint.handled(batch, pending);
    },
  });
  await checkpoint.write();
};
