// jq programs that users wrote. jq/ implements it in worker threads that can be ended.

import type { JsonValue } from '../../core/json.ts';
import type { Result } from '../../core/result.ts';

/** Evaluates jq programs that users wrote: somewhere where they can be stopped. */
export interface JqRunner {
  /**
   * All outputs of `program` on `input`. Errors are rejections, with a message fit for the user: JQ_INVALID (does not compile, fails, runs
   * longer than `timeoutMs`, default 1000, or puts out more than 1 MiB). Faults: none.
   */
  run(
    program: string,
    input: JsonValue,
    options?: { readonly timeoutMs?: number; readonly variables?: Readonly<Record<string, JsonValue>> },
  ): Promise<Result<readonly JsonValue[]>>;
  /** Whether `program` compiles, without running it. `variables`: names that it may use. Errors: JQ_INVALID. */
  check(
    program: string,
    options?: { readonly timeoutMs?: number; readonly variables?: readonly string[] },
  ): Promise<Result<void>>;
  close(): Promise<void>;
}
