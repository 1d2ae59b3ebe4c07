// What the API said.

import type { JsonObject, JsonValue } from '../../sdk/index.ts';

export type Answer = {
  /** The request in words. */
  readonly what: string;
  /** What programs see as `.response`. */
  readonly response: { readonly status: number; readonly headers: JsonObject; readonly body: JsonValue };
  /** There was a body, and it is not JSON. */
  readonly isUnreadable: boolean;
};
