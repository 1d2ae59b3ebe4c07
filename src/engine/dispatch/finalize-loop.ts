// Finishes deletions (P12). A resource is gone when its component has reported the status `deleted` for it: this loop reads
// OPSTREAM_STATUS and sends `finalize` for each such report. Commands are sent by request, again and again until they are answered;
// the id comes from the status event, so a repeat is recognised.

import { includesBytes } from '../../core/bytes.ts';
import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { saysReleased, STATUS_TYPE } from '../../messages/entity.ts';
import { commandHeaders } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import { fnv1a, type Kind, type Names } from '../../messages/subjects.ts';
import type { Receipt } from '../../messages/commands.ts';
import { sequenceIn } from '../loops/position.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { traceHeaders, type TraceHeaders } from '../../messages/trace.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Requester } from '../ports/services.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';

const CHECKPOINT = 'checkpoint.finalize';
/** In every status event that says `deleted`; nearly all others need not be parsed. */
const DELETED = new TextEncoder().encode('"deleted"');
const RETRY_MS = 1000;
/** Statuses come at the rate of the components' work, and hardly any is of a deletion: none is worth a wake-up of its own. */
const REST_MS = 50;
const CHECKPOINT_EVERY_MS = 1000;

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
    while (!signal.aborted) {
      try {
        const reply = await requester.request(names.internal('finalize'), body, { headers });
        const value = decodeJson(reply.data);
        if (isJsonObject(value) && typeof value['accepted'] === 'boolean') {
          finalized(value['accepted'] ? 'accepted' : 'rejected');
          return value as unknown as Receipt;
        }
      } catch (error) {
        if (!isFault(error)) throw error;
        log.warn({ commandId, name, err: error }, 'deletion cannot be finished yet');
      }
      await clock.sleep(RETRY_MS, signal);
    }
    return undefined;
  };
};

export const runFinalization = async (options: {
  readonly names: Names;
  readonly follower: StreamFollower;
  readonly positions: KeyValueStore;
  readonly finalize: Finalizer;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Decides which statuses count. Default: that of `names`. */
  readonly own?: OwnEvents;
}): Promise<void> => {
  const { names, positions, clock, log, signal, own = createOwnEvents(names) } = options;
  const stored = await positions.get(CHECKPOINT);
  let handled = sequenceIn(stored) ?? 0;
  let written = handled;
  let writtenMs = clock.nowMs();

  /** Deletions since the last one are finished again after a crash, which the command's id makes harmless. */
  const writeCheckpoint = async (): Promise<void> => {
    if (handled === written) return;
    const sequence = handled;
    await positions.commit([{ key: CHECKPOINT, data: encodeJson({ sequence }) }]);
    written = sequence;
    writtenMs = clock.nowMs();
  };

  const finish = async (message: StoredMessage): Promise<void> => {
    const ref = names.parseStatus(message.subject);
    if (ref === undefined || ref.workspace === NO_WORKSPACE) return;
    const decoded = own.status(message);
    if ('problem' in decoded || decoded.event.type !== STATUS_TYPE || decoded.event.data.status !== 'deleted') return;
    // Of a release: the resource is gone already.
    if (saysReleased(decoded.event.data)) return;
    const { uid } = decoded.event.data;
    const receipt = await options.finalize(
      { type: 'resource', workspace: ref.workspace, name: ref.name, uid },
      decoded.event.id,
      traceHeaders(decoded.event),
    );
    log.info(
      { workspace: ref.workspace, name: ref.name, accepted: receipt?.accepted, code: receipt?.rejection?.code },
      'deletion finished',
    );
  };

  await options.follower.follow({
    fromSequence: handled + 1,
    filters: [names.statusFilter],
    restMs: REST_MS,
    signal,
    onBatch: async (batch) => {
      const mayBeDeletions = batch.filter(({ data }) => includesBytes(data, DELETED));
      if (mayBeDeletions.length > 0) await Promise.all(mayBeDeletions.map(finish));
      if (signal.aborted) return;
      handled = batch.at(-1)?.sequence ?? handled;
      if (clock.nowMs() - writtenMs >= CHECKPOINT_EVERY_MS) await writeCheckpoint();
    },
  });
  await writeCheckpoint();
};
