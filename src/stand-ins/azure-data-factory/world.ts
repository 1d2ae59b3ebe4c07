// Everything this program remembers, in one value that a reset replaces. Tokens and throttling outlive a reset: to a client
// that keeps running across two tests, a reset must not look like a new identity provider.

import { FaultTable } from '../common/faults.ts';
import { Journal } from './journal.ts';
import type { StandInOptions } from './options.ts';
import { createFactories, type Factory } from './pipelines.ts';
import { RunStore } from './runs.ts';
import { Throttle } from './throttle.ts';
import { TokenAuthority } from './token.ts';

export type World = {
  readonly options: StandInOptions;
  readonly tokens: TokenAuthority;
  readonly throttle: Throttle;
  readonly factories: readonly Factory[];
  readonly runs: RunStore;
  readonly faults: FaultTable;
  readonly journal: Journal;
};

export const createWorld = (options: StandInOptions): World => ({
  options,
  tokens: new TokenAuthority(options),
  throttle: new Throttle(options.limits, options.subscriptionId, options.now),
  ...freshState(options),
});

export const resetWorld = (world: World): World => ({ ...world, ...freshState(world.options) });

const freshState = (options: StandInOptions): Pick<World, 'factories' | 'runs' | 'faults' | 'journal'> => ({
  factories: createFactories(options),
  runs: new RunStore(() => options.now() - options.runsBehindMs, options.unseenMs),
  faults: new FaultTable(),
  journal: new Journal(options.now),
});
