// What a decision has to know beyond the aggregate that it is about: which resources need an operator, what was last seen of a resource,
// which operators there are. The first is asked of the query-responder at the sequence of the last resource event, so that nothing
// accepted before is missed (src/README.md, decision 6); the last is only for a hint in a refusal and may be a moment old.

import { encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { STATUS_TYPE, type Entity, type EntityStatus } from '../../messages/entity.ts';
import {
  boundedItems,
  MAX_LEFT_BEHIND,
  type LeftBehind,
  type LeftBehindItem,
  type LeftStorage,
} from '../../messages/left-behind.ts';
import { listAnswerIn } from '../../messages/list-answer.ts';
import type { ListAnswer, OperatorDocument, Summary } from '../../messages/queries.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { damagedView } from '../../messages/view-documents.ts';
import { lastOwnStatus } from '../history/last-own-status.ts';
import type { Clock } from '../ports/clock.ts';
import type { Requester } from '../ports/services.ts';
import type { StreamReader } from '../ports/streams.ts';

const WAIT_MS = 5000;
/** A hint is not worth more. */
const HINT_TIMEOUT_MS = 500;
const HINT_MAX_AGE_MS = 2000;
const MAX_HINTS = 200;

/** `operators`: the first MAX_LEFT_BEHIND of them. */
export type SecretUsers = { readonly total: number; readonly operators: readonly string[] };

export type Relations = {
  /** Resources that need the operator. Faults: NATS_NO_RESPONDERS, NATS_TIMEOUT, JS_UNAVAILABLE when the views did not catch up in time, VIEW_DAMAGED. */
  dependentsOf(operator: string): Promise<LeftBehind>;
  /** The last status on the resource's subject that is ours; undefined when there is none. */
  lastStatusOf(entity: Entity): Promise<EntityStatus | undefined>;
  /** The status of the resource at that sequence of OPSTREAM_STATUS, or the last one when that is not kept any more; undefined: neither is ours. */
  statusAt(entity: Entity, sequence: number): Promise<EntityStatus | undefined>;
  /** Names of the operators whose components refer to the secret. Faults: as for dependentsOf. */
  usersOfSecret(workspace: string, name: string): Promise<SecretUsers>;
  /** Names of operators for "did you mean"; none when nobody answers. */
  operatorNames(): Promise<readonly string[]>;
  /** Streams and buckets that stay when the operator goes (left-storage.ts). Faults: what other operators there are cannot be read. */
  storageLeftBy(operator: OperatorDocument): Promise<readonly LeftStorage[]>;
};

const itemOf = (summary: Summary): LeftBehindItem => ({
  workspace: summary.workspace,
  name: summary.name,
  operator: summary.operator ?? '',
  resourceType: summary.resourceType ?? '',
  ...(summary.externalName === undefined ? {} : { externalName: summary.externalName }),
  ...(summary.externalId === undefined ? {} : { externalId: summary.externalId }),
  status: summary.status,
  ...(summary.runtime === '' ? {} : { runtime: summary.runtime }),
});

export const createRelations = (options: {
  readonly names: Names;
  /** Of OPSTREAM_EVENTS. */
  readonly events: StreamReader;
  /** Of OPSTREAM_STATUS. */
  readonly statuses: StreamReader;
  readonly requester: Requester;
  readonly clock: Clock;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
  readonly storageLeftBy: Relations['storageLeftBy'];
}): Relations => {
  const { names, events, statuses, requester, clock, own = createOwnEvents(names), storageLeftBy } = options;
  let known: { readonly names: readonly string[]; readonly atMs: number } | undefined;

  const list = async (query: object, timeoutMs: number): Promise<ListAnswer | undefined> => {
    const reply = await requester.request(names.query('list'), encodeJson(query), { timeoutMs });
    return listAnswerIn(reply.data);
  };
  /** Everything, or nothing that could be decided on. */
  const listAll = async (query: object): Promise<ListAnswer | undefined> => {
    const answer = await list(query, WAIT_MS + 2000);
    if (answer?.damaged !== undefined) throw damagedView(answer.damaged);
    return answer?.stale === true ? undefined : answer;
  };

  const subjectOf = ({ manifest: { workspace, name, resource } }: Entity): string =>
    names.status({ operator: resource.operator, workspace, name });

  const lastStatusOf = async (entity: Entity): Promise<EntityStatus | undefined> => {
    const { event } = await lastOwnStatus(statuses, own, subjectOf(entity));
    return event?.type === STATUS_TYPE ? event.data : undefined;
  };

  return {
    storageLeftBy,

    dependentsOf: async (operator) => {
      const minSequence = await events.lastSequence();
      const query = { type: 'resource', operator, limit: MAX_LEFT_BEHIND, minSequence, waitMs: WAIT_MS };
      const answer = await listAll(query);
      if (answer === undefined) {
        throw new Fault(
          'JS_UNAVAILABLE',
          `it cannot be told yet whether resources need operator "${operator}": the views are behind`,
        );
      }
      return { total: answer.total, items: boundedItems(answer.items.map(itemOf)) };
    },

    usersOfSecret: async (workspace, name) => {
      const minSequence = await events.lastSequence();
      const secret = `${workspace}/${name}`;
      const query = { type: 'operator', secret, limit: MAX_LEFT_BEHIND, minSequence, waitMs: WAIT_MS };
      const answer = await listAll(query);
      if (answer === undefined) {
        throw new Fault(
          'JS_UNAVAILABLE',
          `it cannot be told yet whether operators refer to secret "${secret}": the views are behind`,
        );
      }
      return { total: answer.total, operators: answer.items.map((item) => item.name) };
    },

    lastStatusOf,

    statusAt: async (entity, sequence) => {
      const [message] = await statuses.readSubject(subjectOf(entity), { fromSequence: sequence, limit: 1 });
      const decoded = message?.sequence === sequence ? own.status(message) : undefined;
      if (decoded === undefined || 'problem' in decoded) return lastStatusOf(entity);
      return decoded.event.type === STATUS_TYPE ? decoded.event.data : undefined;
    },

    operatorNames: async () => {
      if (known !== undefined && clock.nowMs() - known.atMs < HINT_MAX_AGE_MS) return known.names;
      try {
        const answer = await list({ type: 'operator', limit: MAX_HINTS }, HINT_TIMEOUT_MS);
        known = { names: answer?.items.map(({ name }) => name) ?? [], atMs: clock.nowMs() };
      } catch (error) {
        if (!isFault(error)) throw error;
        known = { names: [], atMs: clock.nowMs() };
      }
      return known.names;
    },
  };
};
