// Makes the thing outside as it is declared: the requests of `update` that are due. For a new generation that is all of them; otherwise those whose
// `when` says that it differs. A difference that comes back again and again is left alone for a while (drift.ts).

import { parseExactJson, type HttpChange, type HttpObject, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import { differenceOf } from './difference.ts';
import { corrected, heldUntilMs } from './drift.ts';
import { withLookUps } from './look-ups.ts';
import type { Drift } from './record.ts';
import type { Answer } from './answer.ts';
import { inputOf, type Parts, type Work } from './work.ts';

export type Changed = {
  /** Requests that were sent. */
  readonly count: number;
  /** What differed before, in words; '' when it cannot be told. */
  readonly difference: string;
  /** A drift was corrected. */
  readonly drift?: Drift;
  /** The drift is left alone until then; ms since the epoch. */
  readonly heldUntilMs?: number;
};

type Due = { readonly change: HttpChange; readonly input: JsonObject };

const changesOf = ({ update = [] }: HttpObject): readonly HttpChange[] =>
  Array.isArray(update) ? (update as readonly HttpChange[]) : [update as HttpChange];

export const createObjectChange = (parts: Parts, object: HttpObject) => {
  const { client, definition, now } = parts;
  const changes = changesOf(object);
  const secrets = Object.values(definition.env).filter((one) => typeof one === 'string');

  const itemsOf = async ({ each }: HttpChange, input: JsonObject, answer: Answer): Promise<readonly JsonValue[]> => {
    if (each === undefined) return [null];
    const value = await client.read(each, input, answer);
    if (Array.isArray(value)) return value as readonly JsonValue[];
    // A map as jq's to_entries has it.
    return Object.entries((value ?? {}) as JsonObject).map(([key, one]) => ({ key, value: one }));
  };

  const dueIn = async (work: Work, objectId: string, answer: Answer, isNew: boolean): Promise<readonly Due[]> => {
    const due: Due[] = [];
    const base = inputOf(work, definition, objectId);
    for (const change of changes) {
      if (!isNew && change.when === undefined) continue;
      for (const item of await itemsOf(change, base, answer)) {
        const seen = change.each === undefined ? base : { ...base, item };
        const isWanted = async (program: string): Promise<boolean> =>
          (await client.read(program, seen, answer)) === true;
        if (!isNew && change.when !== undefined && !(await isWanted(change.when))) continue;
        if (change.if !== undefined && !(await isWanted(change.if))) continue;
        const input = { ...seen, response: answer.response };
        due.push({ change, input: await withLookUps(client, object.let, change, input, work.context) });
      }
    }
    return due;
  };

  const differenceIn = async (due: readonly Due[], { response }: Answer): Promise<string> => {
    const words: string[] = [];
    for (const { change, input } of due) {
      const body = await client.bodyOf(change, input);
      const said = body === undefined ? '' : differenceOf(parseExactJson(body), response.body, secrets);
      if (said !== '' && !words.includes(said)) words.push(said);
    }
    return words.join('; ').slice(0, 600);
  };

  return {
    /** `isNew`: of a generation that was not brought out yet; `isDrift`: what differs is not of our making. */
    bring: async (
      work: Work,
      objectId: string,
      answer: Answer,
      { isNew, isDrift }: { readonly isNew: boolean; readonly isDrift: boolean },
    ): Promise<Changed> => {
      const due = await dueIn(work, objectId, answer, isNew);
      if (due.length === 0) return { count: 0, difference: '' };
      const difference = await differenceIn(due, answer);
      const words = difference === '' ? 'what "when" compares' : difference;
      const before = work.record.kept?.drift;
      const untilMs = isDrift ? heldUntilMs(before, words, now()) : undefined;
      if (untilMs !== undefined) return { count: 0, difference: words, heldUntilMs: untilMs };
      for (const { change, input } of due) await client.send(change, input, work.context);
      return { count: due.length, difference, ...(isDrift ? { drift: corrected(before, words, now()) } : {}) };
    },
  };
};

export type ObjectChange = ReturnType<typeof createObjectChange>;
