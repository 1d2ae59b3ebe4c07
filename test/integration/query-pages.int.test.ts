// Answers that do not fit one message, on a real server: every query is answered, with a page and `next`, and what cannot be cut into pages
// says so. The same for receipts. A user with a chatty component meets this after a day.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { readHistory } from '../../src/cli/history-pages.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { STATUS_TYPE, type StatusEvent } from '../../src/messages/entity.ts';
import { schemaUri } from '../../src/messages/envelope.ts';
import type { HistoryAnswer, ListAnswer } from '../../src/messages/queries.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { 'operator-runtime': 0 } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

const declare = async (name: string, spec: JsonObject = {}, tags: readonly string[] = []) => {
  const receipt = await mustApply(instance.client, { ...datasetOf('op', name, spec), tags });
  const minSequence = receipt.events.at(-1)?.sequence ?? 0;
  const answer = await instance.client.query('get', { name, minSequence, waitMs: 10_000 });
  assert.ok(answer.ok && answer.value.type === 'resource');
  return answer.value.entity;
};

/** Stores statuses of a resource as its component would. */
const report = async (
  name: string,
  entity: { readonly uid: string; readonly sequence: number },
  properties: readonly JsonObject[],
): Promise<void> => {
  const { connection, names } = instance;
  const appender = createAppender(connection, names.streams.status);
  const beganMs = Date.now();
  await Promise.all(
    properties.map((seen, index) => {
      const time = new Date(beganMs + index).toISOString();
      const event: StatusEvent = {
        specversion: '1.0',
        id: randomUUID(),
        source: '/opstream/component/op',
        type: STATUS_TYPE,
        subject: `resource.public.${name}`,
        time,
        datacontenttype: 'application/json',
        dataschema: schemaUri(STATUS_TYPE),
        correlationid: 'c',
        causationid: 'c',
        commandid: 'c',
        actor: 'test',
        generation: 1,
        data: {
          key: `public.${name}`,
          operator: 'op',
          uid: entity.uid,
          observedGeneration: 1,
          observedSequence: entity.sequence,
          status: 'active',
          conditions: [
            {
              type: 'Ready',
              status: 'True',
              reason: 'Ok',
              message: '',
              lastTransitionTime: time,
              observedGeneration: 1,
            },
          ],
          properties: seen,
          fence: 0,
        },
      };
      return appender.append([
        { subject: names.status({ operator: 'op', workspace: 'public', name }), id: event.id, data: encodeJson(event) },
      ]);
    }),
  );
};

const ask = async <T>(verb: string, body: JsonObject): Promise<T> => {
  const data = await instance.client.request(instance.names.query(verb), encodeJson(body), 8000);
  const answer = decodeJson(data);
  assert.ok(isJsonObject(answer));
  return answer as unknown as T;
};

/** Every page of a history, by hand as the reference says it. */
const pagesOf = async (name: string, limit: number): Promise<readonly HistoryAnswer[]> => {
  const pages: HistoryAnswer[] = [];
  for (let cursor: string | undefined; ;) {
    const page: HistoryAnswer = await ask('history', { name, limit, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(Array.isArray(page.entries), JSON.stringify(page).slice(0, 300));
    pages.push(page);
    const { next } = page;
    if (next === undefined) return pages;
    assert.ok(page.entries.length > 0, 'a page that is not the last has something');
    cursor = String(next);
  }
};

const progressIn = (pages: readonly HistoryAnswer[]): readonly unknown[] =>
  pages
    .flatMap(({ entries }) => entries)
    .filter(({ stream }) => stream === 'status')
    .map(({ event }) => ((event['data'] as JsonObject)['properties'] as JsonObject)['progress']);

describe('answers larger than one message', () => {
  it('history: 900 statuses of one resource are paged, each once and in order, whatever the limit', async () => {
    const entity = await declare('chatty');
    const count = 900;
    await report(
      'chatty',
      entity,
      Array.from({ length: count }, (_, progress) => ({ progress, text: 'x'.repeat(1000) })),
    );
    const first: HistoryAnswer = await ask('history', { name: 'chatty' });
    assert.equal(first.entries.length, 100, 'a page has 100 entries, of events and statuses together');
    assert.equal(first.entries[0]?.stream, 'events');
    const one: HistoryAnswer = await ask('history', { name: 'chatty', limit: 1 });
    assert.equal(one.entries.length, 1);
    const pages = await pagesOf('chatty', 1000);
    assert.ok(pages.length >= 2, `${pages.length} pages`);
    assert.deepEqual(
      progressIn(pages),
      Array.from({ length: count }, (_, index) => index),
    );
    const all = await readHistory(instance.client, { kind: 'resource', workspace: 'public', name: 'chatty' });
    assert.ok(all.ok);
    assert.equal(all.value.length, count + 1, 'the command line follows the pages');
    const some = await readHistory(instance.client, { kind: 'resource', workspace: 'public', name: 'chatty' }, 700);
    assert.equal(some.ok && some.value.length, 700);
  });

  it('history: large statuses come a few at a time', async () => {
    const entity = await declare('bulky');
    await report(
      'bulky',
      entity,
      Array.from({ length: 6 }, (_, progress) => ({ progress, text: 'x'.repeat(progress % 2 === 0 ? 400_000 : 1000) })),
    );
    const pages = await pagesOf('bulky', 100);
    assert.deepEqual(progressIn(pages), [0, 1, 2, 3, 4, 5]);
    assert.ok(pages.length >= 2);
  });

  it('history: what does not fit by itself says so and hides nothing else', async () => {
    const entity = await declare('huge');
    await report('huge', entity, [{ progress: 0 }, { progress: 1, text: 'x'.repeat(1_047_000) }, { progress: 2 }]);
    const entries = (await pagesOf('huge', 100)).flatMap((page) => page.entries);
    assert.equal(entries.length, 4);
    const [, , cut, last] = entries;
    assert.equal(cut?.error?.code, 'ANSWER_TOO_LARGE');
    assert.match(cut?.error?.message ?? '', /nats stream get OPSTREAM_STATUS \d+/);
    assert.equal(cut?.event['type'], STATUS_TYPE, 'the rest of the event is there');
    assert.equal(cut?.event['data'], undefined);
    assert.equal(last?.error, undefined);
  });

  it('get: what does not fit with the rest comes on a page of its own, and the client puts them together', async () => {
    const entity = await declare('wide', { text: 'y'.repeat(200_000) });
    await report('wide', entity, [{ text: 'x'.repeat(1_000_000) }]);
    const answer = await waitFor(
      async () => {
        const got = await instance.client.query('get', { type: 'resource', workspace: 'public', name: 'wide' });
        return got.ok && got.value.status !== undefined ? got.value : undefined;
      },
      { what: 'the status', timeoutMs: 15_000 },
    );
    assert.equal(answer.type === 'resource' && answer.entity.uid, entity.uid);
    assert.equal(JSON.stringify(answer.status?.conditions[0]?.reason), '"Ok"');
    const page: JsonObject = await ask('get', { name: 'wide' });
    assert.equal(page['next'], 'status');
    assert.equal(page['status'], undefined);
    const rest: JsonObject = await ask('get', { name: 'wide', cursor: 'status' });
    assert.ok(isJsonObject(rest['status']));
    assert.equal(rest['next'], undefined);
    const status: JsonObject = await ask('status', { name: 'wide' });
    assert.ok(isJsonObject(status['status']));
  });

  it('list: rows are paged by bytes too', async () => {
    const tags = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(128, 't'));
    const documents = Array.from({ length: 120 }, (_, index) => ({ ...datasetOf('op', `row-${index}`, {}), tags }));
    for (let from = 0; from < documents.length; from += 20)
      await mustApply(instance.client, encodeJson(documents.slice(from, from + 20)));
    await waitFor(async () => ((await ask('list', { tag: tags[0] ?? '', limit: 1 })) as ListAnswer).total === 120, {
      what: 'the views',
      timeoutMs: 15_000,
    });
    const seen = new Set<string>();
    let pages = 0;
    for (let cursor: string | undefined; ;) {
      const query = { tag: tags[0] ?? '', limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
      const page: ListAnswer = await ask('list', query);
      for (const { name } of page.items) seen.add(name);
      pages += 1;
      cursor = page.next;
      if (cursor === undefined) break;
    }
    assert.equal(seen.size, 120);
    assert.ok(pages >= 2);
  });

  it('a receipt that does not fit is given without what can be spared, and says so', async () => {
    const documents = Array.from({ length: 1000 }, (_, index) =>
      datasetOf('op', `dry-${index}`, { text: 'z'.repeat(600) }),
    );
    const receipt = await instance.client.send('apply', encodeJson(documents), {
      dryRun: true,
    });
    assert.equal(receipt.accepted, true);
    assert.equal(receipt.events.length, 1000);
    assert.equal(receipt.preview, undefined);
    assert.deepEqual(receipt.leftOut?.fields, ['preview']);
  });
});
