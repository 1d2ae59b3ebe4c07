// The query-responder over the ports of a server: reads the views, then answers. Called by processes/query-responder.ts.

import { encodeJson } from '../../core/decode.ts';
import { createOutcomes } from '../../engine/history/outcomes.ts';
import { createAnswerer } from '../../engine/queries/answer-query.ts';
import { createQueryDoor } from '../../engine/queries/query-door.ts';
import { createViewMirror } from '../../engine/queries/view-mirror.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { queryVerbs } from '../../messages/queries.ts';
import { createDirectory } from '../../views/directory.ts';
import { VERSION, type ProgramParts } from './program-parts.ts';

/** Resolves when `signal` aborts. */
export const runQueryResponder = async (
  parts: ProgramParts,
  options: { readonly signal: AbortSignal; onServing(): void },
): Promise<void> => {
  const { names, ports, clock, ids, log, metrics } = parts;
  const { streams, buckets } = names;
  const { signal } = options;
  const directory = createDirectory();
  metrics.reading(metricCatalogue.directoryRows, () => directory.size);
  const mirror = createViewMirror({ directory, clock, log });
  const following = [buckets.operators, buckets.entities, buckets.secrets].map((bucket) => {
    let caughtUp: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      caughtUp = resolve;
    });
    const ended = mirror.follow(ports.follower(`KV_${bucket}`), bucket, signal, caughtUp);
    return { ready, ended };
  });
  const ended = Promise.all(following.map((one) => one.ended));
  await Promise.race([Promise.all(following.map(({ ready }) => ready)), ended]);

  const answerer = createAnswerer({
    names,
    directory,
    mirror,
    operators: ports.bucket(buckets.operators),
    entities: ports.bucket(buckets.entities),
    secrets: ports.bucket(buckets.secrets),
    events: ports.wholeReader(streams.events),
    statuses: ports.limitedReader(streams.status),
    outcomes: createOutcomes({
      names,
      reader: ports.limitedReader(streams.outcomes),
      appender: parts.appenderOf(streams.outcomes),
      clock,
    }),
    clock,
    askComponent: { requester: ports.requester, ids },
  });
  const door = createQueryDoor({ answerer, log, clock, encode: encodeJson, metrics });
  const service = await ports.services.serve({
    name: names.services.queryResponder,
    version: VERSION,
    description: 'Queries on desired and observed state; nothing is changed',
    endpoints: queryVerbs.map((verb) => ({ name: verb, subject: names.query(verb) })),
    stats: async () => ({ ...(await parts.stats()), damage: mirror.damage() }),
    onRequest: door,
  });
  options.onServing();
  log.info({ service: names.services.queryResponder, rows: directory.size }, 'ready');
  await ended;
  await service.stop();
};
