// Answers queries. Rows come from the directory in memory, whole documents from KV, history from the streams. A query that names a
// sequence is not answered from before it (P7): it waits, and says `stale: true` when that took longer than `waitMs`.

import { Fault } from '../../core/fault.ts';
import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { isAbout, summaryOfEntity, summaryOfOperator, summaryOfSecret } from '../../views/summary.ts';
import { masked } from '../../manifest/sealed.ts';
import { parseQuery, type ParsedQuery } from '../../manifest/bodies/query.ts';
import { printable } from '../../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { refOfKind, viewKeys, type Kind, type Names } from '../../messages/subjects.ts';
import {
  DEFAULT_QUERY_WAIT_MS,
  queryVerbs,
  type GetAnswer,
  type GetQuery,
  type HistoryAnswer,
  type HistoryQuery,
  type ListAnswer,
  type ListQuery,
  type OutcomeAnswer,
  type OutcomeQuery,
  type RunsAnswer,
  type RestOfGet,
  type StatusAnswer,
  type StatusQuery,
} from '../../messages/queries.ts';
import { documentIn } from '../../messages/view-documents.ts';
import type { Directory, ListPage } from '../../views/directory.ts';
import { createHistory } from './answer-history.ts';
import { countFitting, FRAME_BYTES, sizeOf } from '../../messages/answer-room.ts';
import { createRunsAnswer } from './answer-runs.ts';
import { createOrphans } from './orphans.ts';
import { withOperatorTrouble } from './operator-trouble.ts';
import { refreshStatus } from './refresh-status.ts';
import type { Outcomes } from '../history/outcomes.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { StreamReader } from '../ports/streams.ts';
import type { ViewMirror } from './view-mirror.ts';
import { createViewTrust } from '../history/view-trust.ts';

export type Answer = GetAnswer | RestOfGet | ListAnswer | StatusAnswer | HistoryAnswer | OutcomeAnswer | RunsAnswer;

export type AnswerOptions = {
  readonly names: Names;
  readonly directory: Directory;
  readonly mirror: ViewMirror;
  readonly operators: KeyValueStore;
  readonly entities: KeyValueStore;
  readonly secrets: KeyValueStore;
  readonly events: StreamReader;
  readonly statuses: StreamReader;
  readonly outcomes: Pick<Outcomes, 'find'>;
  readonly clock: Clock;
  /** Decides which events and statuses count. Default: that of `names`. */
  readonly own?: OwnEvents;
  readonly askComponent: Parameters<typeof refreshStatus>[0];
};

type Position = { readonly sequence: number; readonly stale?: boolean };

const OUTCOME_POLL_MS = 50;

const notFound = (type: Kind, workspace: string, name: string) =>
  err(
    reject(
      'NOT_FOUND',
      type === 'operator'
        ? `there is no operator "${name}"; list them with type operator`
        : `there is no ${type} "${name}" in workspace "${workspace}"`,
    ),
  );

export const createAnswerer = (options: AnswerOptions) => {
  const { names, mirror, clock, own = createOwnEvents(names) } = options;
  const stream = names.streams.events;

  const { buckets } = names;
  const bucketOf = { operator: buckets.operators, resource: buckets.entities, secret: buckets.secrets };
  const trust = createViewTrust({ ...options, own });

  /**
   * That is not there, when the views can be believed. Faults: JS_UNAVAILABLE when they are not as far as the query asks for, and the thing
   * is there by then: a refusal cannot say that it is stale.
   */
  const absent = async (type: Kind, workspace: string, name: string, { sequence, stale }: Position) => {
    const found = await trust.confirmAbsent(refOfKind(type, workspace, name), sequence);
    if (found === 'absent' || stale !== true) return notFound(type, workspace, name);
    throw new Fault(
      'JS_UNAVAILABLE',
      `the views are at #${sequence} and do not have ${type} "${name}" yet, which the events have; ask again`,
    );
  };

  /** Waits until the views have what the query asks for. */
  const position = async (
    type: Kind | undefined,
    query: { readonly minSequence?: number; readonly waitMs?: number },
  ): Promise<Position> => {
    const { entities, secrets } = names.buckets;
    const bucket = bucketOf[type ?? 'resource'];
    const current = (): number => mirror.position(bucket, stream);
    if (query.minSequence === undefined) return { sequence: current() };
    const waitMs = query.waitMs ?? DEFAULT_QUERY_WAIT_MS;
    // The entities' checkpoint counts every event; the others only their own, so they are held against the last of those.
    const isThere = await Promise.all([
      (type ?? 'resource') !== 'resource' || mirror.reached(entities, stream, query.minSequence, waitMs),
      (type ?? 'operator') !== 'operator' || operatorsReached(query.minSequence, waitMs),
      (type ?? 'secret') !== 'secret' || reached(secrets, names.secretEventFilter, query.minSequence, waitMs),
    ]);
    return isThere.every(Boolean) ? { sequence: current() } : { sequence: current(), stale: true };
  };

  const reached = async (bucket: string, filter: string, minSequence: number, waitMs: number): Promise<boolean> => {
    if (mirror.position(bucket, stream) >= minSequence) return true;
    const last = (await options.events.readLast(filter))?.sequence ?? 0;
    return mirror.reached(bucket, stream, Math.min(minSequence, last), waitMs);
  };
  const operatorsReached = (minSequence: number, waitMs: number): Promise<boolean> =>
    reached(names.buckets.operators, names.operatorEventFilter, minSequence, waitMs);

  const orphans = createOrphans({ names, events: options.events, directory: options.directory, operatorsReached, own });

  const get = async (query: GetQuery): Promise<Result<GetAnswer>> => {
    const { type, workspace, name } = query;
    await trust.check(bucketOf[type]);
    const at = await position(type, query);
    if (type === 'operator') {
      const [wanted, seen] = await options.operators.getMany([viewKeys.operator(name), viewKeys.operatorStatus(name)]);
      const operator = masked(documentIn('operator', wanted));
      const status = documentIn('operatorStatus', seen);
      if (operator === undefined) return absent(type, workspace, name, at);
      return ok({
        type,
        summary: summaryOfOperator(operator, status),
        operator,
        ...(status === undefined ? {} : { status }),
        ...at,
      });
    }
    if (type === 'secret') {
      const secret = masked(documentIn('secret', await options.secrets.get(viewKeys.secret(workspace, name))));
      if (secret === undefined) return absent(type, workspace, name, at);
      return ok({ type, summary: summaryOfSecret(secret), secret, ...at });
    }
    const [wanted, seen] = await options.entities.getMany([
      viewKeys.entity(workspace, name),
      viewKeys.entityStatus(workspace, name),
    ]);
    const entity = documentIn('entity', wanted);
    const status = documentIn('entityStatus', seen);
    if (entity === undefined) return absent(type, workspace, name, at);
    const own = status !== undefined && isAbout(status, entity) ? status : undefined;
    const isOrphan = await orphans.isOrphan(entity);
    const operatorStatus = async () => {
      const key = viewKeys.operatorStatus(entity.manifest.resource.operator);
      return documentIn('operatorStatus', await options.operators.get(key));
    };
    const shown = isOrphan
      ? await orphans.statusOf(entity, own)
      : await withOperatorTrouble(entity, own, operatorStatus);
    const summary = summaryOfEntity(entity, status, isOrphan);
    return ok({ type, summary, entity, ...(shown === undefined ? {} : { status: shown }), ...at });
  };

  /** The answer whole, or its first page; the second one for who asks with its `next`. */
  const getPage = async (query: GetQuery, roomBytes: number): Promise<Result<GetAnswer | RestOfGet>> => {
    const answer = await get(query);
    if (!answer.ok) return answer;
    const { status: seen, ...first } = answer.value;
    const { sequence, stale } = first;
    if (query.cursor === 'status')
      return ok({
        sequence,
        ...(stale === undefined ? {} : { stale }),
        ...(seen === undefined ? {} : { status: seen }),
      });
    const isWhole = seen === undefined || sizeOf(answer.value) <= roomBytes;
    return isWhole ? answer : ok({ ...(first as GetAnswer), next: 'status' });
  };

  const pageOfRows = (query: ListQuery, roomBytes: number): ListPage => {
    const page = options.directory.list(query);
    const count = countFitting(page.items, roomBytes - FRAME_BYTES);
    return count === page.items.length ? page : options.directory.list({ ...query, limit: count });
  };

  const list = async (query: ListQuery, roomBytes: number): Promise<Result<ListAnswer>> => {
    const { type } = query;
    for (const bucket of type === undefined ? Object.values(bucketOf) : [bucketOf[type]]) await trust.check(bucket);
    const at = await position(type, query);
    const damaged = mirror.damaged(type);
    const told = damaged === 0 ? at : { ...at, damaged };
    const page = pageOfRows(query, roomBytes);
    const isAboutOrphans = query.orphaned !== undefined || page.items.some(({ orphaned }) => orphaned === true);
    if (!isAboutOrphans || !(await orphans.settled(mirror.position(names.buckets.entities, stream)))) {
      return ok({ ...page, ...told });
    }
    return ok({ ...pageOfRows(query, roomBytes), ...told });
  };

  const status = async (query: StatusQuery): Promise<Result<StatusAnswer>> => {
    const answer = await get(query);
    if (!answer.ok) return answer;
    const { sequence, stale } = answer.value;
    const at = { sequence, ...(stale === undefined ? {} : { stale }) };
    if (query.refresh === true && answer.value.type === 'resource') {
      const fresh = await refreshStatus(options.askComponent, answer.value.entity, options.operators);
      if (fresh.ok)
        return ok({ status: { ...fresh.value, updatedAt: new Date(clock.nowMs()).toISOString(), sequence: 0 }, ...at });
      return fresh;
    }
    return ok({ ...(answer.value.status === undefined ? {} : { status: answer.value.status }), ...at });
  };

  const pages = createHistory({ ...options, own });
  const history = async (query: HistoryQuery, roomBytes: number): Promise<Result<HistoryAnswer>> => {
    const at = await position(query.type, query);
    const page = await pages.page(query, roomBytes);
    return page === undefined ? notFound(query.type, query.workspace, query.name) : ok({ ...page, ...at });
  };

  const outcome = async (query: OutcomeQuery): Promise<Result<OutcomeAnswer>> => {
    const deadlineMs = clock.nowMs() + (query.waitMs ?? 0);
    for (;;) {
      const receipt = await options.outcomes.find(query.commandId);
      if (receipt !== undefined) return ok({ receipt });
      if (clock.nowMs() >= deadlineMs) {
        return err(
          reject(
            'NOT_FOUND',
            `no outcome of command "${query.commandId}" is known; it may still be waiting, or was answered by request`,
          ),
        );
      }
      await clock.sleep(OUTCOME_POLL_MS);
    }
  };

  const runs = createRunsAnswer(options);

  const dispatch = (query: ParsedQuery, roomBytes: number): Promise<Result<Answer>> => {
    switch (query.verb) {
      case 'get':
        return getPage(query.query, roomBytes);
      case 'list':
        return list(query.query, roomBytes);
      case 'status':
        return status(query.query);
      case 'history':
        return history(query.query, roomBytes);
      case 'outcome':
        return outcome(query.query);
      case 'runs':
        return runs(query.query);
    }
    return query satisfies never;
  };

  return {
    /**
     * An answer of at most `roomBytes` as it is sent, but for one that cannot be cut (`outcome`, `status`, one document of `get`): the door
     * says so. Errors: QUERY_INVALID, NOT_FOUND.
     */
    answer: async (verb: string, body: Uint8Array, roomBytes: number): Promise<Result<Answer>> => {
      const known = queryVerbs.find((one) => one === verb);
      if (known === undefined)
        return err(reject('QUERY_INVALID', `expected one of ${queryVerbs.join(', ')}, found "${printable(verb)}"`));
      const query = parseQuery(known, body);
      return query.ok ? dispatch(query.value, roomBytes) : query;
    },
  };
};
