// A NATS micro service for the processes that answer no requests of users, so that `nats micro ls`, `info` and `stats` show all four. Its
// one endpoint answers with what `stats` has as data; of copies that share the work, any one answers.

import { encodeJson } from '../../core/decode.ts';
import { createServiceHost } from '../../jetstream/service-host.ts';
import type { Instance } from './open-instance.ts';
import { VERSION } from './program-parts.ts';

export const serveReport = (
  instance: Instance,
  service: { readonly name: string; readonly description: string },
): Promise<{ stop(): Promise<void> }> => {
  const { names, connection, vitals, log, name } = instance;
  return createServiceHost(connection, log).serve({
    ...service,
    version: VERSION,
    endpoints: [{ name: 'health', subject: names.health(name) }],
    stats: () => vitals.stats(),
    onRequest: (request) => {
      vitals.stats().then(
        (stats) => request.respond(encodeJson(stats)),
        (error: unknown) => log.error({ err: error }, 'request could not be answered'),
      );
    },
  });
};
