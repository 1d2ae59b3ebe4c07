// Values that are mostly there already. An async function costs a frame on the heap (kilobytes where it has many variables), promises and
// turns of the microtask queue; what is asked for with every command returns its value as it is when there is nothing to wait for.

export type Awaitable<T> = T | Promise<T>;

/** Whether there is something to wait for. `await` only then. */
export const isPending = <T>(value: Awaitable<T>): value is Promise<T> => value instanceof Promise;
