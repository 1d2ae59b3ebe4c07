// Looks at every resource of an operator as it is stored: schema evolution asks it. Rows come from the query-responder at the last sequence of
// OPSTREAM_EVENTS, page by page, the documents from KV. It looks again at what has changed meanwhile, until nothing has: so what it says
// holds for all that was accepted up to a moment ago, however long the first look took.

import { encodeJson } from '../../core/decode.ts';
import { Fault } from '../../core/fault.ts';
import { listAnswerIn } from '../../messages/list-answer.ts';
import { MAX_PAGE_SIZE, type Summary } from '../../messages/queries.ts';
import { damagedView, documentIn } from '../../messages/view-documents.ts';
import { viewKeys, type Names } from '../../messages/subjects.ts';
import type { Entity } from '../../messages/entity.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Requester } from '../ports/services.ts';
import type { StreamReader } from '../ports/streams.ts';

const WAIT_MS = 5000;
const MAX_ROUNDS = 6;
/** Between two reads the event loop is free for other commands. */
const DOCUMENTS_AT_ONCE = 250;

export type Verdict<T> = { readonly entity: Entity; readonly found: T };

export interface Census {
  /**
   * What `judge` says of each resource of the operator; those of which it says nothing are left out. Ordered by key.
   * Faults: NATS_NO_RESPONDERS, NATS_TIMEOUT, JS_UNAVAILABLE (the views are behind, or the resources change faster than they can be read),
   * VIEW_DAMAGED.
   */
  judgeAll<T>(operator: string, judge: (entity: Entity) => T | undefined): Promise<readonly Verdict<T>[]>;
}

type Known<T> = { readonly mark: string; readonly verdict: Verdict<T> | undefined };

export const createCensus = (options: {
  readonly names: Names;
  /** Of OPSTREAM_EVENTS. */
  readonly events: StreamReader;
  readonly requester: Requester;
  readonly entities: Pick<KeyValueStore, 'getMany'>;
}): Census => {
  const { names, events, requester, entities } = options;
  const behind = (operator: string): Fault =>
    new Fault(
      'JS_UNAVAILABLE',
      `the resources of operator "${operator}" cannot be read yet: the views are behind; send it again`,
    );

  const rowsOf = async (operator: string, minSequence: number): Promise<readonly Summary[]> => {
    const rows: Summary[] = [];
    for (let cursor: string | undefined; ;) {
      const query = { type: 'resource', operator, limit: MAX_PAGE_SIZE, minSequence, waitMs: WAIT_MS };
      const body = encodeJson(cursor === undefined ? query : { ...query, cursor });
      const reply = await requester.request(names.query('list'), body, { timeoutMs: WAIT_MS + 2000 });
      const page = listAnswerIn(reply.data);
      if (page === undefined || page.stale === true) throw behind(operator);
      if (page.damaged !== undefined) throw damagedView(page.damaged);
      rows.push(...page.items);
      cursor = page.next;
      if (cursor === undefined) return rows;
    }
  };

  const read = async (operator: string, rows: readonly Summary[]): Promise<readonly (Entity | undefined)[]> => {
    const documents = await entities.getMany(rows.map(({ workspace, name }) => viewKeys.entity(workspace, name)));
    return documents.map((document, index) => {
      const entity = documentIn('entity', document);
      if (entity !== undefined && entity.generation < (rows[index]?.generation ?? 0)) throw behind(operator);
      return entity;
    });
  };

  return {
    judgeAll: async <T>(operator: string, judge: (entity: Entity) => T | undefined) => {
      let known = new Map<string, Known<T>>();
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const rows = await rowsOf(operator, await events.lastSequence());
        const next = new Map<string, Known<T>>();
        const unread: Summary[] = [];
        const keyOf = ({ workspace, name }: Summary): string => `${workspace}.${name}`;
        const markOf = ({ generation, updatedAt, createdAt }: Summary): string =>
          `${generation} ${createdAt} ${updatedAt}`;
        for (const row of rows) {
          const before = known.get(keyOf(row));
          if (before?.mark === markOf(row)) next.set(keyOf(row), before);
          else unread.push(row);
        }
        for (let from = 0; from < unread.length; from += DOCUMENTS_AT_ONCE) {
          const chunk = unread.slice(from, from + DOCUMENTS_AT_ONCE);
          for (const [index, entity] of (await read(operator, chunk)).entries()) {
            const row = chunk[index];
            if (entity === undefined || row === undefined) continue;
            const found = judge(entity);
            next.set(keyOf(row), { mark: markOf(row), verdict: found === undefined ? undefined : { entity, found } });
          }
        }
        known = next;
        if (unread.length === 0) {
          return [...known.entries()]
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .flatMap(([, { verdict }]) => (verdict === undefined ? [] : [verdict]));
        }
      }
      throw behind(operator);
    },
  };
};
