// Ids in the form of the real ones (UUID), one after the other: the same run makes the same ids.

import type { IdSource } from '../engine/ports/clock.ts';

export const countedIds = (group = 0): IdSource => {
  let count = 0;
  const head = group.toString(16).padStart(8, '0');
  return {
    next: () => {
      count += 1;
      return `${head}-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
    },
  };
};
