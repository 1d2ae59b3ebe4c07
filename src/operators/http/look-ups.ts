// `let`: what has to be asked before a request can be written, such as the id of the folder that a thing is made in. Asked only when the request
// uses it, anew each time, in the order of the manifest.

import { Fault, type HttpLookUp, type HttpOperation, type JsonObject, type JsonValue } from '../../sdk/index.ts';
import type { CallContext } from './auth.ts';
import type { RestClient } from './rest-client.ts';

export type LookUps = Readonly<Record<string, HttpLookUp>>;

const USES = /\blet\b/;
const isUsedBy = (operation: unknown): boolean => USES.test(JSON.stringify(operation));

/** `input` with `.let`. Faults: those of a request; COMPONENT_RETRYABLE when a value is null, with `details.outcome` `none`. */
export const withLookUps = async (
  client: Pick<RestClient, 'send' | 'read'>,
  lookUps: LookUps | undefined,
  operation: HttpOperation,
  input: JsonObject,
  context: CallContext,
): Promise<JsonObject> => {
  if (lookUps === undefined || !isUsedBy(operation)) return input;
  const found: Record<string, JsonValue> = {};
  for (const [name, lookUp] of Object.entries(lookUps)) {
    const seen = { ...input, let: { ...found } };
    const answer = await client.send(lookUp, seen, context);
    const value = await client.read(lookUp.value, seen, answer);
    if (value === null) {
      const message = `${answer.what}: expected a value for let.${name} (${lookUp.value}), found null`;
      throw new Fault('COMPONENT_RETRYABLE', message, { details: { outcome: 'none' } });
    }
    found[name] = value;
  }
  return { ...input, let: found };
};
