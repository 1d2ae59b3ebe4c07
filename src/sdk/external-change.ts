// What a reconciler says about a change that it made outside.

export const CHANGES = ['Created', 'Adopted', 'Updated', 'DriftCorrected', 'Recreated', 'Restored', 'Deleted'] as const;

/**
 * `Created`: made for the first time. `Adopted`: it was there and is the resource's from now on. `Updated`: brought to what the resource asks
 * for by now. `DriftCorrected`: brought back to what it was asked to be before. `Recreated`: it was gone. `Restored`: brought back from
 * where it was deleted to. `Deleted`: with the resource; the message says what is left.
 */
export type ChangeReason = (typeof CHANGES)[number];

/** `message`: what differed (see `differenceText`), what was made, what is left; without secrets. Default: nothing. */
export type ExternalChange = { readonly what: ChangeReason; readonly message?: string };
