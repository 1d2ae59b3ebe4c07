// Which resources need an operator: asked of the query-responder, at the sequence of the last resource event, so that nothing accepted
// before is missed (src/README.md, decision 6).

import { decodeJson, encodeJson } from '../core/decode.ts';
import { Fault } from '../core/fault.ts';
import { isJsonObject } from '../core/json.ts';
import type { Names } from '../messages/subjects.ts';
import type { ListAnswer } from '../messages/queries.ts';
import type { Requester, StreamReader } from './ports.ts';

const WAIT_MS = 5000;
/** Listed in a refusal, at most. */
const MAX_LISTED = 20;

/** Faults: NATS_NO_RESPONDERS, NATS_TIMEOUT, JS_UNAVAILABLE when the views did not catch up in time. */
export const createDependents =
  (options: { readonly names: Names; readonly reader: StreamReader; readonly requester: Requester }) =>
  async (operator: string): Promise<readonly string[]> => {
    const { names, reader, requester } = options;
    const minSequence = await reader.lastSequence();
    const query = { type: 'resource', operator, limit: MAX_LISTED, minSequence, waitMs: WAIT_MS };
    const reply = await requester.request(names.query('list'), encodeJson(query), { timeoutMs: WAIT_MS + 2000 });
    const answer = decodeJson(reply.data);
    if (!isJsonObject(answer) || !Array.isArray(answer['items']) || answer['stale'] === true) {
      throw new Fault(
        'JS_UNAVAILABLE',
        `it cannot be told yet whether resources need operator "${operator}": the views are behind`,
      );
    }
    const { items, total } = answer as unknown as ListAnswer;
    const listed = items.map(({ workspace, name }) => `resource ${workspace}/${name}`);
    return total > items.length ? [...listed, `and ${total - items.length} more`] : listed;
  };
