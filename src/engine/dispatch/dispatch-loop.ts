// The operator-runtime's main loop: events -> commands to components. For every change of a resource the whole desired state is published
// on the command subject of its type (level-based: the component keeps the largest sequence, so repeats after a crash do no harm).
// Several events on one resource in one batch become one command. The checkpoint is written after the commands are stored, and fences
// out a runtime that has lost its lease.

import { encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { mustFollow } from '../../core/stream-holes.ts';
import type { Entity } from '../../messages/entity.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { sequenceIn } from '../loops/position.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { entityCommandFor } from './entity-command.ts';
import { createEntitySource, type EntityAfter } from './entity-source.ts';
import type { Snapshots } from '../history/snapshots.ts';
import { measuredFollower } from '../loops/measured-follower.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { Release } from './released-status.ts';
import type { Appender, AppendMessage, StoredMessage, StreamFollower } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';

export type DispatchOptions = {
  readonly names: Names;
  readonly follower: StreamFollower;
  readonly snapshots: Pick<Snapshots, 'read'>;
  readonly directory: OperatorDirectory;
  /** Decides which events count. Default: that of `names`. */
  readonly own?: OwnEvents;
  /** Holds `checkpoint.dispatch`. */
  readonly positions: KeyValueStore;
  readonly fence: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The appender of an operator's channel stream, which exists when this resolves. */
  channel(stream: string, operator: string): Promise<Appender>;
  /** A resource was released: resolves when that is told in OPSTREAM_STATUS. */
  onReleased(entity: Entity, release: Release, sequence: number): Promise<void>;
  /** An operator was registered, changed, or is to be deleted. */
  onOperator(name: string): void;
  readonly deadLetter: (message: StoredMessage, reason: string) => Promise<void>;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics;
};

const CHECKPOINT = 'checkpoint.dispatch';
/** Events handled since the last checkpoint, at most; they would be dispatched again after a crash. */
const CHECKPOINT_EVERY = 2000;
const CHECKPOINT_DELAY_MS = 200;
const RETRY_MS = 200;
const MAX_TRIES = 3;
const OWED_RETRY_MS = 1000;

/** Two operators may name their streams alike and have them on different servers. */
const channelKey = ({ operator, stream }: Command): string => `${operator}/${stream}`;

type Command = { readonly stream: string; readonly operator: string; readonly message: AppendMessage };

/** Resolves when `signal` aborts. Faults: LEASE_LOST, STREAM_DAMAGED (at a hole: nothing behind it is told anybody, nor passed). */
export const runDispatch = async (options: DispatchOptions): Promise<void> => {
  const { names, directory, positions, log, clock } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const metrics = options.metrics ?? noMetrics;
  const follower = measuredFollower(
    options.follower,
    {
      taken: metrics.counter(metricCatalogue.eventsDispatched),
      lag: metrics.gauge(metricCatalogue.dispatchLag),
      duration: metrics.histogram(metricCatalogue.dispatchBatchDuration),
    },
    () => metrics.nowMs(),
  );
  const entities = createEntitySource(names, options.snapshots, options.own ?? createOwnEvents(names));
  const stored = await positions.get(CHECKPOINT);
  const start = sequenceIn(stored) ?? 0;
  let revision = stored?.revision ?? 0;
  let writtenSequence = start;
  let handledSequence = start;
  let readSequence = start;
  let handledSince = 0;
  let lastWriteMs = clock.nowMs();

  const writeCheckpoint = async (): Promise<void> => {
    if (handledSequence === writtenSequence) return;
    const sequence = handledSequence;
    try {
      const data = encodeJson({ sequence, fence: options.fence });
      const [written] = await positions.commit([{ key: CHECKPOINT, data, expectedRevision: revision }]);
      revision = written ?? revision;
    } catch (error) {
      if (!isFault(error, 'JS_CONFLICT')) throw error;
      throw new Fault('LEASE_LOST', 'another operator-runtime has taken over', { cause: error });
    }
    writtenSequence = sequence;
    handledSince = 0;
    lastWriteMs = clock.nowMs();
  };

  /** As it is wanted now; of a released one, as it was. */
  const entityToSend = async ({ before, after, event }: EntityAfter, sequence: number): Promise<Entity | undefined> => {
    if (event.type !== 'io.opstream.resource.released.v1' || before.entity === undefined) return after.entity;
    await options.onReleased(before.entity, event, sequence);
    return { ...before.entity, sequence };
  };

  const commandFor = async (message: StoredMessage): Promise<Command | undefined> => {
    const change = await entities.after(message);
    if ('problem' in change) {
      await options.deadLetter(message, change.problem);
      return undefined;
    }
    const entity = await entityToSend(change, message.sequence);
    if (entity === undefined) return undefined;
    const { operator, type } = entity.manifest.resource;
    const api = directory.channelOf(operator, type);
    if (api === undefined) {
      log.warn(
        { operator, resourceType: type, key: entity.key, sequence: message.sequence },
        'no channel for this resource type',
      );
      return undefined;
    }
    const command = entityCommandFor(names, entity, change.event, { fence: options.fence });
    return {
      stream: api.command.stream,
      operator,
      message: { subject: api.command.subject, id: command.id, data: encodeJson(command) },
    };
  };

  /** True when it is stored, or cannot be. */
  const sendOnce = async (command: Command): Promise<boolean> => {
    const facts = { operator: command.operator, stream: command.stream };
    const count = (result: 'stored' | 'failed'): void =>
      metrics.counter(metricCatalogue.commandsDispatched, command.operator, result).add();
    try {
      const channel = await options.channel(command.stream, command.operator);
      await channel.append([command.message]);
      count('stored');
      return true;
    } catch (error) {
      if (isFault(error, 'JS_DUPLICATE')) return true;
      const isFinal = !isFault(error) || error.retry === 'never';
      count('failed');
      log[isFinal ? 'error' : 'warn']({ ...facts, err: error }, 'command to component not stored');
      return false;
    }
  };

  /**
   * A channel that does not work must not hold up the others: what it is owed is sent later, the latest of each resource. Only in memory: what
   * is lost with this process the answer sweep finds.
   */
  const owed = new Map<string, Command>();
  metrics.reading(metricCatalogue.commandsOwed, () => owed.size);
  const broken = new Set<string>();
  const payOff = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(OWED_RETRY_MS, signal);
      const failed = new Set<string>();
      for (const [subject, command] of owed) {
        if (signal.aborted) return;
        if (failed.has(channelKey(command))) continue;
        if (!(await sendOnce(command))) {
          failed.add(channelKey(command));
          continue;
        }
        broken.delete(channelKey(command));
        if (owed.get(subject) === command) owed.delete(subject);
      }
    }
  };

  const send = async (subject: string, command: Command): Promise<void> => {
    owed.delete(subject);
    for (let tries = 1; tries <= MAX_TRIES && !signal.aborted && !broken.has(channelKey(command)); tries += 1) {
      if (await sendOnce(command)) return;
      await clock.sleep(RETRY_MS * tries, signal);
    }
    broken.add(channelKey(command));
    owed.set(subject, command);
  };

  const onBatch = async (batch: readonly StoredMessage[], pending: number): Promise<void> => {
    readSequence = mustFollow(names.streams.events, readSequence, batch);
    const commands = new Map<string, Command>();
    for (const message of batch) {
      const ref = names.parseEvent(message.subject);
      if (ref?.kind === 'operator') {
        const name = directory.absorb(message);
        if (name !== undefined) options.onOperator(name);
      } else if (ref?.kind === 'resource') {
        const command = await commandFor(message);
        if (command === undefined) commands.delete(message.subject);
        else commands.set(message.subject, command);
      }
    }
    await Promise.all([...commands].map(([subject, command]) => send(subject, command)));
    if (signal.aborted) return;
    handledSequence = batch.at(-1)?.sequence ?? handledSequence;
    handledSince += batch.length;
    const isDue =
      handledSince >= CHECKPOINT_EVERY || (pending === 0 && clock.nowMs() - lastWriteMs >= CHECKPOINT_DELAY_MS);
    if (isDue) await writeCheckpoint();
  };

  log.info({ fromSequence: start + 1, fence: options.fence }, 'dispatch started');
  const paying = payOff();
  try {
    await follower.follow({ fromSequence: start + 1, filters: [names.eventFilter], onBatch, signal });
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    await paying;
  }
  if (owed.size === 0) await writeCheckpoint();
};
