/** A value that is still being put together: its fields are set one by one, and nobody else has it yet. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
