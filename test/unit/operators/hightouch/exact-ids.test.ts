// Ids beyond 2^53: with a digit lost they are somebody else's, and an id that is not read is a run that is started twice.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { hightouchRequest } from '../../../../src/operators/hightouch/request.ts';
import type { JsonObject } from '../../../../src/sdk/index.ts';
import { is, model, setUp, sync, wanting } from '../../../support/hightouch-component.ts';

const timeout = 15_000;
const [MODEL, SYNC, RUN] = ['9007199254740993', '9007199254740995', '9007199254740997'];
const [SOURCE, DESTINATION] = ['9007199254740989001', '9007199254740989003'];

/** An API in which nothing is made yet and all ids are large. Answers are text: JSON.stringify has no such numbers. */
const largeIds = async () => {
  const asked: { readonly route: string; readonly body: string }[] = [];
  const runs = `{"data":[{"id":${RUN},"status":"success","createdAt":"2026-01-01T00:00:00Z"}]}`;
  const answers: Readonly<Record<string, string>> = {
    'POST /api/v1/models': `{"id":${MODEL},"slug":"city"}`,
    'POST /api/v1/syncs': `{"id":${SYNC},"slug":"city-to-crm"}`,
    'POST /api/v1/syncs/trigger': `{"id":"${RUN}"}`,
    [`GET /api/v1/syncs/${SYNC}/runs?runId=${RUN}`]: runs,
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const route = `${request.method} ${request.url}`;
      asked.push({ route, body });
      response.setHeader('content-type', 'application/json');
      response.end(answers[route] ?? '{"data":[],"hasMore":false}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const bodies = (route: string) => asked.filter((one) => one.route === route).map(({ body }) => body);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
};

describe('an id that no double has', () => {
  it('of a run is kept: nothing is triggered again', { timeout }, async () => {
    const { component, until, admin } = await setUp();
    await admin.fault({ kind: 'status', status: 200, body: { id: RUN }, match: { operation: 'TriggerRunCustom' } });
    await component.declare(wanting(1));
    const status = await until(({ run }) => run?.finishedAt !== undefined, 'the end of a run that the stand-in lost');
    assert.equal(status.externalId, RUN);
    assert.equal((await admin.requests('TriggerRunCustom')).length, 1);
  });

  it('comes with all its digits from answers and spec into requests and the status', { timeout }, async () => {
    const { url, bodies } = await largeIds();
    const { component, until } = await setUp({}, { HIGHTOUCH_SERVICE_URL: url, HIGHTOUCH_BASE_PATH: '/api/v1' });
    const visual = { parentId: SOURCE, note: SOURCE };
    const spec = {
      model: { ...model, sourceId: SOURCE, visual },
      sync: { ...sync, destinationId: DESTINATION, configuration: { modelId: MODEL } },
    };
    await component.declare(wanting(1, { spec }));
    const status = await until(is('succeeded'), 'success');
    const { model: keptModel, sync: keptSync } = status.properties;
    assert.deepEqual([(keptModel as JsonObject)['id'], (keptSync as JsonObject)['id']], [MODEL, SYNC]);
    assert.equal(status.externalId, RUN);
    const [madeModel = ''] = bodies('POST /api/v1/models');
    assert.ok(madeModel.includes(`"sourceId":${SOURCE},`), madeModel);
    assert.ok(madeModel.includes(`"visual":{"parentId":${SOURCE},"note":"${SOURCE}"}`), madeModel);
    const [madeSync = ''] = bodies('POST /api/v1/syncs');
    assert.ok(madeSync.includes(`"destinationId":${DESTINATION},`), madeSync);
    assert.match(madeSync, new RegExp(`"modelId":${MODEL}[,}]`));
    assert.ok(madeSync.includes(`"configuration":{"modelId":"${MODEL}"}`), madeSync);
    assert.deepEqual(bodies('POST /api/v1/syncs/trigger'), [`{"syncId":"${SYNC}"}`]);
  });

  it('is refused where the spec has it as a number: its digits are gone', () => {
    const made = hightouchRequest({ model: { ...model, sourceId: 2 ** 53 }, sync });
    assert.ok('problems' in made);
    assert.match(made.problems.join(), /spec\.model\.sourceId: expected an id of digits, as text beyond 2\^53/);
  });
});
