// Which command ids have an outcome that is their only memory (refused, or unchanged): known without asking the server for each command.
// The command-handler follows OPSTREAM_OUTCOMES from its beginning; until it has caught up, and for ids that are in it, the stored outcome
// is read. An outcome that another copy has written a moment ago may be missing here for as long as it takes to arrive, as it may be
// missing from a read that was a moment too early.

import { includesBytes } from '../../core/bytes.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';
import { fnv1a, type Names } from '../../messages/subjects.ts';

export type OutcomeIndex = {
  /** False: there is no such outcome. True: there may be one. */
  mayHave(commandId: string): boolean;
  add(commandId: string): void;
  /** Resolves when `signal` aborts. */
  follow(signal: AbortSignal): Promise<void>;
};

/** In an outcome of a command that stored nothing. A chance match in a message text only costs a read. */
const WITHOUT_EVENTS = new TextEncoder().encode('"events":[]');

/** 53 bits of the id: a collision costs a read. */
const keyOf = (commandId: string): number => fnv1a(commandId) * 2 ** 21 + (fnv1a(`${commandId}.`) >>> 11);

export const createOutcomeIndex = (options: {
  readonly names: Names;
  readonly follower: StreamFollower;
  readonly log: Log;
}): OutcomeIndex => {
  const known = new Set<number>();
  const prefixLength = options.names.outcome('x').length - 1;
  let isCaughtUp = false;

  const absorb = (message: StoredMessage): void => {
    if (includesBytes(message.data, WITHOUT_EVENTS)) known.add(keyOf(message.subject.slice(prefixLength)));
  };

  return {
    mayHave: (commandId) => !isCaughtUp || known.has(keyOf(commandId)),
    add: (commandId) => {
      known.add(keyOf(commandId));
    },
    follow: async (signal) => {
      try {
        await options.follower.follow({
          fromSequence: 1,
          maxBatch: 1000,
          signal,
          onEmpty: () => {
            isCaughtUp = true;
          },
          onBatch: (batch, pending) => {
            for (const message of batch) absorb(message);
            if (pending === 0 && !isCaughtUp) {
              isCaughtUp = true;
              options.log.info({ outcomes: known.size }, 'outcomes known');
            }
          },
        });
      } finally {
        isCaughtUp = false;
      }
    },
  };
};
