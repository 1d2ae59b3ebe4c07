// Asks the component itself for the status of an entity, over the query subject of its type: what the seed's `get` does. The answer
// comes on the manifest's reply subject, and on the inbox of the request; the inbox is enough for us.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { isFault } from '../../core/fault.ts';
import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { viewKeys } from '../../messages/subjects.ts';
import type { Entity, EntityAnswer, EntityQuery, EntityStatus } from '../../messages/entity.ts';
import { documentIn } from '../../messages/view-documents.ts';
import type { IdSource } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Requester } from '../ports/services.ts';

const TIMEOUT_MS = 2000;

const statusIn = (answer: EntityAnswer | undefined): Result<EntityStatus> | undefined => {
  if (answer?.status !== undefined) return ok(answer.status);
  return answer?.error?.code === 'ANSWER_TOO_LARGE' ? err(answer.error) : undefined;
};

export const refreshStatus = async (
  ask: { readonly requester: Requester; readonly ids: IdSource },
  entity: Entity,
  operators: KeyValueStore,
): Promise<Result<EntityStatus>> => {
  const { operator: operatorName, type } = entity.manifest.resource;
  const operator = documentIn('operator', await operators.get(viewKeys.operator(operatorName)));
  const subject = operator?.manifest.operator.resources.find(({ name }) => name === type)?.natsApi.query.subject;
  if (subject === undefined)
    return err(reject('OPERATOR_NOT_FOUND', `operator "${operatorName}" has no type "${type}" to ask`));
  const query: EntityQuery = { id: ask.ids.next(), query: 'status', key: entity.key };
  try {
    const reply = await ask.requester.request(subject, encodeJson(query), { timeoutMs: TIMEOUT_MS });
    const answer = decodeJson(reply.data) as unknown as EntityAnswer | undefined;
    return (
      statusIn(answer) ??
      err(reject('NOT_FOUND', `the component of "${operatorName}" has reported nothing on "${entity.key}" yet`))
    );
  } catch (error) {
    if (!isFault(error, 'NATS_NO_RESPONDERS') && !isFault(error, 'NATS_TIMEOUT')) throw error;
    return err(reject('NOT_FOUND', `no component of "${operatorName}" answers on ${subject}; is it running?`));
  }
};
