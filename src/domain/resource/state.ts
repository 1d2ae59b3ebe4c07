// The state of one resource, folded from its events. `entity` is what the KV document and the components see; it is absent before
// the first declaration and after the deletion, while `generation` goes on counting.

import type { Entity } from '../../messages/entity.ts';

export type ResourceState = { readonly generation: number; readonly entity?: Entity };

export const initialResourceState: ResourceState = { generation: 0 };
