// All stored events and statuses of one thing, page after page. A status comes back with each page that its time touches, so what was
// seen is remembered.

import type { Rejection } from '../core/rejection.ts';
import { ok, type Result } from '../core/result.ts';
import type { Client, Identity } from '../client/types.ts';
import { MAX_PAGE_SIZE, type HistoryEntry } from '../messages/queries.ts';
import { targetOf } from './verb.ts';

export const readHistory = async (
  client: Pick<Client, 'query'>,
  identity: Identity,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<Result<readonly HistoryEntry[], Rejection>> => {
  const entries = new Map<string, HistoryEntry>();
  for (let fromSequence = 1; ;) {
    const page = await client.query('history', { ...targetOf(identity), fromSequence, limit: MAX_PAGE_SIZE });
    if (!page.ok) return page;
    for (const entry of page.value.entries) entries.set(`${entry.stream}#${entry.sequence}`, entry);
    const { next } = page.value;
    if (next === undefined || next <= fromSequence || entries.size >= limit)
      return ok([...entries.values()].slice(0, limit));
    fromSequence = next;
  }
};
