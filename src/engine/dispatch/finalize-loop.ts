// Finishes deletions (P12). A resource is gone when its component has reported the status `deleted` for it: this loop reads
// OPSTREAM_STATUS and sends `finalize` for each such report. Commands are sent by request, again and again until they are answered;
// the id comes from the status event, so a repeat is recognised.

import { includesBytes } from '../../core/bytes.ts';
import { encodeJson } from '../../core/decode.ts';
import { saysReleased, STATUS_TYPE } from '../../messages/entity.ts';
import { commandHeaders } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { fnv1a, type Kind, type Names } from '../../messages/subjects.ts';
import type { Receipt } from '../../messages/commands.ts';
import { askUntilAnswered, runAskList } from '../loops/ask-list.ts';
import type { Turn } from '../loops/turn.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { traceHeaders, type TraceHeaders } from '../../messages/trace.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Requester } from '../ports/services.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';

/** In every status event that says `deleted`; nearly all others need not be parsed. */
const DELETED = new TextEncoder().encode('"deleted"');
const RETRY_MS = 1000;
/** Statuses come at the rate of the components' work, and hardly any is of a deletion: none is worth a wake-up of its own. */
const REST_MS = 50;

export type Finalizer = (
  target: { readonly type: Kind; readonly workspace: string; readonly name: string; readonly uid: string },
  cause: string,
  /** Of the status that says so; the events of the deletion get it. */
  trace?: TraceHeaders,
) => Promise<Receipt | undefined>;

/** Sends `finalize` until the command-handler answers; undefined when `signal` aborts first. */
export const createFinalizer = (options: {
  readonly names: Names;
  readonly requester: Requester;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
}): Finalizer => {
  const { names, requester, clock, log, signal } = options;
  const finalized = (result: 'accepted' | 'rejected'): void =>
    (options.metrics ?? noMetrics).counter(metricCatalogue.finalizations, result).add();
  return async (target, cause, trace) => {
    const commandId = `finalize-${fnv1a(`${cause}.${target.uid}`).toString(16)}-${fnv1a(target.uid).toString(16)}`;
    const headers = {
      [commandHeaders.commandId]: commandId,
      [commandHeaders.actor]: 'operator-runtime',
      [commandHeaders.causationId]: cause,
      ...trace,
    };
    const { type, name, uid } = target;
    const body = encodeJson({ type, name, uid, ...(type === 'resource' ? { workspace: target.workspace } : {}) });
    const receipt = await askUntilAnswered(
      { subject: names.internal('finalize'), body, headers },
      {
        ...{ requester, clock, signal, retryMs: RETRY_MS },
        onFault: (error) => log.warn({ commandId, name, err: error }, 'deletion cannot be finished yet'),
      },
    );
    if (receipt !== undefined) finalized(receipt.accepted ? 'accepted' : 'rejected');
    return receipt;
  };
};

type Deletion = {
  readonly workspace: string;
  readonly name: string;
  readonly uid: string;
  readonly cause: string;
  /** Of the status: the events of the deletion belong to the same trace. */
  readonly trace: TraceHeaders;
};

/** Resolves when the turn is over. */
export const runFinalization = (options: {
  readonly names: Names;
  readonly turn: Turn;
  /** Of OPSTREAM_STATUS. */
  readonly follower: StreamFollower;
  readonly finalize: Finalizer;
  readonly log: Log;
  /** Decides which statuses count. Default: that of `names`. */
  readonly own?: OwnEvents;
}): Promise<void> => {
  const { names, turn, follower, log, own = createOwnEvents(names) } = options;

  const deletionIn = (message: StoredMessage): readonly Deletion[] => {
    if (!includesBytes(message.data, DELETED)) return [];
    const ref = names.parseStatus(message.subject);
    if (ref === undefined || ref.workspace === NO_WORKSPACE) return [];
    const decoded = own.status(message);
    if ('problem' in decoded || decoded.event.type !== STATUS_TYPE || decoded.event.data.status !== 'deleted')
      return [];
    const { event } = decoded;
    // Of a release: the resource is gone already.
    if (saysReleased(event.data)) return [];
    const { workspace, name } = ref;
    return [{ workspace, name, uid: event.data.uid, cause: event.id, trace: traceHeaders(event) }];
  };

  return runAskList({
    ...{ turn, follower, loop: 'finalize', filter: names.statusFilter, restMs: REST_MS },
    itemsIn: (batch) => batch.flatMap(deletionIn),
    ask: async ({ cause, trace, ...target }) => {
      const receipt = await options.finalize({ type: 'resource', ...target }, cause, trace);
      const { workspace, name } = target;
      const code = receipt?.rejection?.code;
      log.info({ workspace, name, accepted: receipt?.accepted, code }, 'deletion finished');
    },
  });
};
