// First in, first out, without moving elements. A thing gives up its place by taking another ticket; the lane skips such places. The lanes of
// the work line are these.

/** `ticket`: its valid place. */
export type Ticketed = { readonly ticket: number };

export const createLane = <TItem extends Ticketed>() => {
  let places: ({ readonly item: TItem; readonly ticket: number } | undefined)[] = [];
  let head = 0;
  return {
    push: (item: TItem): void => {
      places.push({ item, ticket: item.ticket });
    },
    shift: (): TItem | undefined => {
      while (head < places.length) {
        const place = places[head];
        places[head] = undefined;
        head += 1;
        if (head > 1024 && head * 2 > places.length) {
          places = places.slice(head);
          head = 0;
        }
        if (place?.ticket === place?.item.ticket) return place?.item;
      }
      return undefined;
    },
  };
};
