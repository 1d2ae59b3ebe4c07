// Leases: who leads. jetstream/lease-keeper.ts implements them on a bucket.

/** `token` grows with every holder: the fencing token. `lost` aborts when the lease could not be renewed in time. */
export type Lease = {
  readonly name: string;
  readonly token: number;
  readonly lost: AbortSignal;
  release(): Promise<void>;
};

export interface LeaseKeeper {
  /**
   * Waits until the lease is ours (or `signal` aborts: undefined). Default ttlMs 5000; renewed every third of it. A released lease is
   * taken over at once, a dead holder's within `ttlMs` and a second.
   */
  acquire(
    name: string,
    options: {
      readonly ttlMs?: number;
      readonly holder: string;
      readonly signal: AbortSignal;
      /** What the record of the lease says beside its holder, at each renewal: for whoever watches over the holder. */
      facts?(): Readonly<Record<string, unknown>>;
    },
  ): Promise<Lease | undefined>;
}
