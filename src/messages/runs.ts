// A run as events and entities speak of it.

import type { JsonObject } from '../core/json.ts';

/**
 * One execution that is wanted of a runnable resource. `id` is the id of the event that asked for it. `action`: one that the type
 * declares, with `parameters` that its schema accepts; without it: the normal run.
 */
export type RunRequest = {
  readonly id: string;
  readonly number: number;
  readonly requestedAt: string;
  readonly action?: string;
  readonly parameters?: JsonObject;
  /** It was wanted by a changed spec, not by somebody who asked for a run. */
  readonly ofSpec?: true;
};

/**
 * How a run ended. `replaced`: cancelled for, or dropped for, one that was to take its place. `superseded`: it waited, for a spec that has
 * changed again. `skipped`: it was wanted by a change while another went on, and the type says skip. `unknown`: a version that did not record
 * ends wanted another run.
 */
export type RunEnd = 'succeeded' | 'failed' | 'cancelled' | 'replaced' | 'superseded' | 'skipped' | 'unknown';
