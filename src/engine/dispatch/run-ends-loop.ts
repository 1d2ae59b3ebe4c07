// Brings the ends of runs into the history of their resources: reads OPSTREAM_STATUS, and for each status that says that a run has ended asks
// the command-handler to settle it. The event that comes of it begins the run that waits, so this loop is what makes a queue go on.
// The handler does nothing about a run that has ended already, so asking twice does no harm (loops/ask-list.ts).

import { includesBytes } from '../../core/bytes.ts';
import { encodeJson } from '../../core/decode.ts';
import { isEnd } from '../../domain/resource/run-lane.ts';
import { STATUS_TYPE } from '../../messages/entity.ts';
import { commandHeaders } from '../../messages/envelope.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { createOwnEvents, type OwnEvents } from '../../messages/own-events.ts';
import type { Names } from '../../messages/subjects.ts';
import { traceHeaders, type TraceHeaders } from '../../messages/trace.ts';
import { createGenerations } from '../loops/recent-cache.ts';
import { askUntilAnswered, runAskList } from '../loops/ask-list.ts';
import type { Turn } from '../loops/turn.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Requester } from '../ports/services.ts';
import type { StoredMessage, StreamFollower } from '../ports/streams.ts';

/** In every status of a resource with a run; others need not be parsed. */
const RUN = new TextEncoder().encode('"run":');
const ENDS = ['"succeeded"', '"failed"', '"cancelled"'].map((text) => new TextEncoder().encode(text));
const RETRY_MS = 500;
/** A run that waits begins at most that much later. */
const REST_MS = 20;
/** Ends that need not be told of again. */
const MAX_SETTLED = 20_000;

export type RunEndsOptions = {
  readonly names: Names;
  readonly turn: Turn;
  /** Of OPSTREAM_STATUS. */
  readonly follower: StreamFollower;
  readonly requester: Requester;
  readonly clock: Clock;
  readonly log: Log;
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

/** Resolves when the turn is over. */
export const runRunEnds = (options: RunEndsOptions): Promise<void> => {
  const { names, turn, follower, requester, clock, log, own = createOwnEvents(names) } = options;
  const settled = createGenerations<true>(MAX_SETTLED);

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

  const endsIn = (batch: readonly StoredMessage[]): readonly Ended[] => {
    const ends = new Map<string, Ended>();
    for (const message of batch) {
      const ended = endIn(message);
      if (ended !== undefined && settled.get(keyOf(ended)) === undefined) ends.set(keyOf(ended), ended);
    }
    return [...ends.values()];
  };

  /** No command id: what a repeat does nothing about needs no outcome that is kept. */
  const settle = async (ended: Ended): Promise<void> => {
    const { cause, trace, ...target } = ended;
    const { workspace, name, runId } = target;
    const receipt = await askUntilAnswered(
      {
        subject: names.rpc('settle'),
        body: encodeJson({ type: 'resource', ...target }),
        headers: { [commandHeaders.actor]: 'operator-runtime', [commandHeaders.causationId]: cause, ...trace },
      },
      {
        ...{ requester, clock, signal: turn.signal, retryMs: RETRY_MS },
        onFault: (error) => log.warn({ workspace, name, runId, err: error }, 'run cannot be settled yet'),
      },
    );
    if (receipt === undefined) return;
    const facts = { workspace, name, runId, code: receipt.rejection?.code };
    if (receipt.accepted) log.debug(facts, 'run settled');
    else log.error(facts, 'end of a run refused');
    if (receipt.accepted) settled.set(keyOf(ended), true);
  };

  return runAskList({
    ...{ turn, follower, loop: 'run-ends', filter: names.statusFilter, restMs: REST_MS },
    itemsIn: endsIn,
    ask: settle,
  });
};
