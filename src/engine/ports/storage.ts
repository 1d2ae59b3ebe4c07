// Streams and buckets of operators as the engine sees them: what it asks of the server about one of them, and how it removes one.

import type { LeftStorage } from '../../messages/left-behind.ts';

export type StorageRef = Pick<LeftStorage, 'kind' | 'name'>;

/** What the server tells of a stream or a bucket that is there. */
export type StorageFacts = {
  /** opstream made it. */
  readonly isOurs: boolean;
  /** Of a stream; empty for a bucket that has only those of its name. */
  readonly subjects: readonly string[];
  readonly messages: number;
  /** Without messages; a bucket also when it has only markers of what was deleted. */
  readonly isEmpty: boolean;
  /** A consumer waits for messages, or has some that it was not given or has not acknowledged. */
  readonly isUsed: boolean;
};

export interface OperatorStorage {
  /** Undefined: there is none of that name. Faults: it cannot be told, or not whether it is empty. */
  look(ref: StorageRef): Promise<StorageFacts | undefined>;
  /** Also when it was gone before. Faults: JS_REFUSED and those of `look`. */
  remove(ref: StorageRef): Promise<void>;
}
