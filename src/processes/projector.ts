#!/usr/bin/env node
// The projector: turns OPSTREAM_EVENTS and OPSTREAM_STATUS into the documents of the two KV buckets. One copy works (lease
// `projector`), others stand by. Stateless: everything it knows is in the buckets.

import { isFault } from '../core/fault.ts';
import { whileLeading } from '../engine/loops/lead.ts';
import { measuredFollower } from '../engine/loops/measured-follower.ts';
import { overDamage } from '../engine/loops/over-damage.ts';
import { runProjection } from '../engine/projection/projection-loop.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createWholeStreamReader } from '../jetstream/whole-stream.ts';
import { entities, operators, secrets } from '../views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../views/observed-state.ts';
import { runProcess } from '../program/lifecycle.ts';
import { metricCatalogue } from '../messages/metric-catalogue.ts';
import { openInstance } from './common/open-instance.ts';
import { serveReport } from './common/report-service.ts';
import type { StreamFollower } from '../engine/ports/streams.ts';

await runProcess('projector', async (signal, context) => {
  const instance = await openInstance(context, signal, ['projector']);
  const { names, connection, clock, leases, holder, config } = instance;
  const service = await serveReport(instance, {
    name: names.services.projector,
    description: 'Turns events into the documents of the views; asked for nothing but its health',
  });
  const projections = [operators, operatorStatuses, entities, entityStatuses, secrets].map((projectionOf) =>
    projectionOf(names),
  );
  const { metrics } = instance.vitals;
  const measured = (follower: StreamFollower, projection: string): StreamFollower =>
    measuredFollower(
      follower,
      {
        taken: metrics.counter(metricCatalogue.eventsProjected, projection),
        lag: metrics.gauge(metricCatalogue.projectionLag, projection),
        duration: metrics.histogram(metricCatalogue.projectionBatchDuration, projection),
      },
      () => metrics.nowMs(),
    );
  await whileLeading({
    leases,
    name: 'projector',
    holder,
    ttlMs: config.leaseTtlMs,
    clock,
    log: instance.log,
    signal,
    work: async (_lease, leading) => {
      const stop = new AbortController();
      const working = AbortSignal.any([leading, stop.signal]);
      const loops = projections.map(async (projection) => {
        const log = instance.log.child({ projection: projection.name });
        const deadLetter = (message: Parameters<typeof instance.deadLetters>[1], reason: string) =>
          instance.deadLetters(
            { source: 'projector', stream: projection.stream, code: 'DOCUMENT_INVALID', reason },
            message,
          );
        const store = createKeyValueStore(connection, projection.bucket);
        const follower = measured(createFollower(connection, projection.stream), projection.name);
        const openReader =
          projection.stream === names.streams.events ? createWholeStreamReader : createLimitedStreamReader;
        const history = openReader(connection, projection.stream);
        const run = { projection, follower, store, history, clock, log, signal: working, deadLetter };
        await overDamage({ what: 'view', clock, log, signal: working, work: () => runProjection(run) });
      });
      try {
        await Promise.all(loops);
      } finally {
        stop.abort();
        const ends = await Promise.allSettled(loops);
        for (const end of ends)
          if (end.status === 'rejected' && !isFault(end.reason))
            instance.log.error({ err: end.reason }, 'projection ended');
      }
    },
  });
  await service.stop();
  await connection.close();
});
