// Makes the thing outside be there and as declared: read, else find, else create; update when it differs; delete. Level-based: every
// reconcile looks at the API again, and goes on from what the status says was intended.

import {
  Fault,
  isFault,
  outcomeOf,
  type HttpObject,
  type JsonObject,
  type JsonValue,
  type LifecycleStatus,
  isJsonObject,
} from '../../sdk/index.ts';
import { idOf, intentTo, withEarlier } from './record.ts';
import type { Answer } from './rest-client.ts';
import { inputOf, updateOf, type Parts, type Work } from './work.ts';

const NOT_FOUND = 404;
const WHAT = 'object';

export type Observed = {
  readonly objectId: string;
  readonly status: Extract<LifecycleStatus, 'pending' | 'active' | 'error'>;
  readonly message: string;
  readonly properties: JsonObject;
  readonly appliedGeneration: number;
};

const isMissing = (error: unknown): boolean => isFault(error) && error.details['status'] === NOT_FOUND;

const textOf = (value: JsonValue): string =>
  value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);

export const createObjectStep = (parts: Parts, object: HttpObject) => {
  const { client, definition, now } = parts;

  const read = async (work: Work, objectId: string): Promise<Answer | undefined> => {
    try {
      return await client.send(object.read, inputOf(work, definition, objectId), work.context);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  const find = async (work: Work): Promise<string | undefined> => {
    if (object.find === undefined) return undefined;
    const found = await client.find(object.find, inputOf(work, definition), work.context);
    if (found.length > 1)
      work.context.log.warn({ key: work.entity.key, count: found.length }, 'several things match, the first is taken');
    return found[0]?.externalId;
  };

  const create = async (work: Work): Promise<string> => {
    client.ready();
    const at = new Date(now()).toISOString();
    const intent = intentTo(WHAT, at, work.context.fence, work.record.intent);
    await parts.report(updateOf(work, { status: 'pending', record: { intent } }));
    const intended = { ...work, record: { ...work.record, intent } };
    const input = inputOf(intended, definition);
    try {
      const answer = await client.send(object.create, input, work.context, true);
      return idOf(await client.read(object.create.externalId, input, answer), 'create');
    } catch (error) {
      // Nothing was made, and that is certain: nothing is to be looked for.
      if (outcomeOf(error) === 'none')
        await parts.report(
          updateOf(intended, {
            status: 'error',
            withdraw: true,
            ...(isFault(error) ? { message: error.message } : {}),
          }),
        );
      throw error;
    }
  };

  const findOrCreate = async (work: Work): Promise<{ readonly objectId: string; readonly isNew: boolean }> => {
    const existing = await find(work);
    if (existing !== undefined) return { objectId: existing, isNew: false };
    if (work.record.intent?.what === WHAT && object.find === undefined) {
      const message = `a request to create it at ${work.record.intent.at} was not confirmed, and the manifest has no "find" to look for what it may have made; look outside, then delete and declare the resource anew`;
      throw new Fault('COMPONENT_TERMINAL', message, { retry: 'never' });
    }
    return { objectId: await create(work), isNew: true };
  };

  /** What was found is at generation 0: nobody knows what it was made from. */
  const mustUpdate = async (
    generation: number,
    applied: number,
    answer: Answer,
    input: JsonObject,
  ): Promise<boolean> => {
    if (object.update === undefined) return false;
    if (applied !== generation) return true;
    return object.update.when !== undefined && (await client.read(object.update.when, input, answer)) === true;
  };

  const wordIn = async (answer: Answer, input: JsonObject): Promise<Pick<Observed, 'status' | 'message'>> => {
    const { status: program, statuses = {}, message: messageProgram } = object.read;
    const message = messageProgram === undefined ? '' : textOf(await client.read(messageProgram, input, answer));
    if (program === undefined) return { status: 'active', message };
    const word = textOf(await client.read(program, input, answer));
    const known = (['active', 'pending', 'error'] as const).find((one) => statuses[one]?.includes(word) === true);
    if (known !== undefined) return { status: known, message };
    return { status: 'pending', message: `the API says "${word}", which the manifest's statuses do not map` };
  };

  const propertiesIn = async (answer: Answer, input: JsonObject): Promise<JsonObject> => {
    if (object.read.properties === undefined) return {};
    const value = await client.read(object.read.properties, input, answer);
    return isJsonObject(value) ? value : { value };
  };

  return {
    /** The thing as it is after this; its id is stored as soon as it is known. */
    ensure: async (work: Work): Promise<Observed> => {
      const { record, entity, context } = work;
      let objectId = record.objectId;
      let answer = objectId === undefined ? undefined : await read(work, objectId);
      let appliedGeneration = record.appliedGeneration ?? 0;
      if (objectId === undefined || answer === undefined) {
        const made = await findOrCreate(work);
        ({ objectId } = made);
        appliedGeneration = made.isNew ? entity.generation : 0;
        const known = { objectId, appliedGeneration, earlierIds: withEarlier(record.earlierIds, undefined) };
        await parts.report(updateOf(work, { status: 'pending', record: known, withdraw: true }));
        answer = await read(work, objectId);
      }
      if (answer === undefined) {
        const message = `what was made or found as ${objectId} is not there when it is read`;
        throw new Fault('COMPONENT_RETRYABLE', message);
      }
      const { generation } = entity;
      const input = inputOf({ ...work, record: { ...record, objectId } }, definition, objectId);
      if (object.update !== undefined && (await mustUpdate(generation, appliedGeneration, answer, input))) {
        await client.send(object.update, { ...input, response: answer }, context);
        if (appliedGeneration !== generation) {
          const applied = { objectId, appliedGeneration: generation };
          await parts.report(
            updateOf(work, { status: 'pending', record: applied, withdraw: record.intent?.what === WHAT }),
          );
        }
        answer = (await read(work, objectId)) ?? answer;
      }
      const said = await wordIn(answer, input);
      return { objectId, ...said, properties: await propertiesIn(answer, input), appliedGeneration: generation };
    },

    /** What stays outside, if anything does. */
    remove: async (work: Work): Promise<string | undefined> => {
      const objectId = work.record.objectId ?? (work.record.intent?.what === WHAT ? await find(work) : undefined);
      if (objectId === undefined) return undefined;
      if (object.delete === undefined) return `${objectId} stays: the manifest has no way to delete it`;
      try {
        await client.send(object.delete, inputOf(work, definition, objectId), work.context);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      return undefined;
    },
  };
};

export type ObjectStep = ReturnType<typeof createObjectStep>;
