#!/usr/bin/env node
// The operator-runtime: tells components what is wanted, makes the operators' channels, and finishes deletions. One copy works (lease
// `operator-runtime`), others stand by.

import { whileLeading } from '../engine/loops/lead.ts';
import { everyShard, leaseOf } from '../engine/loops/turn.ts';
import { runProcess } from '../program/lifecycle.ts';
import { leadOperatorRuntime } from './common/compose-operator-runtime.ts';
import { openInstance } from './common/open-instance.ts';
import { openOwnServers } from './common/own-servers.ts';
import { serveReport } from './common/report-service.ts';
import { openSupervision } from './common/supervision.ts';

const lease = leaseOf('operator-runtime', everyShard);

await runProcess('operator-runtime', async (signal, context) => {
  const instance = await openInstance(context, signal, [lease]);
  const { leases, holder, config, clock, log } = instance;
  const lead = { leases, name: lease, holder, ttlMs: config.leaseTtlMs, clock, log, signal };
  const service = await serveReport(instance, {
    name: instance.names.services.operatorRuntime,
    description: 'Tells components what is wanted; asked for nothing but its health',
  });
  const supervision = openSupervision(instance);
  const { data, computes, answerWaitMs } = supervision;
  const strays = supervision.endStrays(signal);
  const sides = {
    ...{ computes, answerWaitMs, replicas: config.replicas },
    openServers: (term: Omit<Parameters<typeof openOwnServers>[1], 'data' | 'computes'>) =>
      openOwnServers(instance, { ...term, data, computes }),
    supervise: supervision.lead,
  };
  await whileLeading({
    ...lead,
    work: (held, leading) => leadOperatorRuntime(instance.parts, sides, held, leading),
  });
  await strays;
  await service.stop();
  await instance.connection.close();
});
