// The state of one secret, folded from its events: absent before the first declaration and after the deletion, while `generation` goes on
// counting. Its values are sealed: nothing here can be read without the key ring.

import type { SecretDocument } from '../../messages/queries.ts';

export type SecretState = { readonly generation: number; readonly secret?: SecretDocument };

export const initialSecretState: SecretState = { generation: 0 };
