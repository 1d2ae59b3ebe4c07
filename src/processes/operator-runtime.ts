#!/usr/bin/env node
// The operator-runtime: tells components what is wanted, makes the operators' channels, and finishes deletions. One copy works (lease
// `operator-runtime`), others stand by.

import { createAdoption } from '../engine/dispatch/adoption.ts';
import { createAnswerSweep } from '../engine/dispatch/answer-sweep.ts';
import { createFinalizer, runFinalization } from '../engine/dispatch/finalize-loop.ts';
import { createCensus } from '../engine/evolution/census.ts';
import { DELETION_GRACE_MS } from '../domain/operator/deletion-grace.ts';
import { createOperatorCare } from '../engine/dispatch/operator-care.ts';
import { lastOperatorStatus } from '../engine/history/last-operator-status.ts';
import { createOperatorDirectory } from '../engine/history/operator-directory.ts';
import { createStorageSweep } from '../engine/dispatch/storage-sweep.ts';
import { EXTERNAL } from '../engine/supervision/drivers.ts';
import { serverWish } from '../engine/own-server/place.ts';
import { runRunEnds } from '../engine/dispatch/run-ends-loop.ts';
import { overDamage } from '../engine/loops/over-damage.ts';
import { runDispatch, type DispatchOptions } from '../engine/dispatch/dispatch-loop.ts';
import { createReleasedStatus } from '../engine/dispatch/released-status.ts';
import { createValidityWatch } from '../engine/evolution/validity-watch.ts';
import { whileLeading } from '../engine/loops/lead.ts';
import { createSnapshots } from '../engine/history/snapshots.ts';
import { readChannelPosition } from '../jetstream/channel-position.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createOperatorStorage } from '../jetstream/operator-storage.ts';
import { ensureChannelStream } from '../jetstream/provision.ts';
import { createRequester } from '../jetstream/requester.ts';
import { createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createWholeStreamReader } from '../jetstream/whole-stream.ts';
import { runProcess } from '../program/lifecycle.ts';
import { openInstance } from './common/open-instance.ts';
import { serveReport } from './common/report-service.ts';
import { openOwnServers } from './common/own-servers.ts';
import { openSupervision, type Supervision } from './common/supervision.ts';
import type { Lease } from '../engine/ports/leases.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import type { Instance } from './common/open-instance.ts';

const FIRST_LOOK_MS = 3000;

const work = async (
  instance: Instance,
  supervision: Supervision,
  lease: Lease,
  leading: AbortSignal,
): Promise<void> => {
  const { names, connection, clock, ids, log, appenderOf } = instance;
  const { streams } = names;
  const { metrics } = instance.vitals;
  const replicas = instance.config.replicas === undefined ? {} : { replicas: instance.config.replicas };
  const stop = new AbortController();
  const signal = AbortSignal.any([leading, stop.signal]);
  const reader = createWholeStreamReader(connection, streams.events);
  const positions = createKeyValueStore(connection, names.buckets.leases);
  const directory = createOperatorDirectory(names);
  for (const message of await reader.readSubject(names.operatorEventFilter)) directory.absorb(message);

  const finalize = createFinalizer({ names, requester: createRequester(connection), clock, log, signal, metrics });
  const statuses = appenderOf(streams.status);
  const statusReader = createLimitedStreamReader(connection, streams.status);
  const servers = openOwnServers(instance, {
    ...{ data: supervision.data, computes: supervision.computes, directory, signal },
    onReady: (name) => care.attend(name),
  });
  const channelOf = (stream: string, operator: string) =>
    (servers.serverOf(operator)?.appenderOf ?? appenderOf)(stream);
  const supervisor = await supervision.lead({
    ...{ servers, fence: lease.token, signal },
    onReport: (name) => care.attend(name),
  });
  const validity = createValidityWatch({
    ...{ clock, log, signal, current: directory.get, graceMs: DELETION_GRACE_MS },
    census: createCensus({
      ...{ names, events: reader, requester: createRequester(connection) },
      entities: createKeyValueStore(connection, names.buckets.entities),
    }),
    lastStatus: async (name) => (await lastOperatorStatus(statusReader, names, name)).status,
    onTold: (name) => care.attend(name),
  });
  const care = createOperatorCare({
    names,
    directory,
    statuses,
    statusReader,
    finalize,
    fence: lease.token,
    ids,
    clock,
    log,
    signal,
    componentsOf: (operator) => supervisor.reportOf(servers.seenWithServer(operator)),
    natsOf: servers.tellOf,
    validityOf: validity.toldOf,
    adopt: createAdoption({
      names,
      requester: createRequester(connection),
      entities: createKeyValueStore(connection, names.buckets.entities),
      appenderOf: channelOf,
      fence: lease.token,
      clock,
      log,
    }),
    ensureChannel: async (stream, subjects, operator) => {
      if (await servers.ensureChannel(operator, stream, subjects)) return;
      await storageSweep.settled(stream);
      await ensureChannelStream(connection, { prefix: names.prefix, stream, subjects, ...replicas });
    },
  });
  const driversOf = (operator: OperatorDocument): readonly string[] =>
    operator.manifest.operator.components
      .map(({ compute }) => supervision.computes.get(compute) ?? EXTERNAL)
      .filter((driver) => driver !== EXTERNAL);
  const storageSweep = createStorageSweep({
    ...{ prefix: names.prefix, directory, leases: positions, clock, log, signal },
    storage: createOperatorStorage(connection, names.prefix),
    instancesOf: (operator) => supervisor.instancesOf(operator.name, driversOf(operator)),
    hasOwnServer: (operator) => serverWish(operator, supervision.computes)?.location === 'own',
    refresh: async () => {
      for (const message of await reader.readSubject(names.operatorEventFilter)) directory.absorb(message);
    },
  });
  const supervising = supervisor.run();
  // What is said first of an operator should be what is seen of it.
  await Promise.race([supervisor.looked, clock.sleep(FIRST_LOOK_MS, signal)]);
  for (const { name } of directory.all()) {
    servers.attend(name);
    validity.attend(name);
    care.attend(name);
  }

  const ready = new Set<string>();
  const channel = async (stream: string, operatorName: string) => {
    const operator = directory.get(operatorName);
    // Its own server may be away: then the others must not wait for it.
    const appender = channelOf(stream, operatorName);
    const version = `${stream}/${operatorName}/${operator?.generation ?? 0}`;
    if (operator !== undefined && !ready.has(version)) await care.makeChannels(operator);
    ready.add(version);
    return appender;
  };
  const tellReleased = createReleasedStatus({ names, statuses, statusReader, ids, clock, log, signal });
  const deadLetter = (message: Parameters<typeof instance.deadLetters>[1], reason: string) =>
    instance.deadLetters(
      { source: 'operator-runtime', stream: streams.events, code: 'DOCUMENT_INVALID', reason },
      message,
    );

  const sweep = createAnswerSweep({
    ...{ names, directory, statuses: statusReader, finalize, clock, log, signal, channel, metrics },
    ...{ events: reader, fence: lease.token, answerWaitMs: supervision.answerWaitMs },
    requester: createRequester(connection),
    entities: createKeyValueStore(connection, names.buckets.entities),
    positionOf: async (operator, stream, subject) => {
      const own = servers.serverOf(operator);
      return own === undefined ? readChannelPosition(connection, stream, subject) : own.positionOf(stream, subject);
    },
  });

  const dispatch: DispatchOptions = {
    names,
    follower: createFollower(connection, streams.events),
    snapshots: createSnapshots({
      ...{ names, reader, log },
      store: createKeyValueStore(connection, names.buckets.snapshots),
    }),
    directory,
    positions,
    fence: lease.token,
    clock,
    log,
    signal,
    channel,
    onReleased: async (entity, release, sequence) => {
      await tellReleased(entity, release, sequence);
      const { workspace, name, resource } = entity.manifest;
      await servers.copy(resource.operator, names.status({ operator: resource.operator, workspace, name }));
    },
    onOperator: (name) => {
      servers.attend(name);
      validity.attend(name);
      supervisor.wake();
      care.attend(name);
    },
    deadLetter,
    metrics,
  };

  const loops = [
    supervising,
    servers.run(),
    sweep.run(),
    storageSweep.run(),
    overDamage({ what: 'dispatch', clock, log, signal, work: () => runDispatch(dispatch) }),
    runRunEnds({
      names,
      follower: createFollower(connection, streams.status),
      positions,
      requester: createRequester(connection),
      clock,
      log,
      signal,
    }),
    runFinalization({
      names,
      follower: createFollower(connection, streams.status),
      positions,
      finalize,
      clock,
      log,
      signal,
    }),
  ];
  try {
    await Promise.all(loops);
  } finally {
    stop.abort();
    await Promise.allSettled(loops);
  }
};

await runProcess('operator-runtime', async (signal, context) => {
  const instance = await openInstance(context, signal, ['operator-runtime']);
  const { leases, holder, config, clock, log } = instance;
  const lead = { leases, name: 'operator-runtime', holder, ttlMs: config.leaseTtlMs, clock, log, signal };
  const service = await serveReport(instance, {
    name: instance.names.services.operatorRuntime,
    description: 'Tells components what is wanted; asked for nothing but its health',
  });
  const supervision = openSupervision(instance);
  const strays = supervision.endStrays(signal);
  await whileLeading({ ...lead, work: (lease, leading) => work(instance, supervision, lease, leading) });
  await strays;
  await service.stop();
  await instance.connection.close();
});
