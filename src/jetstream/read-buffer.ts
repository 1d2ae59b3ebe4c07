// What a follower has received and not handed over yet, bounded by number and size. Filled by its consumer, emptied by the follower.

import type { StoredMessage } from '../engine/ports/streams.ts';

const MAX_MESSAGES = 8000;
const MAX_BYTES = 32 * 1024 * 1024;

export type ReadBuffer = ReturnType<typeof createReadBuffer>;

export const createReadBuffer = () => {
  let messages: StoredMessage[] = [];
  let bytes = 0;
  let wake: () => void = () => undefined;

  return {
    get length(): number {
      return messages.length;
    },
    get hasRoom(): boolean {
      return messages.length < MAX_MESSAGES && bytes < MAX_BYTES;
    },
    push: (message: StoredMessage): void => {
      messages.push(message);
      bytes += message.data.length;
      wake();
    },
    take: (most: number): readonly StoredMessage[] => {
      const batch = messages.length <= most ? messages : messages.slice(0, most);
      messages = messages.length <= most ? [] : messages.slice(most);
      if (messages.length === 0) bytes = 0;
      else for (const { data } of batch) bytes -= data.length;
      return batch;
    },
    /** Resolves when there is something more to look at: a message, or what was told by `wake`. */
    changed: (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    wake: (): void => wake(),
  };
};
