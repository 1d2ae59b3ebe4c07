// The operators' own NATS servers while this operator-runtime leads: prepares and connects each that a manifest asks for, provisions and
// seeds it, relays what is reported there, and removes what nobody asks for any more. The processes themselves are the supervisor's, which
// sees each server as one more component. Level-based: `attend(name)` may be called any number of times.

import { Fault, isFault } from '../../core/fault.ts';
import type { ChannelServer } from '../../messages/entity.ts';
import type { ComponentSpec } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Names } from '../../messages/subjects.ts';
import type { DeadLetters } from '../loops/dead-letters.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ServerAccess } from '../supervision/plan-inputs.ts';
import type { InstanceSpec } from '../supervision/ports.ts';
import { serverInstance, serverProblem, serverWish, withServer, type ServerWish } from './place.ts';
import type { OwnServer, ServerFolders, ServerPlace, ServerSide } from './ports.ts';
import { openQueryBridge } from './query-bridge.ts';
import { relayDeadLetters, relayStatuses } from './relay.ts';
import { copyStatus, seedStatuses } from './seed.ts';

const RETRY_MS = 1000;
const TIDY_MS = 2000;
/** A server that is being started is waited for so long before its operator is told to be without one. */
const START_MS = 5000;

export type OwnServersOptions = {
  readonly names: Names;
  readonly directory: Pick<OperatorDirectory, 'get' | 'all'>;
  /** Compute to driver. */
  readonly computes: ReadonlyMap<string, string>;
  readonly folders: ServerFolders;
  /** Waits for the server until `signal` aborts, and makes what components expect there, but for the channel. */
  connect(place: ServerPlace, operator: string, signal: AbortSignal): Promise<OwnServer>;
  readonly shared: ServerSide;
  readonly deadLetters: DeadLetters;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** A server can be used, for the first time or again. */
  onReady(operator: string): void;
};

type Open = {
  readonly name: string;
  readonly compute: string;
  readonly place: Promise<ServerPlace>;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  server: OwnServer | undefined;
  bridge: { readonly generation: number; readonly close: Promise<() => Promise<void>> } | undefined;
  isPrepared: boolean;
};

export type OwnServers = ReturnType<typeof createOwnServers>;

export const createOwnServers = (options: OwnServersOptions) => {
  const { names, directory, computes, folders, shared, clock, log, signal } = options;
  const open = new Map<string, Open>();

  const ownWish = (operator: OperatorDocument): ServerWish | undefined => {
    const wish = serverWish(operator, computes);
    return wish?.location === 'own' ? wish : undefined;
  };

  /** Again and again until `ending` aborts. */
  const persist = async (what: string, operator: string, ending: AbortSignal, work: () => Promise<void>) => {
    while (!ending.aborted) {
      try {
        await work();
      } catch (error) {
        if (!ending.aborted)
          log[isFault(error) ? 'warn' : 'error']({ operator, what, err: error }, 'own server: again');
      }
      await clock.sleep(RETRY_MS, ending);
    }
  };

  const closeBridge = async (entry: Open): Promise<void> => {
    const { bridge } = entry;
    entry.bridge = undefined;
    if (bridge === undefined) return;
    const close = await bridge.close.catch(() => undefined);
    await close?.();
  };

  const bridge = (operator: OperatorDocument, entry: Open): void => {
    const { server } = entry;
    if (server === undefined || entry.bridge?.generation === operator.generation) return;
    const before = closeBridge(entry);
    const apis = operator.manifest.operator.resources.map(({ natsApi }) => natsApi);
    const close = before.then(() => openQueryBridge({ apis, own: server, shared, log }));
    close.catch((error: unknown) => log.warn({ operator: operator.name, err: error }, 'questions are not passed on'));
    entry.bridge = { generation: operator.generation, close };
  };

  const serve = async (operator: string, entry: Open, place: ServerPlace): Promise<void> => {
    const ending = AbortSignal.any([signal, entry.stop.signal]);
    const own = await options.connect(place, operator, ending);
    try {
      await seedStatuses({ names, operator, own, shared }, ending);
      if (ending.aborted) return;
      entry.server = own;
      const document = directory.get(operator);
      if (document !== undefined) bridge(document, entry);
      options.onReady(operator);
      const { incarnation } = place;
      const { deadLetters, metrics } = options;
      const relay = { names, operator, incarnation, own, shared, clock, log, deadLetters, metrics };
      await Promise.all([
        persist('statuses', operator, ending, () => relayStatuses({ ...relay, signal: ending })),
        persist('dead letters', operator, ending, () => relayDeadLetters({ ...relay, signal: ending })),
      ]);
    } finally {
      entry.server = undefined;
      await closeBridge(entry);
      await own.close();
    }
  };

  const begin = (operator: string, { name, compute }: ServerWish): Open => {
    const stop = new AbortController();
    const place = folders.prepare({ operator, name });
    const entry: Open = {
      ...{ name, compute, place, stop, server: undefined, bridge: undefined, isPrepared: false },
      done: Promise.resolve().then(() =>
        persist('connection', operator, AbortSignal.any([signal, stop.signal]), async () =>
          serve(operator, entry, await place),
        ),
      ),
    };
    const onProblem = (error: unknown): void => {
      log.warn({ operator, err: error }, 'folder of an own server cannot be prepared');
      stop.abort();
      if (open.get(operator) === entry) open.delete(operator);
    };
    place.then(() => (entry.isPrepared = true), onProblem);
    return entry;
  };

  /** A document may be held for longer than its operator is there: a report of its deletion, a plan. It opens nothing. */
  const isOver = ({ name, uid }: OperatorDocument): boolean => directory.get(name)?.uid !== uid;

  const openFor = (operator: OperatorDocument): Open | undefined => {
    if (isOver(operator)) return undefined;
    const wish = ownWish(operator);
    const known = open.get(operator.name);
    if (known !== undefined && (known.name !== wish?.name || known.compute !== wish.compute)) {
      known.stop.abort();
      open.delete(operator.name);
    }
    if (wish === undefined) return undefined;
    const entry = open.get(operator.name) ?? begin(operator.name, wish);
    open.set(operator.name, entry);
    bridge(operator, entry);
    return entry;
  };

  const assertThere = (operator: OperatorDocument): void => {
    if (isOver(operator)) throw new Fault('COMPUTE_UNAVAILABLE', `operator "${operator.name}" is gone`);
  };

  const opened = (name: string): Open | undefined => {
    const operator = directory.get(name);
    if (operator !== undefined) return openFor(operator);
    open.get(name)?.stop.abort();
    open.delete(name);
    return undefined;
  };

  const notThere = (operator: string, { name }: Open): Fault =>
    new Fault(
      'NATS_UNREACHABLE',
      `the NATS server of operator "${operator}" does not answer (yet); its component "${name}" says why`,
    );

  const upNow = (operator: string, entry: Open): OwnServer => {
    if (entry.server?.isUp !== true) throw notThere(operator, entry);
    return entry.server;
  };

  const upSoon = async (operator: string, entry: Open): Promise<OwnServer> => {
    const untilMs = clock.nowMs() + START_MS;
    while (entry.server?.isUp !== true && clock.nowMs() < untilMs && !signal.aborted) await clock.sleep(50, signal);
    return upNow(operator, entry);
  };

  /** Whose folder was taken away is prepared anew by whoever asks for it next. */
  const closeLost = (): void => {
    for (const [operator, entry] of open) {
      if (!entry.isPrepared || folders.isThere({ operator, name: entry.name })) continue;
      log.warn({ operator }, 'the folder of an own server is gone, it begins anew');
      entry.stop.abort();
      open.delete(operator);
    }
  };

  const tidy = (): void => {
    closeLost();
    for (const ref of folders.list()) {
      const operator = directory.get(ref.operator);
      const isWanted = operator !== undefined && ownWish(operator)?.name === ref.name;
      if (!isWanted) folders.remove(ref);
    }
  };

  return {
    attend: (name: string): void => void opened(name),

    /** As the supervisor sees the operators. */
    directory: {
      get: (name: string): OperatorDocument | undefined => {
        const operator = directory.get(name);
        return operator === undefined ? undefined : withServer(operator, ownWish(operator));
      },
      all: (): readonly OperatorDocument[] => directory.all().map((one) => withServer(one, ownWish(one))),
    },

    seenWithServer: (operator: OperatorDocument): OperatorDocument => withServer(operator, ownWish(operator)),

    /** How its components reach its server, from this machine's network only: see `reachProblem`. Undefined: the shared one. Faults: COMPUTE_UNAVAILABLE. */
    accessOf: async (operator: OperatorDocument): Promise<ServerAccess | undefined> => {
      assertThere(operator);
      const entry = openFor(operator);
      if (entry === undefined) return undefined;
      const { url, incarnation, component } = await entry.place;
      return {
        environment: { OPSTREAM_NATS_URL: url },
        credentials: { OPSTREAM_NATS_USER: component.user, OPSTREAM_NATS_PASSWORD: component.password },
        // Passwords are as old as the incarnation.
        credentialsVersion: incarnation,
      };
    },

    instanceOf: async (operator: OperatorDocument, { name }: ComponentSpec): Promise<InstanceSpec> => {
      assertThere(operator);
      const entry = openFor(operator);
      if (entry === undefined) throw new TypeError(`operator ${operator.name} has no server of its own`);
      return serverInstance(operator, name, await entry.place);
    },

    /** False: the channel is on the shared server. Faults: NATS_UNREACHABLE, JS_REFUSED. */
    ensureChannel: async (operator: string, stream: string, subjects: readonly string[]): Promise<boolean> => {
      const entry = opened(operator);
      if (entry === undefined) return false;
      const problem = serverProblem(entry.compute, computes);
      if (problem !== undefined) throw new Fault('COMPUTE_UNAVAILABLE', problem);
      await (await upSoon(operator, entry)).ensureChannel(stream, subjects);
      return true;
    },

    /** Undefined: the shared one. Faults: NATS_UNREACHABLE, at once, when its own is away. */
    serverOf: (operator: string): OwnServer | undefined => {
      const entry = opened(operator);
      return entry === undefined ? undefined : upNow(operator, entry);
    },

    /** For the operator's status. */
    tellOf: async (operator: OperatorDocument): Promise<ChannelServer | undefined> => {
      const wish = serverWish(operator, computes);
      const entry = openFor(operator);
      if (wish === undefined || entry === undefined) return wish;
      const { url, incarnation } = await entry.place;
      return { ...wish, url, ...(entry.server === undefined ? {} : { incarnation }) };
    },

    /** A status that was written on the shared server is to be known on the operator's own; best effort. */
    copy: async (operator: string, subject: string): Promise<void> => {
      const own = opened(operator)?.server;
      if (own?.isUp !== true) return;
      try {
        await copyStatus({ own, shared }, subject);
      } catch (error) {
        if (!isFault(error)) throw error;
        log.warn({ operator, subject, err: error }, 'status not copied to the own server');
      }
    },

    /** Until the signal aborts. Servers are left running: whoever leads next adopts them. */
    run: async (): Promise<void> => {
      while (!signal.aborted) {
        tidy();
        await clock.sleep(TIDY_MS, signal);
      }
      await Promise.allSettled([...open.values()].map(({ done }) => done));
    },
  };
};
