// An operator that is registered under the name of one that was deleted with force takes over the resources that were left behind: they belong to
// an operator by its name. What was wanted of them meanwhile was sent to nobody, so all of them are sent to the new channel as they are
// now. Called before the operator is reported active; calling it again does no harm, because a component keeps the largest sequence.

import { decodeJson, encodeJson } from '../../core/decode.ts';
import { Fault, isFault } from '../../core/fault.ts';
import { isJsonObject } from '../../core/json.ts';
import { COMMAND_TYPE, type Entity, type EntityCommand } from '../../messages/entity.ts';
import { schemaUri } from '../../messages/envelope.ts';
import { MAX_PAGE_SIZE, type ListAnswer, type OperatorDocument, type Summary } from '../../messages/queries.ts';
import { damagedView, documentIn } from '../../messages/view-documents.ts';
import { refKey, resourceRef, viewKeys, type Names } from '../../messages/subjects.ts';
import { asTold } from './entity-command.ts';
import type { Appender, AppendMessage } from '../ports/streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Log } from '../ports/log.ts';
import type { Requester } from '../ports/services.ts';

const WAIT_MS = 5000;
/** Commands stored together. */
const GROUP = 100;

export type AdoptionOptions = {
  readonly names: Names;
  readonly requester: Requester;
  /** The view of entities. */
  readonly entities: KeyValueStore;
  /** Of an operator's channel. */
  appenderOf(stream: string, operator: string): Appender;
  readonly fence: number;
  readonly clock: Clock;
  readonly log: Log;
};

export type Adopt = (operator: OperatorDocument) => Promise<void>;

export const createAdoption = (options: AdoptionOptions): Adopt => {
  const { names, requester, clock, log } = options;

  const page = async (operator: OperatorDocument, cursor: string | undefined): Promise<ListAnswer> => {
    const query = {
      type: 'resource',
      operator: operator.name,
      limit: MAX_PAGE_SIZE,
      minSequence: operator.sequence,
      waitMs: WAIT_MS,
      ...(cursor === undefined ? {} : { cursor }),
    };
    const reply = await requester.request(names.query('list'), encodeJson(query), { timeoutMs: WAIT_MS + 2000 });
    const answer = decodeJson(reply.data);
    if (isJsonObject(answer) && Array.isArray(answer['items']) && answer['stale'] !== true) {
      const found = answer as unknown as ListAnswer;
      if (found.damaged !== undefined) throw damagedView(found.damaged);
      return found;
    }
    throw new Fault('JS_UNAVAILABLE', `the resources of operator "${operator.name}" cannot be told yet`);
  };

  const commandFor = (entity: Entity, operator: OperatorDocument): EntityCommand => ({
    specversion: '1.0',
    id: `adopt-${operator.uid}-${entity.uid}-${entity.sequence}`,
    source: `/${names.prefix}/operator-runtime`,
    type: COMMAND_TYPE,
    subject: refKey(resourceRef(entity.manifest.workspace, entity.manifest.name)),
    time: new Date(clock.nowMs()).toISOString(),
    datacontenttype: 'application/json',
    dataschema: schemaUri(COMMAND_TYPE),
    correlationid: operator.uid,
    causationid: operator.uid,
    commandid: operator.uid,
    actor: operator.createdBy,
    generation: entity.generation,
    data: {
      command: entity.deletionRequestedAt === undefined ? 'apply' : 'delete',
      entity: asTold(entity),
      fence: options.fence,
    },
  });

  const entitiesOf = async (items: readonly Summary[]): Promise<readonly Entity[]> => {
    const entries = await options.entities.getMany(
      items.map(({ workspace, name }) => viewKeys.entity(workspace, name)),
    );
    return entries.flatMap((entry) => documentIn('entity', entry) ?? []);
  };

  const send = async (entities: readonly Entity[], operator: OperatorDocument): Promise<number> => {
    const byStream = new Map<string, AppendMessage[]>();
    for (const entity of entities) {
      const { operator: owner, type } = entity.manifest.resource;
      const api = operator.manifest.operator.resources.find(({ name }) => name === type)?.natsApi;
      if (owner !== operator.name || api === undefined) continue;
      const command = commandFor(entity, operator);
      const message = { subject: api.command.subject, id: command.id, data: encodeJson(command) };
      byStream.set(api.command.stream, [...(byStream.get(api.command.stream) ?? []), message]);
    }
    let sent = 0;
    for (const [stream, messages] of byStream) {
      const appender = options.appenderOf(stream, operator.name);
      const store = async (message: AppendMessage): Promise<void> => {
        try {
          await appender.append([message]);
        } catch (error) {
          if (!isFault(error, 'JS_DUPLICATE')) throw error;
        }
      };
      for (let from = 0; from < messages.length; from += GROUP) {
        // One by one, as one group would be refused whole when a part of it was stored by an earlier attempt.
        await Promise.all(messages.slice(from, from + GROUP).map(store));
      }
      sent += messages.length;
    }
    return sent;
  };

  /** Faults: those of the query-responder and of the channel; the caller tries again. */
  return async (operator) => {
    let sent = 0;
    for (let cursor: string | undefined; ;) {
      const { items, next } = await page(operator, cursor);
      sent += await send(await entitiesOf(items), operator);
      cursor = next;
      if (cursor === undefined) break;
    }
    if (sent > 0) log.info({ operator: operator.name, resources: sent }, 'resources adopted');
  };
};
