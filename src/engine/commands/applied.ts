// What one command has stored on one aggregate.

import type { ReceiptEvent } from '../../messages/commands.ts';
import type { LeftBehind } from '../../messages/left-behind.ts';

/** What one command stored on this aggregate: enough to answer it again. */
export type Applied = {
  readonly events: readonly ReceiptEvent[];
  readonly generation: number;
  readonly leftBehind?: LeftBehind;
};
