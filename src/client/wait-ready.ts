// Waiting until a thing is as it was wanted. Live statuses say that something happened; what counts is the answer to a query, so a lost
// live message only costs time. `judge` is the pure part.

import { decodeEvent, decodeStatusEvent } from '../messages/stored-event.ts';
import { encodeJson } from '../core/decode.ts';
import { isFault } from '../core/fault.ts';
import { NO_WORKSPACE } from '../core/names.ts';
import { OPERATOR_NOT_READY, type GetAnswer, type RunRow } from '../messages/queries.ts';
import type { Clock } from '../engine/ports/clock.ts';
import { currentRunOf, isAnother, judgeChange, judgeRow, judgeRun, type Verdict } from './judge-wait.ts';
import { judgeUsers } from './secret-users.ts';
import type { Client, Identity, LiveMessage, ObservedStatus, Progress, WaitOptions, WaitOutcome } from './types.ts';

const SHORTEST_POLL_MS = 40;
const LONGEST_POLL_MS = 1_000;

export const isReady = (status: ObservedStatus | undefined): boolean =>
  status?.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;

/** Why the thing is not ready, in a sentence; empty when nobody has said. */
export const messageOf = (status: ObservedStatus | undefined): string => {
  if (status === undefined) return '';
  if (status.message !== undefined && status.message !== '') return status.message;
  const telling =
    status.conditions.find(({ type, status: value }) => type === 'Stalled' && value === 'True') ??
    status.conditions.find(({ type, status: value }) => type === 'Ready' && value !== 'True');
  return telling === undefined ? '' : telling.message || telling.reason;
};

const isStalled = (status: ObservedStatus | undefined): boolean =>
  status?.conditions.some((condition) => condition.type === 'Stalled' && condition.status === 'True') === true;

export const progressOf = (identity: Identity, answer: GetAnswer | undefined): Progress => ({
  identity,
  isGone: answer === undefined,
  generation: answer?.summary.generation ?? 0,
  observedGeneration: answer?.summary.observedGeneration ?? 0,
  status: answer?.summary.status ?? 'deleted',
  runtime: answer?.summary.runtime ?? '',
  isReady: isReady(answer?.status),
  message: messageOf(answer?.status),
});

/** No status tells of it: what would report does not run. */
const isHeldUp = (answer: GetAnswer | undefined): boolean =>
  answer?.status?.conditions.some(({ reason }) => reason === OPERATOR_NOT_READY) === true;

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);

/** Whether the waiting is over, and how. `answer` undefined: there is no such thing (any more). */
export const judge = (
  answer: GetAnswer | undefined,
  generation: number,
  untilGone: boolean,
): 'ready' | 'failed' | undefined => {
  if (answer === undefined) return untilGone ? 'ready' : 'failed';
  if (untilGone) return undefined;
  const { summary, status } = answer;
  if (answer.type === 'secret') return summary.generation < generation ? undefined : 'ready';
  if (status === undefined || summary.observedGeneration < generation || summary.generation < generation)
    return undefined;
  if (answer.type === 'resource' && answer.entity.run !== undefined) {
    // A summary says `pending` until the component has answered this very run.
    if (ENDED.has(summary.runtime)) return summary.runtime === 'succeeded' ? 'ready' : 'failed';
    return summary.status === 'error' && isStalled(status) ? 'failed' : undefined;
  }
  if (isReady(status)) return 'ready';
  return summary.status === 'error' ? 'failed' : undefined;
};

/** Whether a live message is about that thing. */
export const concerns = (message: LiveMessage, { kind, workspace, name }: Identity): boolean => {
  const tokens = message.subject.split('.').slice(-3);
  if (tokens[2] !== name) return false;
  const where = kind === 'operator' ? NO_WORKSPACE : workspace;
  // Nobody reports a status of a secret; a resource may have the same name.
  return tokens[1] === where && (message.stream === 'status' ? kind !== 'secret' : tokens[0] === kind);
};

/** Progress as a live status tells it, before the views have it. */
const progressOfStatus = (
  identity: Identity,
  message: LiveMessage,
  before: Progress | undefined,
): Progress | undefined => {
  const decoded = decodeStatusEvent(encodeJson(message.event));
  if ('problem' in decoded) return undefined;
  const status = decoded.event.data;
  return {
    identity,
    isGone: false,
    generation: before?.generation ?? decoded.event.generation,
    observedGeneration: status.observedGeneration,
    status: status.status,
    runtime: 'runtime' in status ? (status.runtime ?? '') : '',
    isReady: isReady(status),
    message: messageOf(status),
  };
};

const isDeletion = (message: LiveMessage): boolean => {
  const decoded = decodeEvent(encodeJson(message.event));
  return !('problem' in decoded) && /\.(?:deleted|released)\.v1$/.test(decoded.event.type);
};

export const waitReady = async (
  client: Pick<Client, 'query' | 'liveEvents'>,
  clock: Clock,
  identity: Identity,
  generation: number,
  options: WaitOptions,
): Promise<WaitOutcome> => {
  const { kind, workspace, name } = identity;
  const untilGone = options.untilGone === true;
  const done = new AbortController();
  const isOver = options.signal === undefined ? done.signal : AbortSignal.any([done.signal, options.signal]);
  const deadlineMs = clock.nowMs() + options.timeoutMs;
  const seen = { text: '', last: undefined as Progress | undefined };
  let wake = new AbortController();
  let pollMs = SHORTEST_POLL_MS;

  const show = (progress: Progress): void => {
    const { status, runtime, observedGeneration, message, isGone } = progress;
    const text = JSON.stringify([status, runtime, observedGeneration, message, isGone]);
    seen.last = progress;
    if (text === seen.text) return;
    seen.text = text;
    options.onChange?.(progress);
  };

  const onMessage = (message: LiveMessage): void => {
    if (done.signal.aborted || !concerns(message, identity)) return;
    const progress = message.stream === 'status' ? progressOfStatus(identity, message, seen.last) : undefined;
    if (progress !== undefined && progress.observedGeneration >= generation) show(progress);
    if (message.stream === 'status' || isDeletion(message)) {
      pollMs = SHORTEST_POLL_MS;
      wake.abort();
    }
  };

  const look = async (): Promise<GetAnswer | 'none' | 'unknown'> => {
    const freshness = options.minSequence === undefined ? {} : { minSequence: options.minSequence };
    try {
      const answer = await client.query('get', {
        type: kind,
        ...(kind === 'operator' ? {} : { workspace }),
        name,
        ...freshness,
      });
      if (answer.ok) return answer.value.stale === true ? 'unknown' : answer.value;
      return answer.error.code === 'NOT_FOUND' ? 'none' : 'unknown';
    } catch (error) {
      // Passing trouble (a restart): the deadline decides.
      if (isFault(error) && error.retry !== 'never') return 'unknown';
      throw error;
    }
  };

  /** Undefined: it cannot be told now. */
  const rowsOf = async (runId: string): Promise<readonly RunRow[] | undefined> => {
    try {
      const listed = await client.query('runs', { workspace, name, runId, limit: 1 });
      return listed.ok ? listed.value.items : undefined;
    } catch (error) {
      if (isFault(error) && error.retry !== 'never') return undefined;
      throw error;
    }
  };

  let following: string | undefined;
  let isPlain = options.run === undefined;
  /** The verdict, and why where the answer itself does not say. */
  const verdictOf = async (answer: GetAnswer | undefined): Promise<{ verdict: Verdict; message?: string }> => {
    if (answer !== undefined && untilGone && isAnother(answer, options.minSequence)) return { verdict: 'ready' };
    if (answer?.type === 'secret' && !untilGone && judge(answer, generation, untilGone) === 'ready')
      return judgeUsers(client, identity, answer.secret.contentSequence);
    if (answer?.type !== 'resource' || untilGone || options.run === undefined)
      return { verdict: judge(answer, generation, untilGone) };
    if (!isPlain && following === undefined) {
      following = options.run === 'current' ? currentRunOf(answer) : options.run.id;
      isPlain = following === undefined;
    }
    const plain = (): { verdict: Verdict } => ({ verdict: judgeChange(answer, generation, options.minSequence ?? 0) });
    if (isPlain || following === undefined) return plain();
    const verdict = judgeRun(answer, following);
    if (verdict !== 'elsewhere') return { verdict };
    const rows = await rowsOf(following);
    const [row] = rows ?? [];
    if (row !== undefined) return { verdict: judgeRow(row), message: row.message ?? `run ${row.number} ${row.state}` };
    // The command asked for no run.
    isPlain = rows !== undefined;
    return isPlain ? plain() : { verdict: undefined };
  };

  try {
    await client.liveEvents(isOver, onMessage);
    for (;;) {
      const found = await look();
      if (found !== 'unknown') {
        const answer = found === 'none' ? undefined : found;
        const { verdict, message } = await verdictOf(answer);
        const progress = { ...progressOf(identity, answer), ...(message === undefined ? {} : { message }) };
        // The views may be behind the statuses that were shown already.
        if (verdict !== undefined || seen.last === undefined || isHeldUp(answer) || message !== undefined)
          show(progress);
        if (verdict !== undefined) return { outcome: verdict, last: progress };
      }
      const last = seen.last === undefined ? {} : { last: seen.last };
      if (options.signal?.aborted === true) return { outcome: 'stopped', ...last };
      const restMs = deadlineMs - clock.nowMs();
      if (restMs <= 0) return { outcome: 'timed-out', ...last };
      await clock.sleep(Math.min(pollMs, restMs), AbortSignal.any([wake.signal, isOver]));
      // Woken by a status: the views need a moment to have it.
      if (wake.signal.aborted) await clock.sleep(Math.min(5, restMs), isOver);
      wake = new AbortController();
      pollMs = Math.min(LONGEST_POLL_MS, pollMs * 1.5);
    }
  } finally {
    done.abort();
  }
};
