// The operator-runtime's second look: what is wanted of resources and not answered by their components (by sequence) for long enough is sent
// again. It heals whatever loses a command, known or not: a process that dies with what it had only in memory, a stream that forgets while a
// component is away, a component that loses what it kept. A component keeps the largest sequence, so one too many changes nothing.
//
// The query-responder knows what is unanswered; a page of that is looked at in each turn, so that the work is bounded however many there are.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { saysReleased, STATUS_TYPE, type Entity, type EntityStatus } from '../../messages/entity.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import type { NatsApi } from '../../messages/manifest-types.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { MAX_PAGE_SIZE, type ListAnswer, type Summary } from '../../messages/queries.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { resourceRef, viewKeys, type Names } from '../../messages/subjects.ts';
import { documentIn } from '../../messages/view-documents.ts';
import { isAbout } from '../../views/summary.ts';
import { isDue, NO_CHANNEL, type Debt } from './debt.ts';
import { type ChannelPosition } from '../ports/channel.ts';
import { entityCommandFor } from './entity-command.ts';
import type { Finalizer } from './finalize-loop.ts';
import { lastOwnStatus, type LastStatus } from '../history/last-own-status.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { Appender, StoredMessage, StreamReader } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Requester } from '../ports/services.ts';

export type AnswerSweepOptions = {
  readonly names: Names;
  readonly requester: Requester;
  /** The view of entities. */
  readonly entities: Pick<KeyValueStore, 'get'>;
  /** Of OPSTREAM_EVENTS and of OPSTREAM_STATUS. */
  readonly events: Pick<StreamReader, 'readLast'>;
  readonly statuses: Pick<StreamReader, 'readLast' | 'readSubject'>;
  /** Decides which events and statuses count. Default: that of `names`. */
  readonly own?: OwnEvents;
  readonly directory: Pick<OperatorDirectory, 'channelOf'>;
  readonly finalize: Finalizer;
  readonly fence: number;
  /** How long an answer may take before it is looked after. */
  readonly answerWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The appender of an operator's channel stream, which exists when this resolves. */
  channel(stream: string, operator: string): Promise<Appender>;
  /** Undefined: there is no such stream. */
  positionOf(operator: string, stream: string, subject: string): Promise<ChannelPosition | undefined>;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
};

/** Sent again in one turn, at most; and how many of them at once. */
const MAX_SENT = 500;
const AT_ONCE = 50;
const QUERY_TIMEOUT_MS = 5000;

/** `mark` changes with each event. */
type Kept = Debt & { readonly mark: string; readonly round: number };
type Owed = { readonly row: Summary; readonly key: string; readonly operator: string; readonly api: NatsApi };

const markOf = ({ generation, createdAt, updatedAt }: Summary): string => `${generation} ${createdAt} ${updatedAt}`;

export const createAnswerSweep = (options: AnswerSweepOptions) => {
  const { names, directory, clock, log, signal, answerWaitMs, own = createOwnEvents(options.names) } = options;
  const metrics = options.metrics ?? noMetrics;
  const debts = new Map<string, Kept>();
  const finishing = new Set<string>();
  let cursor: string | undefined;
  let round = 0;
  let total = 0;
  metrics.reading(metricCatalogue.resourcesUnanswered, () => total);

  const nextPage = async (): Promise<ListAnswer> => {
    const query = { type: 'resource', answered: false, limit: MAX_PAGE_SIZE };
    const body = encodeJson(cursor === undefined ? query : { ...query, cursor });
    const reply = await options.requester.request(names.query('list'), body, { timeoutMs: QUERY_TIMEOUT_MS });
    const answer = decodeJson(reply.data);
    if (isJsonObject(answer) && Array.isArray(answer['items'])) return answer as unknown as ListAnswer;
    throw new Fault('JS_UNAVAILABLE', 'what is unanswered cannot be told yet');
  };

  const owedIn = (rows: readonly Summary[]): readonly Owed[] =>
    rows.flatMap((row) => {
      const { operator, resourceType } = row;
      if (operator === undefined || resourceType === undefined) return [];
      const api = directory.channelOf(operator, resourceType);
      // Nobody is there to be told; an operator that comes back adopts them.
      return api === undefined ? [] : [{ row, key: `${row.workspace}.${row.name}`, operator, api }];
    });

  /** Of each channel once in a turn; undefined: it cannot be told now. */
  const positions = () => {
    const known = new Map<string, Promise<ChannelPosition | undefined>>();
    return ({ operator, api: { command } }: Owed): Promise<ChannelPosition | undefined> => {
      const key = `${operator} ${command.stream} ${command.subject}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const asked = options.positionOf(operator, command.stream, command.subject).then(
        (position) => position ?? NO_CHANNEL,
        (error: unknown) => {
          if (!isFault(error)) throw error;
          log.debug({ operator, stream: command.stream, err: error }, 'channel cannot be looked at');
          return undefined;
        },
      );
      known.set(key, asked);
      return asked;
    };
  };

  /** Takes note of what is new, and says whether it is due. */
  const isDueNow = (owed: Owed, position: ChannelPosition): boolean => {
    const mark = markOf(owed.row);
    const before = debts.get(owed.key);
    const nowMs = clock.nowMs();
    const isKnown = before?.mark === mark;
    const debt = isKnown ? before : { sinceMs: nowMs, sentBy: position.lastSequence, tries: 0 };
    debts.set(owed.key, { ...debt, mark, round });
    return isKnown && isDue(debt, position, { nowMs, answerWaitMs });
  };

  const statusIn = ({ event }: LastStatus): { id: string; status: EntityStatus } | undefined =>
    event?.type === STATUS_TYPE ? { id: event.id, status: event.data } : undefined;

  /** A deletion whose end was reported, and nobody heard of it. Not waited for: the command-handler may be away. */
  const finish = ({ manifest, uid }: Entity, statusId: string): void => {
    const { workspace, name } = manifest;
    if (finishing.has(uid)) return;
    finishing.add(uid);
    options
      .finalize({ type: 'resource', workspace, name, uid }, `${statusId}-${clock.nowMs()}`)
      .then((receipt) =>
        log.info({ workspace, name, accepted: receipt?.accepted, code: receipt?.rejection?.code }, 'deletion finished'),
      )
      .catch((error: unknown) => log.error({ workspace, name, err: error }, 'deletion could not be finished'))
      .finally(() => finishing.delete(uid));
  };

  /** The event that the entity is from; when it is not the last one that can be read, the entity speaks for itself. */
  const eventOf = (entity: Entity, message: StoredMessage | undefined): ResourceEvent => {
    const last = message?.sequence === entity.sequence ? own.event(message) : undefined;
    if (last !== undefined && 'event' in last) return last.event as ResourceEvent;
    const { uid, updatedAt, updatedBy, key } = entity;
    const ids = { id: uid, correlationid: uid, causationid: uid, commandid: uid, actor: updatedBy };
    return { ...ids, subject: `resource.${key}`, time: updatedAt } as unknown as ResourceEvent;
  };

  /** True when something was sent. */
  const settle = async ({ row, key, operator, api }: Owed): Promise<boolean> => {
    const { workspace, name } = row;
    const ref = resourceRef(workspace, name);
    const [document, lastEvent, lastStatus] = await Promise.all([
      options.entities.get(viewKeys.entity(workspace, name)),
      options.events.readLast(names.event(ref)),
      lastOwnStatus(options.statuses, own, names.status({ operator, workspace, name })),
    ]);
    const entity = documentIn('entity', document);
    if (entity === undefined) return false;
    const told = statusIn(lastStatus);
    if (told !== undefined && isAbout(told.status, entity)) {
      const isGone = entity.deletionRequestedAt !== undefined && told.status.status === 'deleted';
      if (isGone && !saysReleased(told.status)) finish(entity, told.id);
      if (isGone || told.status.observedSequence >= entity.sequence) return false;
    }
    const debt = debts.get(key);
    if (debt === undefined) return false;
    const id = `owed-${entity.uid}-${entity.sequence}-${options.fence}-${debt.tries}`;
    const command = entityCommandFor(names, entity, eventOf(entity, lastEvent), { fence: options.fence, id });
    const channel = await options.channel(api.command.stream, operator);
    const [sentBy = debt.sentBy] = await channel.append([
      { subject: api.command.subject, id, data: encodeJson(command) },
    ]);
    debts.set(key, { ...debt, sentBy, sinceMs: clock.nowMs(), tries: debt.tries + 1 });
    return true;
  };

  const settleAll = async (due: readonly Owed[]): Promise<void> => {
    const sent = new Map<string, number>();
    const settleOne = async (owed: Owed): Promise<void> => {
      try {
        if (!(await settle(owed))) return;
        sent.set(owed.operator, (sent.get(owed.operator) ?? 0) + 1);
        metrics.counter(metricCatalogue.commandsResent, owed.operator).add();
      } catch (error) {
        if (!isFault(error)) throw error;
        log.warn({ operator: owed.operator, key: owed.key, err: error }, 'command cannot be sent again yet');
      }
    };
    for (let from = 0; from < due.length && !signal.aborted; from += AT_ONCE) {
      await Promise.all(due.slice(from, from + AT_ONCE).map(settleOne));
    }
    for (const [operator, commands] of sent) log.info({ operator, commands }, 'unanswered commands sent again');
  };

  /** One page. Faults: those of the query-responder. */
  const turn = async (): Promise<void> => {
    const page = await nextPage();
    ({ total } = page);
    const positionOf = positions();
    const due: Owed[] = [];
    for (const owed of owedIn(page.items)) {
      const position = await positionOf(owed);
      if (position !== undefined && isDueNow(owed, position) && due.length < MAX_SENT) due.push(owed);
    }
    await settleAll(due);
    cursor = page.next;
    if (cursor !== undefined) return;
    for (const [key, debt] of debts) if (debt.round !== round) debts.delete(key);
    round += 1;
  };

  return {
    turn,
    /** Resolves when `signal` aborts. */
    run: async (): Promise<void> => {
      while (!signal.aborted) {
        await clock.sleep(answerWaitMs / 3, signal);
        if (signal.aborted) return;
        try {
          await turn();
        } catch (error) {
          if (!isFault(error)) throw error;
          log.debug({ err: error }, 'unanswered commands cannot be looked for');
        }
      }
    },
  };
};
