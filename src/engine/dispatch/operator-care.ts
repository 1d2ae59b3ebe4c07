// What the operator-runtime does for each operator: makes its channel stream, reports the operator's own status, and finishes its
// deletion. Level-based: `attend(name)` may be called any number of times; one run per operator at a time, and a later call makes it
// run again.

import { lastOperatorStatus } from '../history/last-operator-status.ts';
import { encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import {
  OPERATOR_STATUS_TYPE,
  type ChannelServer,
  type Condition,
  type LifecycleStatus,
  type OperatorStatus,
  type OperatorStatusEvent,
} from '../../messages/entity.ts';
import { schemaUri } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import type { Names } from '../../messages/subjects.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import type { Adopt } from './adoption.ts';
import { DELETION_GRACE_MS } from '../../domain/operator/deletion-grace.ts';
import type { Finalizer } from './finalize-loop.ts';
import type { OperatorDirectory } from '../history/operator-directory.ts';
import type { ComponentsReport } from '../supervision/component-report.ts';
import type { ValidityTold } from '../evolution/validity-watch.ts';
import type { Appender, StreamReader } from '../ports/streams.ts';
import type { Clock, IdSource } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { isDeepStrictEqual } from '../../core/equal.ts';

const RETRY_MS = 5000;

export type OperatorCareOptions = {
  readonly names: Names;
  readonly directory: OperatorDirectory;
  readonly statuses: Appender;
  readonly statusReader: StreamReader;
  readonly finalize: Finalizer;
  readonly fence: number;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Makes the stream with these subjects, or adds them. Faults with retry `never` when it is not ours or overlaps another. */
  ensureChannel(stream: string, subjects: readonly string[], operator: string): Promise<void>;
  /** What is seen of its components; undefined: nobody has looked yet. Absent: nobody looks. */
  componentsOf?(operator: OperatorDocument): ComponentsReport | undefined;
  /** Whether its resources fit it, where that is known. Absent: nobody looks. */
  validityOf?(operator: OperatorDocument): readonly ValidityTold[];
  /** Which NATS server its channel is in; undefined: the shared one, and its manifest does not speak of another. */
  natsOf?(operator: OperatorDocument): Promise<ChannelServer | undefined>;
  /** Sends the components what is wanted of the resources that an earlier operator of that name left behind. */
  readonly adopt: Adopt;
};

export const channelsOf = (operator: OperatorDocument): ReadonlyMap<string, readonly string[]> => {
  const channels = new Map<string, readonly string[]>();
  for (const { natsApi } of operator.manifest.operator.resources) {
    const { stream, subject } = natsApi.command;
    channels.set(stream, [...(channels.get(stream) ?? []), subject]);
  }
  return channels;
};

type Told = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const NOT_LOOKED: ComponentsReport = {
  generation: 0,
  components: [],
  conditions: [
    {
      type: 'ComponentsReady',
      status: 'Unknown',
      reason: 'NotLookedYet',
      message: 'its components are being looked at',
    },
  ],
};

/** `Ready` is about the channel and, where components are supervised, about them. */
const withComponents = (ready: Omit<Told, 'type'>, seen: ComponentsReport | undefined): readonly Told[] => {
  const own: Told = { type: 'Ready', ...ready };
  if (seen === undefined) return [own];
  const components = seen.conditions.find(({ type }) => type === 'ComponentsReady');
  const isHeldUp = ready.status === 'True' && components !== undefined && components.status !== 'True';
  return [isHeldUp ? { ...components, type: 'Ready', status: 'False' } : own, ...seen.conditions];
};

const NOTHING_WATCHED = { seen: undefined, validity: [] } as const;

export const createOperatorCare = (options: OperatorCareOptions) => {
  const { names, directory, clock, log, signal } = options;
  const attending = new Map<string, { again: boolean }>();

  const lastStatus = (name: string) => lastOperatorStatus(options.statusReader, names, name);

  const watched = (operator: OperatorDocument) => ({
    seen: options.componentsOf === undefined ? undefined : (options.componentsOf(operator) ?? NOT_LOOKED),
    validity: options.validityOf?.(operator) ?? [],
  });

  /** While its server is away, the incarnation that was in use stays: what is known of it is still there. */
  const natsFor = async (operator: OperatorDocument, last: OperatorStatus | undefined) => {
    const nats = await options.natsOf?.(operator);
    const incarnation = nats?.incarnation ?? last?.nats?.incarnation;
    return nats?.location !== 'own' || incarnation === undefined ? nats : { ...nats, incarnation };
  };

  /** What is wanted of its resources has to be sent again: it is back, or its channel is on another server than it was. */
  const mustAdopt = async (operator: OperatorDocument): Promise<boolean> => {
    const { status: last } = await lastStatus(operator.name);
    const nats = await options.natsOf?.(operator);
    const isMoved = last !== undefined && last.nats?.incarnation !== nats?.incarnation;
    return isMoved || (operator.generation > 1 && last?.status !== 'active');
  };

  const report = async (
    operator: OperatorDocument,
    status: LifecycleStatus,
    ready: Pick<Condition, 'status' | 'reason' | 'message'>,
  ): Promise<void> => {
    const { name } = operator;
    const last = await lastStatus(name);
    const time = new Date(clock.nowMs()).toISOString();
    const { seen, validity } = status === 'active' || status === 'error' ? watched(operator) : NOTHING_WATCHED;
    const conditions = [...withComponents(ready, seen), ...validity].map((told): Condition => {
      const before = last.status?.conditions.find(({ type }) => type === told.type);
      const lastTransitionTime = before?.status === told.status ? before.lastTransitionTime : time;
      return { ...told, lastTransitionTime, observedGeneration: operator.generation };
    });
    const nats = await natsFor(operator, last.status);
    const next: OperatorStatus = {
      operator: name,
      observedGeneration: operator.generation,
      observedSequence: operator.sequence,
      status,
      conditions,
      ...(seen === undefined ? {} : { components: seen.components }),
      ...(nats === undefined ? {} : { nats }),
    };
    if (last.status !== undefined) {
      const { fence: _fence, ...known } = last.status as OperatorStatus & { readonly fence?: number };
      if (isDeepStrictEqual(known, next)) return;
    }
    const id = options.ids.next();
    const event: OperatorStatusEvent = {
      specversion: '1.0',
      id,
      source: `/${names.prefix}/operator-runtime`,
      type: OPERATOR_STATUS_TYPE,
      subject: `operator.${NO_WORKSPACE}.${name}`,
      time,
      datacontenttype: 'application/json',
      dataschema: schemaUri(OPERATOR_STATUS_TYPE),
      correlationid: operator.uid,
      causationid: operator.uid,
      commandid: operator.uid,
      actor: 'operator-runtime',
      generation: operator.generation,
      data: { ...next, fence: options.fence },
    };
    const subject = names.status({ operator: name, workspace: NO_WORKSPACE, name });
    await options.statuses.append([{ subject, id, data: encodeJson(event), expectedLastSequence: last.sequence }]);
  };

  const makeChannels = async (operator: OperatorDocument): Promise<void> => {
    for (const [stream, subjects] of channelsOf(operator)) await options.ensureChannel(stream, subjects, operator.name);
  };

  const finishDeletion = async (operator: OperatorDocument, deletionRequestedAt: string): Promise<boolean> => {
    await report(operator, 'deleting', {
      status: 'False',
      reason: 'Deleting',
      message: 'waiting until nothing can refer to it',
    });
    const graceMs = Date.parse(deletionRequestedAt) + DELETION_GRACE_MS - clock.nowMs();
    if (graceMs > 0) await clock.sleep(graceMs, signal);
    const target = { type: 'operator', workspace: NO_WORKSPACE, name: operator.name, uid: operator.uid } as const;
    const receipt = await options.finalize(target, `${operator.uid}-${clock.nowMs()}`);
    if (receipt === undefined) return true;
    if (receipt.accepted) {
      await report(operator, 'deleted', { status: 'False', reason: 'Deleted', message: 'deleted' });
      return true;
    }
    const message = receipt.rejection?.message ?? 'refused';
    await report(operator, 'deleting', { status: 'False', reason: receipt.rejection?.code ?? 'Refused', message });
    return false;
  };

  /** True when there is nothing left to do. */
  const attendOnce = async (name: string): Promise<boolean> => {
    const operator = directory.get(name);
    if (operator === undefined) return true;
    if (operator.deletionRequestedAt !== undefined) return finishDeletion(operator, operator.deletionRequestedAt);
    try {
      await makeChannels(operator);
    } catch (error) {
      if (!isFault(error)) throw error;
      await report(operator, 'error', { status: 'False', reason: error.code, message: error.message });
      log.warn({ operator: name, err: error }, 'channel of operator cannot be made');
      return false;
    }
    // An operator that was here before may have left resources behind; what was active before has adopted them.
    if (await mustAdopt(operator)) await options.adopt(operator);
    await report(operator, 'active', {
      status: 'True',
      reason: 'ChannelReady',
      message: 'commands can be sent to its components',
    });
    return true;
  };

  const run = async (name: string, turn: { again: boolean }): Promise<void> => {
    while (!signal.aborted) {
      turn.again = false;
      let isDone = false;
      try {
        isDone = await attendOnce(name);
      } catch (error) {
        log.warn({ operator: name, err: error }, 'operator could not be attended to');
      }
      if (isDone && !turn.again) break;
      if (!isDone) await clock.sleep(RETRY_MS, signal);
    }
    attending.delete(name);
  };

  return {
    attend: (name: string): void => {
      const turn = attending.get(name);
      if (turn !== undefined) {
        turn.again = true;
        return;
      }
      const fresh = { again: false };
      attending.set(name, fresh);
      run(name, fresh).catch((error: unknown) => log.error({ operator: name, err: error }, 'operator care ended'));
    },
    makeChannels,
  };
};
