// Follows a run that was started to its end, and cancels it. Whatever the API answers meanwhile, the run may go on: a refusal (a key that was revoked for
// an hour) is asked again, a cancel that is refused does not stop the reading, and a run that is not to be seen yet is waited for.

import {
  Fault,
  hasEnded,
  isFault,
  isNotThere,
  leftToSettleMs,
  notSeenYet,
  patiently,
  type HttpAction,
  type JsonObject,
  type JsonValue,
  type ReconcileResult,
} from '../../sdk/index.ts';
import { absenceIn, textOf, type Seen } from './object-read.ts';
import { propertiesBy } from './properties.ts';
import type { Answer } from './answer.ts';
import { conditionsOf, isToEnd, lifecycleOf, observed, unlessEmpty } from './run-parts.ts';
import { inputOf, tell, type Parts, type Report, type Work } from './work.ts';

const STATES = ['pending', 'inprogress', 'succeeded', 'failed', 'cancelled'] as const;

type Read = NonNullable<HttpAction['read']>;

export const createRunFollow = (parts: Parts) => {
  const { client, now, definition } = parts;
  const { pollIntervalMs, settleMs } = definition;

  /** What is to be said of it; '' when it was accepted, or the run is not there: what is read next says so. */
  const cancel = async (work: Work, { cancel: operation }: HttpAction, input: JsonObject): Promise<string> => {
    if (operation === undefined) return 'it cannot be cancelled: the manifest has no "cancel"';
    try {
      await client.send(operation, input, work.context);
      return '';
    } catch (error) {
      if (!isFault(error) || work.context.signal.aborted) throw error;
      if (isNotThere(error)) return '';
      work.context.log.warn({ err: error }, 'cancel was not accepted');
      return `the cancel was not accepted, and is sent again: ${error.message}`;
    }
  };

  const look = async (work: Work, read: Read, input: JsonObject): Promise<Seen> => {
    try {
      const answer = await client.send(read, input, work.context);
      const isGone = read.gone !== undefined && (await client.read(read.gone, input, answer)) === true;
      return { kind: isGone ? 'gone' : 'there', answer };
    } catch (error) {
      return absenceIn(error);
    }
  };

  const optional = async (program: string | undefined, input: JsonObject, answer: Answer): Promise<JsonValue> =>
    program === undefined ? null : client.read(program, input, answer);

  type There = {
    readonly read: Read;
    readonly input: JsonObject;
    readonly answer: Answer;
    readonly externalId: string;
    readonly note: string;
  };
  const observe = async (work: Work, base: Report, there: There): Promise<ReconcileResult> => {
    const { read, input, answer, externalId, note } = there;
    const word = textOf(await client.read(read.state, input, answer));
    const state = STATES.find((one) => read.states[one]?.includes(word) === true);
    if (state === undefined) work.context.log.warn({ state: word, runId: externalId }, 'state of run is not mapped');
    const reached = state ?? 'inprogress';
    const said = textOf(await optional(read.message, input, answer));
    const unknown = state === undefined ? `the API says "${word}", which the manifest's states do not map` : undefined;
    const message = unknown ?? (hasEnded(reached) || note === '' ? said : note);
    const startedAt = textOf(await optional(read.startedAt, input, answer));
    const finishedAt = textOf(await optional(read.finishedAt, input, answer));
    const properties = await propertiesBy(() => optional(read.properties, input, answer), work.context.log);
    const run = observed(work, {
      ...{ state: reached, externalId },
      ...unlessEmpty({ message, startedAt, finishedAt }),
    });
    await tell(work, {
      ...base,
      status: base.status === 'active' ? lifecycleOf(reached) : base.status,
      run,
      properties: { ...base.properties, ...properties },
      ...conditionsOf(reached, message),
      message,
    });
    return hasEnded(reached) ? {} : { requeueAfterMs: pollIntervalMs };
  };

  /** Not to be seen, and it was started a moment ago. */
  const isEarly = ({ record }: Work): boolean => leftToSettleMs(record.kept?.startedAt, settleMs, now()) > 0;

  return async (work: Work, action: HttpAction, base: Report): Promise<ReconcileResult> => {
    const { read } = action;
    const externalId = work.record.run?.externalId ?? '';
    const input = inputOf(work, definition, externalId);
    if (read === undefined)
      throw new Fault('COMPONENT_TERMINAL', 'the manifest has no "read" for this run', { retry: 'never' });
    const note = isToEnd(work.entity) ? await cancel(work, action, input) : '';
    const seen = await patiently(look(work, read, input));
    if (seen.kind === 'there')
      return patiently(observe(work, base, { read, input, answer: seen.answer, externalId, note }));
    if (seen.kind === 'unseen' && isEarly(work)) {
      const message = `run ${externalId} was started a moment ago and is not to be seen yet`;
      const run = observed(work, { state: work.record.run?.state ?? 'pending', externalId, message });
      await tell(work, { ...base, run, conditions: notSeenYet(message), message });
      return { requeueAfterMs: pollIntervalMs };
    }
    const message = `run ${externalId} is not known to the API any more`;
    const run = observed(work, { state: 'failed', message });
    await tell(work, { ...base, status: 'error', run, ...conditionsOf('failed', message), message });
    return {};
  };
};

export type RunFollow = ReturnType<typeof createRunFollow>;
