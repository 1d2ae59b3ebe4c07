// One term of leadership, from the loading of the entities to the end of the last reconcile. Ends when the program stops, the lease
// is lost, or a component with a newer lease is met.

import type { DeadLetters } from '../engine/loops/dead-letters.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Delivery, WorkQueue } from '../engine/ports/streams.ts';
import type { Lease } from '../engine/ports/leases.ts';
import type { Log } from '../engine/ports/log.ts';
import type { Publisher, ReceivedMessage, Subscriber } from '../engine/ports/services.ts';
import { createCommandIntake, type CommandIntake } from './command-intake.ts';
import type { ComponentConfig } from './config.ts';
import { createController } from './controller.ts';
import { createMaintenance } from './maintenance.ts';
import type { ComponentMetrics } from './metrics.ts';
import { createQueryDesk } from './query-desk.ts';
import type { AtWork } from './at-work.ts';
import { createReconcileLoop, type ReconcileLoop } from './reconcile-loop.ts';
import { createStatusPace } from './status-pace.ts';
import { createTermLimit, type TermLimit } from './term-limit.ts';
import type { EntityStatusStore, EntityStore, MessageHandler, OController, Reconciler } from './types.ts';

export type TermParts = {
  readonly config: ComponentConfig;
  readonly lease: Lease;
  readonly reconciler: Reconciler;
  /** Default: nobody asks. */
  readonly atWork?: AtWork;
  readonly handler: MessageHandler;
  readonly entities: EntityStore;
  readonly statuses: EntityStatusStore;
  /** The durable consumer of the channel; used when `config.durable`. */
  readonly commands: WorkQueue;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ComponentMetrics;
  /** Aborts when the program stops. */
  readonly signal: AbortSignal;
  /** Aborts also when the lease is lost. */
  readonly leading: AbortSignal;
  random(): number;
  /** Called before anything is reconciled. */
  onController(controller: OController): Promise<void>;
  /** Called when commands are taken and entities reconciled. */
  onWorking(loop: Pick<ReconcileLoop, 'hung'>): void;
};

const MAX_IN_FLIGHT = 1000;
/** Shorter than the 10 s after which a stopping process is left behind. */
const STOP_DEADLINE_MS = 8000;
/**
 * After the end of a term its reconciles may still read and report for so long. At a stop: longer than the 5 s that a call has to finish
 * whose answer must not be lost. At the loss of the lead: one attempt to store; what comes later is fenced off as a rule, and the next term
 * waits for it. Both leave time for the reconciles to end.
 */
const STOP_LIMIT_MS = 6500;
const LOST_LIMIT_MS = 2000;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Whether `work` ends in time. */
const endsInTime = async (work: Promise<unknown>, clock: Clock): Promise<boolean> => {
  const enough = new AbortController();
  const ended = await Promise.race([
    work.then(() => true),
    clock.sleep(STOP_DEADLINE_MS, enough.signal).then(() => false),
  ]);
  enough.abort();
  return ended;
};

const consume = async (parts: TermParts, intake: CommandIntake, signal: AbortSignal): Promise<void> => {
  const { config, commands } = parts;
  if (!config.durable) return aborted(signal);
  await commands.consume({
    maxInFlight: MAX_IN_FLIGHT,
    signal,
    onDelivery: (delivery: Delivery) => {
      intake.take({
        message: delivery,
        attempt: delivery.attempt,
        ack: () => delivery.ack(),
        retry: (delayMs) => delivery.nak(delayMs),
      });
    },
  });
};

/** The core subscriptions: queries, and commands when they need not be durable. */
const subscribe = async (parts: TermParts, intake: CommandIntake): Promise<() => Promise<void>> => {
  const { config, subscriber, clock, log, publisher, handler, entities, statuses, metrics } = parts;
  const { querySubject, commandSubject, durable, queue, queryReplySubject } = config;
  const running: { stop(): Promise<void> }[] = [];
  if (querySubject !== undefined) {
    const answer = createQueryDesk({
      ...{ handler, entities, statuses, publisher, log, metrics },
      replySubject: queryReplySubject,
    });
    running.push(await subscriber.subscribe(querySubject, queue, answer));
  }
  if (!durable) {
    let received = 0;
    const take = ({ subject, data, header }: ReceivedMessage): void => {
      // No stream, so no place in it: a made-up one tells dead letters apart.
      const timeMs = clock.nowMs();
      received += 1;
      intake.take({
        message: { subject, data, timeMs, sequence: timeMs * 1000 + (received % 1000), header },
        attempt: Number.MAX_SAFE_INTEGER,
        ack: () => {},
        retry: () => log.error({ subject }, 'command lost: MESSAGE_DURABILITY is false'),
      });
    };
    running.push(await subscriber.subscribe(commandSubject, queue, take));
  }
  return async () => {
    await Promise.all(running.map((one) => one.stop()));
  };
};

const leadUpTo = async (limit: TermLimit, given: TermParts): Promise<void> => {
  const { config, lease, clock, log, metrics } = given;
  const ending = new AbortController();
  let isFenced = false;
  let isAtWork = false;
  const term = AbortSignal.any([given.leading, ending.signal]);
  const reachLimit = async (delayMs: number): Promise<void> => {
    if (isAtWork) await clock.sleep(delayMs, limit.signal);
    limit.reach();
  };
  void aborted(term).then(() => reachLimit(given.signal.aborted ? STOP_LIMIT_MS : LOST_LIMIT_MS));
  // Also while it stops.
  void aborted(lease.lost).then(() => reachLimit(LOST_LIMIT_MS));
  await given.entities.open?.(limit.signal);
  await given.statuses.open?.(limit.signal);
  if (term.aborted) return;

  const entities = limit.entities(given.entities);
  const statuses = createStatusPace({
    ...{ clock, log, store: limit.statuses(given.statuses) },
    intervalMs: config.statusIntervalMs,
    recorded: given.reconciler.recorded ?? [],
    onStored: () => metrics.statusWritten(),
  });
  const deadLetters: DeadLetters = (origin, message) => limit.bound(() => given.deadLetters(origin, message));
  const parts: TermParts = { ...given, entities, statuses, deadLetters };

  const maintenance = createMaintenance({
    ...{ entities, clock, log },
    intervalMs: config.maintenanceIntervalMs,
    purgeAfterMs: config.purgeAfterMs,
  });
  const controller = createController({
    ...{ entities, statuses, clock, operator: config.operator },
    fence: () => lease.token,
  });
  await parts.onController(controller);
  isAtWork = true;

  const loop = createReconcileLoop({
    ...{ controller, entities, clock, log, metrics },
    reconciler: parts.reconciler,
    ...(parts.atWork === undefined ? {} : { atWork: parts.atWork }),
    fence: lease.token,
    maxWorkers: config.maxWorkers,
    resyncIntervalMs: config.resyncIntervalMs,
    reconcileTimeoutMs: config.reconcileTimeoutMs,
    random: () => parts.random(),
    onFenced: () => {
      isFenced = true;
      ending.abort();
    },
    onGone: async (entity) => {
      const { key, manifest } = entity;
      maintenance.gone(entity, await statuses.storedAtMs?.(key, manifest.resource.operator));
    },
  });
  const { line, changed, stop } = loop;
  metrics.gauge('keysWaiting', () => line.waiting);
  metrics.gauge('keysWorking', () => line.working);
  metrics.gauge('keysDelayed', () => line.delayed);
  const intake = createCommandIntake({
    ...{ entities, statuses, log, metrics, operator: config.operator, stream: config.stream },
    handler: parts.handler,
    deadLetters,
    random: () => parts.random(),
    onRequest: ({ key }) => changed(key),
    isDeposed: () => lease.lost.aborted || isFenced,
  });

  let unsubscribe = (): Promise<void> => Promise.resolve();
  try {
    // Entities that were kept but not reconciled before a crash, and everything that may have changed outside since.
    for await (const { key } of entities.list()) line.due(key);
    const subscribed = subscribe(parts, intake);
    unsubscribe = async () => (await subscribed)();
    await limit.bound(() => subscribed);
    parts.onWorking(loop);
    const work = [consume(parts, intake, term), maintenance.run(term), statuses.run(term)];
    await Promise.race([Promise.all(work), aborted(term)]);
  } finally {
    ending.abort();
    for (const name of ['keysWaiting', 'keysDelayed'] as const) metrics.gauge(name, () => 0);
    const ended = Promise.all([limit.wait(unsubscribe), limit.wait(() => intake.idle()), stop(term.reason)]);
    const isOurs = (): boolean => !lease.lost.aborted && !isFenced;
    const settled = ended.then(() => (isOurs() ? statuses.flush() : undefined));
    if (!(await endsInTime(settled, clock))) {
      log.error({ working: line.working, deadlineMs: STOP_DEADLINE_MS }, 'reconciles do not end although told to');
      // A next term in this process could reconcile an entity for the second time at once: worse than the error this may hide.
      // oxlint-disable-next-line no-unsafe-finally
      if (!parts.signal.aborted) throw new Error('a reconcile does not end although its signal was aborted');
    }
  }
};

/** Resolves when the term is over. Throws, for the process to end, when a reconcile goes on although its signal was aborted. */
export const leadTerm = async (parts: TermParts): Promise<void> => {
  const limit = createTermLimit();
  try {
    await leadUpTo(limit, parts);
  } finally {
    // Housekeeping may still be at a write: the next term of this process must be the only one that writes.
    limit.reach();
  }
};
