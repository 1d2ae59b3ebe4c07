// The projector over the ports of a server: all views, while its lease is held. Called by processes/projector.ts.

import { isFault } from '../../core/fault.ts';
import { whileLeading } from '../../engine/loops/lead.ts';
import { measuredFollower } from '../../engine/loops/measured-follower.ts';
import { overDamage } from '../../engine/loops/over-damage.ts';
import type { StoredMessage, StreamFollower } from '../../engine/ports/streams.ts';
import { runProjection } from '../../engine/projection/projection-loop.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import type { Names } from '../../messages/subjects.ts';
import { entities, operators, secrets } from '../../views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../../views/observed-state.ts';
import type { Projection } from '../../views/projection.ts';
import type { ProgramParts } from './program-parts.ts';

export const projectionsOf = (names: Names): readonly Projection[] =>
  [operators, operatorStatuses, entities, entityStatuses, secrets].map((projectionOf) => projectionOf(names));

/** Until `working` aborts. */
const project = async (parts: ProgramParts, projection: Projection, working: AbortSignal): Promise<void> => {
  const { ports, clock, metrics } = parts;
  const log = parts.log.child({ projection: projection.name });
  const deadLetter = (message: StoredMessage, reason: string): Promise<void> =>
    parts.deadLetters({ source: 'projector', stream: projection.stream, code: 'DOCUMENT_INVALID', reason }, message);
  const follower: StreamFollower = measuredFollower(
    ports.follower(projection.stream),
    {
      taken: metrics.counter(metricCatalogue.eventsProjected, projection.name),
      lag: metrics.gauge(metricCatalogue.projectionLag, projection.name),
      duration: metrics.histogram(metricCatalogue.projectionBatchDuration, projection.name),
    },
    () => metrics.nowMs(),
  );
  const store = ports.bucket(projection.bucket);
  const isWhole = projection.stream === parts.names.streams.events;
  const history = isWhole ? ports.wholeReader(projection.stream) : ports.limitedReader(projection.stream);
  const run = { projection, follower, store, history, clock, log, signal: working, deadLetter };
  // The other views go on; this one does when somebody has rebuilt it, or restored its stream.
  await overDamage({ what: 'view', clock, log, signal: working, work: () => runProjection(run) });
};

/** Resolves when `signal` aborts. */
export const runProjector = async (parts: ProgramParts, signal: AbortSignal): Promise<void> => {
  const { names, clock, log, leases, holder } = parts;
  const projections = projectionsOf(names);
  await whileLeading({
    ...{ leases, name: 'projector', holder, ttlMs: parts.leaseTtlMs, clock, log, signal },
    work: async (_lease, leading) => {
      const stop = new AbortController();
      const working = AbortSignal.any([leading, stop.signal]);
      const loops = projections.map((projection) => project(parts, projection, working));
      try {
        await Promise.all(loops);
      } finally {
        stop.abort();
        const ends = await Promise.allSettled(loops);
        for (const end of ends)
          if (end.status === 'rejected' && !isFault(end.reason)) log.error({ err: end.reason }, 'projection ended');
      }
    },
  });
};
