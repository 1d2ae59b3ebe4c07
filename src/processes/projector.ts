#!/usr/bin/env node
// The projector: turns OPSTREAM_EVENTS and OPSTREAM_STATUS into the documents of the two KV buckets. One copy works (lease
// `projector`), others stand by. Stateless: everything it knows is in the buckets.

import { runProcess } from '../program/lifecycle.ts';
import { runProjector } from './common/compose-projector.ts';
import { openInstance } from './common/open-instance.ts';
import { serveReport } from './common/report-service.ts';

await runProcess('projector', async (signal, context) => {
  const instance = await openInstance(context, signal, ['projector']);
  const service = await serveReport(instance, {
    name: instance.names.services.projector,
    description: 'Turns events into the documents of the views; asked for nothing but its health',
  });
  await runProjector(instance.parts, signal);
  await service.stop();
  await instance.connection.close();
});
