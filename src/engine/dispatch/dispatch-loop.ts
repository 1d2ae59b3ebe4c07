// The operator-runtime's main loop: events -> commands to components. For every change of a resource the whole desired state is published
// on the command subject of its type (level-based: the component keeps the largest sequence, so repeats after a crash do no harm).
// Several events on one resource in one batch become one command. The checkpoint is written after the commands are stored, and fences
// out a runtime that has lost its lease.

import { encodeJson } from '../../core/decode.ts';
import { mustFollow } from '../../core/stream-holes.ts';
import type { Entity } from '../../messages/entity.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { metricCatalogue } from '../../messages/metric-catalogue.ts';
import { createCommandDebts, type ChannelCommand } from './command-debts.ts';
import { entityCommandFor } from './entity-command.ts';
import { createEntitySource, type EntityAfter } from './entity-source.ts';
import type { Snapshots } from '../history/snapshots.ts';
import { measuredFollower } from '../loops/measured-follower.ts';
import { noMetrics } from '../ports/no-metrics.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { Release } from './released-status.ts';
import type { Appender, StoredMessage, StreamFollower } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Turn } from '../loops/turn.ts';

export type DispatchOptions = {
  readonly names: Names;
  /** Of the operator-runtime. */
  readonly turn: Turn;
  readonly follower: StreamFollower;
  readonly snapshots: Pick<Snapshots, 'read'>;
  readonly directory: OperatorDirectory;
  /** Decides which events count. Default: that of `names`. */
  readonly own?: OwnEvents;
  readonly clock: Clock;
  readonly log: Log;
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

/** Events handled since the last checkpoint, at most; they would be dispatched again after a crash. */
const CHECKPOINT_EVERY = 2000;
const CHECKPOINT_DELAY_MS = 200;

/** Resolves when the turn is over. Faults: LEASE_LOST, STREAM_DAMAGED (at a hole: nothing behind it is told anybody, nor passed). */
export const runDispatch = async (options: DispatchOptions): Promise<void> => {
  const { names, turn, directory, log, clock } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([turn.signal, stop.signal]);
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
  const debts = createCommandDebts({ channel: options.channel, clock, log, metrics, signal });
  const checkpoint = await turn.checkpoint('dispatch', {
    facts: { fence: turn.fence },
    takenOver: 'another operator-runtime has taken over',
    isDue: ({ messages, ms, pending }) => messages >= CHECKPOINT_EVERY || (pending === 0 && ms >= CHECKPOINT_DELAY_MS),
  });
  let lastRead = checkpoint.next - 1;

  /** As it is wanted now; of a released one, as it was. */
  const entityToSend = async ({ before, after, event }: EntityAfter, sequence: number): Promise<Entity | undefined> => {
    if (event.type !== 'io.opstream.resource.released.v1' || before.entity === undefined) return after.entity;
    await options.onReleased(before.entity, event, sequence);
    return { ...before.entity, sequence };
  };

  const commandFor = async (message: StoredMessage): Promise<ChannelCommand | undefined> => {
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
    const command = entityCommandFor(names, entity, change.event, { fence: turn.fence });
    return {
      stream: api.command.stream,
      operator,
      message: { subject: api.command.subject, id: command.id, data: encodeJson(command) },
    };
  };

  const commandsIn = async (batch: readonly StoredMessage[]): Promise<ReadonlyMap<string, ChannelCommand>> => {
    const commands = new Map<string, ChannelCommand>();
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
    return commands;
  };

  const onBatch = async (batch: readonly StoredMessage[], pending: number): Promise<void> => {
    lastRead = mustFollow(names.streams.events, lastRead, batch);
    const commands = await commandsIn(batch);
    await Promise.all([...commands].map(([subject, command]) => debts.send(subject, command)));
    if (!signal.aborted) await checkpoint.handled(batch, pending);
  };

  const fromSequence = checkpoint.next;
  log.info({ fromSequence, fence: turn.fence }, 'dispatch started');
  const paying = debts.payOff();
  try {
    await follower.follow({ fromSequence, filters: turn.filters(names.eventFilter), onBatch, signal });
  } catch (error) {
    stop.abort();
    throw error;
  } finally {
    await paying;
  }
  if (debts.isFree) await checkpoint.write();
};
