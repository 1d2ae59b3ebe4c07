// The durable door as a test uses it: publish a command, wait for its outcome.

import { encodeJson } from '../../src/core/decode.ts';
import { isFault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import type { RunningInstance } from './running-instance.ts';
import { waitFor } from './wait-for.ts';

/** Publishes and waits until the stream has it; `body` may be any bytes. Without `commandId` the handler names it after its sequence. */
export const publishDurably = async (
  instance: RunningInstance,
  verb: string,
  body: JsonObject | Uint8Array,
  commandId?: string,
): Promise<void> => {
  const headers = commandId === undefined ? {} : { headers: { 'Opstream-Command-Id': commandId } };
  const data = body instanceof Uint8Array ? body : encodeJson(body);
  await createRequester(instance.connection).request(`opstream.cmd.${verb}`, data, { timeoutMs: 5000, ...headers });
};

export const outcomeOf = async (instance: RunningInstance, commandId: string): Promise<Receipt> =>
  waitFor(
    async () => {
      try {
        const answer = await instance.client.query('outcome', { commandId, waitMs: 1000 });
        return answer.ok ? answer.value.receipt : undefined;
      } catch (error) {
        // After a restart of the server the query-responder is back a moment later than the test.
        if (isFault(error) && error.retry !== 'never') return undefined;
        throw error;
      }
    },
    { what: `outcome of ${commandId}`, timeoutMs: 20_000 },
  );
