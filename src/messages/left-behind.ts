// What a forced deletion, or a release, leaves outside: things that no component will be asked to remove. Named in the event, so that the
// history says who left what where, and in the receipt. Bounded: an operator may have any number of resources.

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

/** `items` are the first of `total`, by workspace and name: as many as MAX_LEFT_BEHIND and MAX_LEFT_BEHIND_BYTES allow. */
export type LeftBehind = { readonly total: number; readonly items: readonly LeftBehindItem[] };

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
  return total === 0 ? undefined : { total, items: boundedItems(parts.flatMap(({ items }) => items)) };
};

/** What the data of an event says is left behind. */
export const leftBehindIn = (data: object): LeftBehind | undefined => {
  const { leftBehind } = data as { readonly leftBehind?: LeftBehind };
  return leftBehind;
};
