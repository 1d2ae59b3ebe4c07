// What the operator-runtime does while it leads, over the ports of a server: dispatch, care for operators, ends of runs and deletions, the sweeps.
// What runs components, and servers of their own, comes from outside. Called by processes/operator-runtime.ts.

import { DELETION_GRACE_MS } from '../../domain/operator/deletion-grace.ts';
import { createAdoption } from '../../engine/dispatch/adoption.ts';
import { createAnswerSweep } from '../../engine/dispatch/answer-sweep.ts';
import { runDispatch, type DispatchOptions } from '../../engine/dispatch/dispatch-loop.ts';
import { createFinalizer, runFinalization } from '../../engine/dispatch/finalize-loop.ts';
import { createOperatorCare } from '../../engine/dispatch/operator-care.ts';
import { createReleasedStatus } from '../../engine/dispatch/released-status.ts';
import { runRunEnds } from '../../engine/dispatch/run-ends-loop.ts';
import { createStorageSweep } from '../../engine/dispatch/storage-sweep.ts';
import { createCensus } from '../../engine/evolution/census.ts';
import { createValidityWatch } from '../../engine/evolution/validity-watch.ts';
import { lastOperatorStatus } from '../../engine/history/last-operator-status.ts';
import { createOperatorDirectory, type OperatorDirectory } from '../../engine/history/operator-directory.ts';
import { createSnapshots } from '../../engine/history/snapshots.ts';
import { overDamage } from '../../engine/loops/over-damage.ts';
import { createTurn, everyShard } from '../../engine/loops/turn.ts';
import type { OwnServers } from '../../engine/own-server/own-servers.ts';
import { serverWish } from '../../engine/own-server/place.ts';
import type { Lease } from '../../engine/ports/leases.ts';
import type { StoredMessage } from '../../engine/ports/streams.ts';
import { EXTERNAL } from '../../engine/supervision/drivers.ts';
import type { Supervisor } from '../../engine/supervision/supervisor-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { ProgramParts } from './program-parts.ts';

const FIRST_LOOK_MS = 3000;

/** What the runtime runs components with. */
export type RuntimeSides = {
  /** Compute to driver. */
  readonly computes: ReadonlyMap<string, string>;
  /** How long a component may leave a command unanswered. */
  readonly answerWaitMs: number;
  readonly replicas?: number | undefined;
  openServers(term: {
    readonly directory: OperatorDirectory;
    readonly signal: AbortSignal;
    onReady(operator: string): void;
  }): OwnServers;
  supervise(term: {
    readonly servers: OwnServers;
    readonly fence: number;
    readonly signal: AbortSignal;
    onReport(operator: string): void;
  }): Promise<Supervisor>;
};

/** One term of leading: until `leading` aborts. */
export const leadOperatorRuntime = async (
  parts: ProgramParts,
  sides: RuntimeSides,
  lease: Lease,
  leading: AbortSignal,
): Promise<void> => {
  const { names, ports, clock, ids, log, metrics, appenderOf } = parts;
  const { streams } = names;
  const replicas = sides.replicas === undefined ? {} : { replicas: sides.replicas };
  const stop = new AbortController();
  const signal = AbortSignal.any([leading, stop.signal]);
  const reader = ports.wholeReader(streams.events);
  const positions = ports.bucket(names.buckets.leases);
  const turn = createTurn({ group: everyShard, fence: lease.token, signal, positions, clock });
  const directory = createOperatorDirectory(names);
  for (const message of await reader.readSubject(names.operatorEventFilter)) directory.absorb(message);

  const finalize = createFinalizer({ names, requester: ports.requester, clock, log, signal, metrics });
  const statuses = appenderOf(streams.status);
  const statusReader = ports.limitedReader(streams.status);
  const servers = sides.openServers({
    ...{ directory, signal },
    onReady: (name) => care.attend(name),
  });
  const channelOf = (stream: string, operator: string) =>
    (servers.serverOf(operator)?.appenderOf ?? appenderOf)(stream);
  const supervisor = await sides.supervise({
    ...{ servers, fence: lease.token, signal },
    onReport: (name) => care.attend(name),
  });
  const validity = createValidityWatch({
    ...{ clock, log, signal, current: directory.get, graceMs: DELETION_GRACE_MS },
    census: createCensus({
      ...{ names, events: reader, requester: ports.requester },
      entities: ports.bucket(names.buckets.entities),
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
      requester: ports.requester,
      entities: ports.bucket(names.buckets.entities),
      appenderOf: channelOf,
      fence: lease.token,
      clock,
      log,
    }),
    ensureChannel: async (stream, subjects, operator) => {
      if (await servers.ensureChannel(operator, stream, subjects)) return;
      await storageSweep.settled(stream);
      await ports.ensureChannel({ prefix: names.prefix, stream, subjects, ...replicas });
    },
  });
  const driversOf = (operator: OperatorDocument): readonly string[] =>
    operator.manifest.operator.components
      .map(({ compute }) => sides.computes.get(compute) ?? EXTERNAL)
      .filter((driver) => driver !== EXTERNAL);
  const storageSweep = createStorageSweep({
    ...{ prefix: names.prefix, directory, leases: positions, clock, log, signal },
    storage: ports.storage(names.prefix),
    instancesOf: (operator) => supervisor.instancesOf(operator.name, driversOf(operator)),
    hasOwnServer: (operator) => serverWish(operator, sides.computes)?.location === 'own',
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
  const deadLetter = (message: StoredMessage, reason: string) =>
    parts.deadLetters(
      { source: 'operator-runtime', stream: streams.events, code: 'DOCUMENT_INVALID', reason },
      message,
    );

  const sweep = createAnswerSweep({
    ...{ names, directory, statuses: statusReader, finalize, clock, log, signal, channel, metrics },
    ...{ events: reader, fence: lease.token, answerWaitMs: sides.answerWaitMs },
    requester: ports.requester,
    entities: ports.bucket(names.buckets.entities),
    positionOf: async (operator, stream, subject) => {
      const own = servers.serverOf(operator);
      return own === undefined ? ports.channelPosition(stream, subject) : own.positionOf(stream, subject);
    },
  });

  const dispatch: DispatchOptions = {
    names,
    turn,
    follower: ports.follower(streams.events),
    snapshots: createSnapshots({
      ...{ names, reader, log },
      store: ports.bucket(names.buckets.snapshots),
    }),
    directory,
    clock,
    log,
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
    runRunEnds({ names, turn, follower: ports.follower(streams.status), requester: ports.requester, clock, log }),
    runFinalization({ names, turn, follower: ports.follower(streams.status), finalize, log }),
  ];
  try {
    await Promise.all(loops);
  } finally {
    stop.abort();
    await Promise.allSettled(loops);
  }
};
