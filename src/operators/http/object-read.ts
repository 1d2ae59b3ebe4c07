// How the thing outside is: there, gone, or not to be seen. Called by the other steps of an object.

import {
  isNotThere,
  isFault,
  type HttpObject,
  type JsonObject,
  type JsonValue,
  type LifecycleStatus,
} from '../../sdk/index.ts';
import { propertiesBy } from './properties.ts';
import type { Answer } from './answer.ts';
import { inputOf, type Parts, type Work } from './work.ts';

/** 410, or the manifest, say that it was there; 404 may also mean that it is not to be seen yet. */
const SAYS_GONE = 410;

export type Seen =
  | { readonly kind: 'there'; readonly answer: Answer }
  | { readonly kind: 'gone'; readonly answer: Answer | undefined }
  | { readonly kind: 'unseen' };

export type Observed = {
  readonly objectId: string;
  readonly status: Extract<LifecycleStatus, 'pending' | 'active' | 'error'>;
  readonly message: string;
  readonly properties: JsonObject;
};

export const textOf = (value: JsonValue): string =>
  value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** What an absent thing's fault says. Rethrows every other. */
export const absenceIn = (error: unknown): Seen => {
  if (!isNotThere(error)) throw error;
  return isFault(error) && error.details['status'] === SAYS_GONE
    ? { kind: 'gone', answer: undefined }
    : { kind: 'unseen' };
};

export const createObjectRead = ({ client, definition }: Parts, object: HttpObject) => {
  const { read } = object;

  const wordIn = async (answer: Answer, input: JsonObject): Promise<Pick<Observed, 'status' | 'message'>> => {
    const { status: program, statuses = {}, message: messageProgram } = read;
    const message = messageProgram === undefined ? '' : textOf(await client.read(messageProgram, input, answer));
    if (program === undefined) return { status: 'active', message };
    const word = textOf(await client.read(program, input, answer));
    const known = (['active', 'pending', 'error'] as const).find((one) => statuses[one]?.includes(word) === true);
    if (known !== undefined) return { status: known, message };
    return { status: 'pending', message: `the API says "${word}", which the manifest's statuses do not map` };
  };

  return {
    /** `gone`: by a program other than `read.gone`. */
    look: async (work: Work, objectId: string, gone = read.gone): Promise<Seen> => {
      const input = inputOf(work, definition, objectId);
      try {
        const answer = await client.send(read, input, work.context);
        const isGone = gone !== undefined && (await client.read(gone, input, answer)) === true;
        return { kind: isGone ? 'gone' : 'there', answer };
      } catch (error) {
        return absenceIn(error);
      }
    },

    observe: async (work: Work, objectId: string, answer: Answer): Promise<Observed> => {
      const input = inputOf(work, definition, objectId);
      const { properties: program } = read;
      const properties =
        program === undefined ? {} : await propertiesBy(() => client.read(program, input, answer), work.context.log);
      return { objectId, ...(await wordIn(answer, input)), properties };
    },
  };
};

export type ObjectRead = ReturnType<typeof createObjectRead>;
