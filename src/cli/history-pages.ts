// All stored events and statuses of one thing, page after page.

import type { Rejection } from '../core/rejection.ts';
import { ok, type Result } from '../core/result.ts';
import type { Client, Identity } from '../client/types.ts';
import { MAX_PAGE_SIZE, type HistoryEntry } from '../messages/queries.ts';
import { targetOf } from './verb.ts';

/** The oldest `limit` of them; default: all. */
export const readHistory = async (
  client: Pick<Client, 'query'>,
  identity: Identity,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<Result<readonly HistoryEntry[], Rejection>> => {
  const entries: HistoryEntry[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.query('history', {
      ...targetOf(identity),
      limit: Math.min(MAX_PAGE_SIZE, limit - entries.length),
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (!page.ok) return page;
    entries.push(...page.value.entries);
    cursor = page.value.next;
    if (cursor === undefined || entries.length >= limit) return ok(entries);
  }
};
