// Which operators have instances, as the supervisor's last round saw it: for who waits until nothing of an operator runs any more.

import type { ObservedInstance } from './decide.ts';
import { parseInstanceId } from './instance-id.ts';

type Look = { readonly observed: readonly ObservedInstance[]; readonly troubles: ReadonlyMap<string, unknown> };

/** `drivers`: those whose word is needed. What is ended and not removed yet, and what is being started, counts. `unknown`: one of them does not answer. */
export type InstancesOf = (operator: string, drivers: Iterable<string>) => 'none' | 'some' | 'unknown';

export const createLastLook = () => {
  let last: Look | undefined;
  const instancesOf: InstancesOf = (operator, drivers) => {
    if (last === undefined) return 'unknown';
    if (last.observed.some(({ id }) => parseInstanceId(id)?.operator === operator)) return 'some';
    const { troubles } = last;
    return [...drivers].some((driver) => troubles.has(driver)) ? 'unknown' : 'none';
  };
  return { saw: (look: Look): void => void (last = look), instancesOf };
};
