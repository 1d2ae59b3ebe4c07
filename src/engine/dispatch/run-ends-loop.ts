// Brings the ends of runs into the history of their resources: reads OPSTREAM_STATUS, and for each status that says that a run has ended asks
// the command-handler to settle it. The event that comes of it begins the run that waits, so this loop is what makes a queue go on.
//
// Nothing is lost and nothing done twice, whatever is killed: the checkpoint follows the answers, so a status is told of again until its
// command was answered, and the handler does nothing about a run that has ended already.

import { includesBytes } from '../../core/bytes.ts';
import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { isEnd } from '../../domain/resource/run-lane.ts';
import { STATUS_TYPE } from '../../messages/entity.ts';
import { commandHeaders } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { traceHeaders, type TraceHeaders } from '../../messages/trace.ts';
import { createGenerations } from '../loops/recent-cache.ts';
import { sequenceIn } from '../loops/position.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { Requester } from '../ports/services.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';

const CHECKPOINT = 'checkpoint.run-ends';
/** In every status of a resource with a run; others need not be parsed. */
const RUN = new TextEncoder().encode('"run":');
const ENDS = ['"succeeded"', '"failed"', '"cancelled"'].map((text) => new TextEncoder().encode(text));
const RETRY_MS = 500;
/** A run that waits begins at most that much later. */
const REST_MS = 20;
const CHECKPOINT_EVERY_MS = 1000;
/** Ends that need not be told of again. */
const MAX_SETTLED = 20_000;

export type RunEndsOptions = {
  readonly names: Names;
  /** Of OPSTREAM_STATUS. */
  readonly follower: StreamFollower;
  /** Holds `checkpoint.run-ends`. */
  readonly positions: KeyValueStore;
  readonly requester: Requester;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Default: those of `names`. */
  readonly own?: OwnEvents;
};

type Ended = {
  readonly runId: string;
  readonly uid: string;
  readonly workspace: string;
  readonly name: string;
  readonly statusSequence: number;
  readonly cause: string;
  /** Of the status: the event belongs to the same trace. */
  readonly trace: TraceHeaders;
};

const keyOf = ({ uid, runId }: Ended): string => `${uid}/${runId}`;

/** Resolves when `signal` aborts. */
export const runRunEnds = async (options: RunEndsOptions): Promise<void> => {
  const { names, positions, requester, clock, log, signal, own = createOwnEvents(names) } = options;
  const settled = createGenerations<true>(MAX_SETTLED);
  const stored = await positions.get(CHECKPOINT);
  let handled = sequenceIn(stored) ?? 0;
  let written = handled;
  let writtenMs = clock.nowMs();

  const writeCheckpoint = async (): Promise<void> => {
    if (handled === written) return;
    const sequence = handled;
    await positions.commit([{ key: CHECKPOINT, data: encodeJson({ sequence }) }]);
    written = sequence;
    writtenMs = clock.nowMs();
  };

  const endIn = (message: StoredMessage): Ended | undefined => {
    if (!includesBytes(message.data, RUN) || !ENDS.some((end) => includesBytes(message.data, end))) return undefined;
    const decoded = own.status(message);
    if ('problem' in decoded || decoded.event.type !== STATUS_TYPE) return undefined;
    const { workspace, name } = decoded.ref;
    const { id: cause, data } = decoded.event;
    const { run, uid } = data;
    if (workspace === NO_WORKSPACE || run === undefined || !isEnd(run.state)) return undefined;
    const trace = traceHeaders(decoded.event);
    return { runId: run.id, uid, workspace, name, statusSequence: message.sequence, cause, trace };
  };

  /** Asks until there is an answer; whether it was accepted. No command id: what a repeat does nothing about needs no outcome that is kept. */
  const settle = async ({ cause, trace, ...target }: Ended): Promise<boolean> => {
    const headers = {
      [commandHeaders.actor]: 'operator-runtime',
      [commandHeaders.causationId]: cause,
      ...trace,
    };
    const body = encodeJson({ type: 'resource', ...target });
    const { workspace, name, runId } = target;
    while (!signal.aborted) {
      try {
        const reply = decodeJson((await requester.request(names.rpc('settle'), body, { headers })).data);
        if (isJsonObject(reply) && typeof reply['accepted'] === 'boolean') {
          const facts = {
            workspace,
            name,
            runId,
            code: isJsonObject(reply['rejection']) && reply['rejection']['code'],
          };
          if (reply['accepted']) log.debug(facts, 'run settled');
          else log.error(facts, 'end of a run refused');
          return reply['accepted'];
        }
      } catch (error) {
        if (!isFault(error)) throw error;
        log.warn({ workspace, name, runId, err: error }, 'run cannot be settled yet');
      }
      await clock.sleep(RETRY_MS, signal);
    }
    return false;
  };

  await options.follower.follow({
    fromSequence: handled + 1,
    filters: [names.statusFilter],
    restMs: REST_MS,
    signal,
    onBatch: async (batch) => {
      const ends = new Map<string, Ended>();
      for (const message of batch) {
        const ended = endIn(message);
        if (ended !== undefined && settled.get(keyOf(ended)) === undefined) ends.set(keyOf(ended), ended);
      }
      const settleOne = async ([key, ended]: readonly [string, Ended]): Promise<void> => {
        if (await settle(ended)) settled.set(key, true);
      };
      await Promise.all([...ends].map(settleOne));
      if (signal.aborted) return;
      handled = batch.at(-1)?.sequence ?? handled;
      if (clock.nowMs() - writtenMs >= CHECKPOINT_EVERY_MS) await writeCheckpoint();
    },
  });
  await writeCheckpoint();
};
