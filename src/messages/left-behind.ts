// What a forced deletion, or a release, leaves outside: things that no component will be asked to remove. Named in the event, so that the
// history says who left what where, and in the receipt. Bounded: an operator may have any number of resources. And what a deleted operator
// leaves on the NATS server: streams and buckets that hold something, cannot be read, or are not opstream's to remove.

import type { RuntimeStatus, ShownStatus } from './entity.ts';

/** One resource whose external thing stays as it is. */
export type LeftBehindItem = {
  readonly workspace: string;
  readonly name: string;
  readonly operator: string;
  readonly resourceType: string;
  /** What nameJqFilter made of it: the name that it should have outside. */
  readonly externalName?: string;
  /** Name or id of the external thing, as the component last reported it; absent: it never reported one. */
  readonly externalId?: string;
  /** As last reported. */
  readonly status: ShownStatus;
  readonly runtime?: RuntimeStatus;
};

/**
 * `NotEmpty`: it goes by itself once it is empty and nobody uses it. `Unreadable`: nobody can say whether it is empty. `NotOurs`: opstream did
 * not make it, or it has subjects that no manifest of the operator names; it is never removed.
 */
export type LeftStorageReason = 'NotEmpty' | 'Unreadable' | 'NotOurs';

/** A command stream or a component's state bucket that outlives its operator. */
export type LeftStorage = {
  readonly kind: 'stream' | 'bucket';
  readonly name: string;
  readonly reason: LeftStorageReason;
  /** As the server counts them; absent: unknown. */
  readonly messages?: number;
};

/**
 * `items` are the first of `total`, by workspace and name: as many as MAX_LEFT_BEHIND and MAX_LEFT_BEHIND_BYTES allow. `storage` is of a
 * deleted operator only, and not counted in `total`; absent: none.
 */
export type LeftBehind = {
  readonly total: number;
  readonly items: readonly LeftBehindItem[];
  readonly storage?: readonly LeftStorage[];
};

export const MAX_LEFT_BEHIND = 200;
/** They go into an event, and external ids are as long as a component likes. */
const MAX_LEFT_BEHIND_BYTES = 256 * 1024;
export const NOTHING_LEFT: LeftBehind = { total: 0, items: [] };

/** As many of the items, from the first on, as an event has room for. */
export const boundedItems = (items: readonly LeftBehindItem[]): readonly LeftBehindItem[] => {
  let leftBytes = MAX_LEFT_BEHIND_BYTES;
  const room = items.slice(0, MAX_LEFT_BEHIND).findIndex((item) => {
    leftBytes -= Buffer.byteLength(JSON.stringify(item));
    return leftBytes < 0;
  });
  return items.slice(0, room < 0 ? MAX_LEFT_BEHIND : room);
};

/** Several of them as one; undefined when nothing is left behind. */
export const joinLeftBehind = (parts: readonly LeftBehind[]): LeftBehind | undefined => {
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  const storage = parts.flatMap((part) => part.storage ?? []);
  if (total === 0 && storage.length === 0) return undefined;
  const items = boundedItems(parts.flatMap((part) => part.items));
  return storage.length === 0 ? { total, items } : { total, items, storage };
};

/** What the data of an event says is left behind. */
export const leftBehindIn = (data: object): LeftBehind | undefined => {
  const { leftBehind } = data as { readonly leftBehind?: LeftBehind };
  return leftBehind;
};
