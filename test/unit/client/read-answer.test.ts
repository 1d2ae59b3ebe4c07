import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readAnswer } from '../../../src/client/open-client.ts';
import { encodeJson } from '../../../src/core/decode.ts';
import { Fault, isFault } from '../../../src/core/fault.ts';
import { createQueryDoor } from '../../../src/engine/queries/query-door.ts';
import { manualClock } from '../../support/memory-ports.ts';
import { silentLog } from '../../support/silent-log.ts';

/** What a client reads when the query-responder meets `fault`. */
const readAs = async (fault: Fault): Promise<unknown> => {
  const answerer = {
    answer: async () => {
      throw fault;
    },
  };
  const door = createQueryDoor({ answerer, log: silentLog, clock: manualClock(), encode: encodeJson });
  const reply = await new Promise<Uint8Array>((resolve) =>
    door({
      ...{
        subject: 'opstream.query.get',
        data: new Uint8Array(),
        maxReplyBytes: 1_000_000,
        header: () => undefined,
        replySubject: 'r',
      },
      respond: resolve,
    } as Parameters<typeof door>[0]),
  );
  try {
    return readAnswer(reply);
  } catch (error) {
    return error;
  }
};

it('a fault behind a query is the same fault at the client, with its retry hint', async () => {
  for (const fault of [
    new Fault('VIEW_DAMAGED', 'a'),
    new Fault('STREAM_DAMAGED', 'b'),
    new Fault('NATS_TIMEOUT', 'c', { retry: { afterMs: 700 } }),
    new Fault('JS_REFUSED', 'd', { retry: 'never' }),
  ]) {
    const read = await readAs(fault);
    assert.ok(isFault(read, fault.code), String(read));
    assert.deepEqual([read.message, read.retry], [fault.message, fault.retry]);
  }
});
