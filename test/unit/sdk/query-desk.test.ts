import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJson, encodeJson } from '../../../src/core/decode.ts';
import { Fault } from '../../../src/core/fault.ts';
import type { EntityAnswer } from '../../../src/messages/entity.ts';
import { noMetrics } from '../../../src/engine/ports/no-metrics.ts';
import { createMemoryEntityStatusStore, createMemoryEntityStore } from '../../../src/sdk/memory-stores.ts';
import { createMessageHandler } from '../../../src/sdk/message-handler.ts';
import { createComponentMetrics } from '../../../src/sdk/metrics.ts';
import { createQueryDesk } from '../../../src/sdk/query-desk.ts';
import { entityAt } from '../../support/entities.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait-for.ts';

const MAX_BYTES = 4096;

test('an answer that no message takes is answered with why, on both subjects', async () => {
  const entities = createMemoryEntityStore();
  await entities.put(entityAt(1, { externalName: 'x'.repeat(MAX_BYTES) }));
  const answers = new Map<string, EntityAnswer>();
  const desk = createQueryDesk({
    handler: createMessageHandler(),
    entities,
    statuses: createMemoryEntityStatusStore(),
    publisher: {
      publish: (subject, data) => {
        if (data.byteLength > MAX_BYTES) {
          const text = `${subject}: expected at most ${MAX_BYTES} bytes, found ${data.byteLength}`;
          throw new Fault('JS_TOO_LARGE', text, { retry: 'never' });
        }
        answers.set(subject, decodeJson(data) as unknown as EntityAnswer);
      },
    },
    replySubject: 'op.reply',
    log: silentLog,
    metrics: createComponentMetrics(noMetrics),
  });
  const data = encodeJson({ id: 'question-1', query: 'entity', key: 'public.run-1' });
  desk({ subject: 'op.query', data, replySubject: '_INBOX.asker', header: () => undefined });
  await waitFor(() => answers.size === 2, { what: 'the answers' });
  for (const answer of answers.values()) {
    assert.equal(answer.found, false);
    assert.equal(answer.id, 'question-1');
    assert.equal(answer.error?.code, 'ANSWER_TOO_LARGE');
    assert.match(answer.error?.message ?? '', /at most 4096 bytes/);
  }
});
