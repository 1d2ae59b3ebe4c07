// What the steps of a reconcile share.

import type { Ledger } from '../../sdk/index.ts';
import type { Hightouch } from './client.ts';
import type { Ensure } from './ensure.ts';
import type { HightouchSettings } from './settings.ts';
import type { Uses } from './uses.ts';

export type Parts = {
  readonly settings: HightouchSettings;
  readonly api: Hightouch;
  readonly ensure: Ensure;
  readonly uses: Uses;
  now(): number;
  /** Of runs. */
  ledger(): Ledger;
};
