// New ids: UUID v7, lower case, so that ids made later sort later and every id is a subject token.

import { v7 } from 'uuid';
import type { IdSource } from '../engine/ports.ts';

export const uuidSource: IdSource = { next: () => v7() };
