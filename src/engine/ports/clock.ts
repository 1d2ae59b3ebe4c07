// Time and ids, so that a test can drive them. program/ implements both.

export interface Clock {
  nowMs(): number;
  /** Resolves after `delayMs`, or at once when `signal` aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface IdSource {
  /** A new unique id, lower case, a subject token (UUID v7). */
  next(): string;
}
