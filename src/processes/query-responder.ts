#!/usr/bin/env node
// The query-responder: answers opstream.query.<verb>. Every copy answers (one queue group); it registers when it has read the views.

import { encodeJson } from '../core/decode.ts';
import { createAnswerer } from '../engine/queries/answer-query.ts';
import { createOutcomes } from '../engine/history/outcomes.ts';
import { createQueryDoor } from '../engine/queries/query-door.ts';
import { createViewMirror } from '../engine/queries/view-mirror.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createRequester } from '../jetstream/requester.ts';
import { createServiceHost } from '../jetstream/service-host.ts';
import { createWholeStreamReader } from '../jetstream/whole-stream.ts';
import { metricCatalogue } from '../messages/metric-catalogue.ts';
import { queryVerbs } from '../messages/queries.ts';
import { runProcess } from '../program/lifecycle.ts';
import { createDirectory } from '../views/directory.ts';
import { openInstance, VERSION } from './common/open-instance.ts';

await runProcess('query-responder', async (signal, context) => {
  const instance = await openInstance(context, signal);
  const { names, connection, clock, ids, log, appenderOf } = instance;
  const { streams, buckets } = names;
  const { vitals } = instance;
  let isServing = false;
  vitals.need('the views are not read yet', () => isServing);
  const directory = createDirectory();
  vitals.metrics.reading(metricCatalogue.directoryRows, () => directory.size);
  const mirror = createViewMirror({ directory, clock, log });
  const following = [buckets.operators, buckets.entities, buckets.secrets].map((bucket) => {
    let caughtUp: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      caughtUp = resolve;
    });
    const ended = mirror.follow(createFollower(connection, `KV_${bucket}`), bucket, signal, caughtUp);
    return { ready, ended };
  });
  const ended = Promise.all(following.map((one) => one.ended));
  await Promise.race([Promise.all(following.map(({ ready }) => ready)), ended]);

  const answerer = createAnswerer({
    names,
    directory,
    mirror,
    operators: createKeyValueStore(connection, buckets.operators),
    entities: createKeyValueStore(connection, buckets.entities),
    secrets: createKeyValueStore(connection, buckets.secrets),
    events: createWholeStreamReader(connection, streams.events),
    statuses: createLimitedStreamReader(connection, streams.status),
    outcomes: createOutcomes({
      names,
      reader: createLimitedStreamReader(connection, streams.outcomes),
      appender: appenderOf(streams.outcomes),
      clock,
    }),
    clock,
    askComponent: { requester: createRequester(connection), ids },
  });
  const door = createQueryDoor({ answerer, log, clock, encode: encodeJson, metrics: vitals.metrics });
  const service = await createServiceHost(connection, log).serve({
    name: names.services.queryResponder,
    version: VERSION,
    description: 'Queries on desired and observed state; nothing is changed',
    endpoints: queryVerbs.map((verb) => ({ name: verb, subject: names.query(verb) })),
    stats: () => vitals.stats(),
    onRequest: door,
  });
  isServing = true;
  log.info({ service: names.services.queryResponder, rows: directory.size }, 'ready');
  await ended;
  await service.stop();
  await connection.close();
});
