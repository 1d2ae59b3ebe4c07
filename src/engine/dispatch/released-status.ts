// The last word on a released resource in OPSTREAM_STATUS. Its component was not asked, so the operator-runtime says it: status `deleted`, reason
// Released, which removes the status from the views, tells whoever watches, and tells a component that comes back later that the resource
// is none of its business any more. Called by the dispatch loop for each release; may be called again for the same one.

import { encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { RELEASED, STATUS_TYPE, type Entity, type StatusEvent } from '../../messages/entity.ts';
import { schemaUri } from '../../messages/envelope.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { lastOwnStatus } from '../history/last-own-status.ts';
import type { Appender, StreamReader } from '../ports/streams.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

export type Release = Extract<ResourceEvent, { type: 'io.opstream.resource.released.v1' }>;

const RETRY_MS = 500;

export type ReleasedStatusOptions = {
  readonly names: Names;
  readonly statuses: Appender;
  readonly statusReader: StreamReader;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
};

export const createReleasedStatus = (options: ReleasedStatusOptions) => {
  const { names, clock, log, signal, own = createOwnEvents(names) } = options;

  const lastOn = async (subject: string) => {
    const { sequence, event } = await lastOwnStatus(options.statusReader, own, subject);
    return { sequence, status: event?.data };
  };

  const eventFor = (entity: Entity, release: Release, sequence: number, fence: number): StatusEvent => {
    const { releasedBy, leftBehind } = release.data;
    const time = new Date(clock.nowMs()).toISOString();
    const message = `released by ${releasedBy}: what it has outside is left as it is`;
    const externalId = leftBehind.items[0]?.externalId;
    return {
      specversion: '1.0',
      id: options.ids.next(),
      source: `/${names.prefix}/operator-runtime`,
      type: STATUS_TYPE,
      subject: release.subject,
      time,
      datacontenttype: 'application/json',
      dataschema: schemaUri(STATUS_TYPE),
      correlationid: release.correlationid,
      causationid: release.id,
      commandid: release.commandid,
      actor: release.actor,
      ...(release.traceparent === undefined ? {} : { traceparent: release.traceparent }),
      ...(release.tracestate === undefined ? {} : { tracestate: release.tracestate }),
      generation: entity.generation,
      data: {
        key: entity.key,
        operator: entity.manifest.resource.operator,
        uid: entity.uid,
        observedGeneration: entity.generation,
        observedSequence: sequence,
        status: 'deleted',
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: RELEASED,
            message,
            lastTransitionTime: time,
            observedGeneration: entity.generation,
          },
        ],
        ...(externalId === undefined ? {} : { externalId }),
        message,
        properties: {},
        // A larger one than that of the component would end its term, and it leads.
        fence,
      },
    };
  };

  const once = async (entity: Entity, release: Release, sequence: number): Promise<void> => {
    const { workspace, name, resource } = entity.manifest;
    const subject = names.status({ operator: resource.operator, workspace, name });
    const last = await lastOn(subject);
    // Said already, or of a later incarnation.
    if (last.status !== undefined && last.status.observedSequence >= sequence) return;
    const fence = last.status === undefined ? 0 : last.status.fence;
    const event = eventFor(entity, release, sequence, fence);
    const data = encodeJson(event);
    await options.statuses.append([{ subject, id: event.id, data, expectedLastSequence: last.sequence }]);
    log.info({ key: entity.key, operator: resource.operator, sequence }, 'resource released');
  };

  /** Resolves when it is stored, or `signal` aborts. `entity`: as it was before the release; `sequence`: of the release. */
  return async (entity: Entity, release: Release, sequence: number): Promise<void> => {
    while (!signal.aborted) {
      try {
        await once(entity, release, sequence);
        return;
      } catch (error) {
        if (!isFault(error)) throw error;
        // A conflict: its component reported in between.
        if (!isFault(error, 'JS_CONFLICT')) {
          log.warn({ key: entity.key, err: error }, 'release cannot be reported yet');
          await clock.sleep(RETRY_MS, signal);
        }
      }
    }
  };
};
