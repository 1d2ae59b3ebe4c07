// The state of one operator, folded from its events. `operator` is what the KV document says; it is absent before registration and
// after deletion, while `generation` goes on counting.

import type { OperatorDocument } from '../../messages/queries.ts';

export type OperatorState = { readonly generation: number; readonly operator?: OperatorDocument };

export const initialOperatorState: OperatorState = { generation: 0 };
