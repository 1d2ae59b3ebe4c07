import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, describe, it } from 'node:test';
import { createDataFactory, type CallContext } from '../../../../src/operators/azure-data-factory/client.ts';
import { outcomeOf, parseRetryAfterMs } from '../../../../src/sdk/http-call.ts';
import { createIdentity } from '../../../../src/operators/azure-data-factory/identity.ts';
import { isFault, type Fault, type JsonObject } from '../../../../src/sdk/index.ts';
import type { StandIn } from '../../../../src/stand-ins/azure-data-factory/server.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { PIPELINE, seedSpec, settingsFor, startAzure } from './support.ts';

const context: CallContext = { signal: new AbortController().signal };
const start = { pipelineName: PIPELINE, isRecovery: false };

const clientOf = (standIn: Pick<StandIn, 'url' | 'loginUrl'>, now?: () => number) => {
  const settings = settingsFor(standIn);
  return createDataFactory(settings, createIdentity(settings), now);
};

const closedPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error = await work.then(
    () => assert.fail('expected a failure'),
    (reason: unknown) => reason,
  );
  assert.ok(isFault(error), String(error));
  return error;
};

describe('the Data Factory client', () => {
  it('sends what the API asks for', async () => {
    const { standIn, admin } = await startAzure({ queuedMs: 60_000 });
    const api = clientOf(standIn);
    const requestId = 'b4f0a9c2-1d2e-4f3a-8b4c-5d6e7f8a9b0c';
    const runId = await api.createRun(seedSpec, { ...start, parameters: { a: 1 } }, { ...context, requestId }, 5000);
    const [run] = await admin.runs();
    assert.equal(run?.runId, runId);
    assert.equal(run.clientRequestId, requestId);
    assert.equal((await api.getRun(seedSpec, runId, context))['status'], 'Queued');
    const sinceMs = Date.parse('2020-01-01T00:00:00Z');
    assert.equal((await api.pipelineRuns(seedSpec, PIPELINE, sinceMs, context)).runs.length, 1);
    assert.equal((await api.pipelineRuns(seedSpec, 'Other', sinceMs, context)).runs.length, 0);
    await api.cancelRun(seedSpec, runId, context);
    const [cancel] = await admin.requests('PipelineRuns_Cancel');
    assert.equal(cancel?.query['isRecursive'], 'true');
    const violations = (await admin.violations()).map(({ kind }) => kind);
    assert.deepEqual(violations, ['parameter-undeclared']);
  });

  it('reads all pages', async () => {
    const { standIn } = await startAzure({ pageSize: 2 });
    const api = clientOf(standIn);
    for (let count = 0; count < 5; count += 1) await api.createRun(seedSpec, start, context, 5000);
    const sinceMs = Date.parse('2020-01-01T00:00:00Z');
    assert.equal((await api.pipelineRuns(seedSpec, PIPELINE, sinceMs, context)).runs.length, 5);
  });

  it('passes the trace on, encodes names, and follows no redirect with a token', async () => {
    const seen: { url: string; traceparent: unknown }[] = [];
    const server = createServer((request, response) => {
      if (request.url?.includes('/oauth2/') === true) {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ access_token: 't', expires_in: 3600 }));
        return;
      }
      seen.push({ url: request.url ?? '', traceparent: request.headers['traceparent'] });
      response.writeHead(302, { location: '/stolen' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => {
      server.close();
      server.closeAllConnections();
    });
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const url = `http://127.0.0.1:${address.port}`;
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const fault = await faultOf(
      clientOf({ url, loginUrl: url }).getRun(seedSpec, 'a/b?c', { ...context, traceparent }),
    );
    assert.equal(fault.retry, 'never');
    assert.equal(seen.length, 1);
    assert.match(seen[0]?.url ?? '', /\/pipelineruns\/a%2Fb%3Fc\?api-version=2018-06-01$/);
    assert.equal(seen[0]?.traceparent, traceparent);
  });

  it('tries a refused token once more with a new one, and then gives up', async () => {
    const { standIn, admin } = await startAzure();
    const api = clientOf(standIn);
    const refusal: JsonObject = {
      kind: 'status',
      status: 401,
      body: { error: { code: 'InvalidAuthenticationToken', message: 'no' } },
    };
    await admin.fault({ ...refusal, match: { operation: 'Pipelines_CreateRun' } });
    await api.createRun(seedSpec, start, context, 5000);
    assert.equal((await admin.requests('token')).length, 2);
    assert.equal((await admin.runs()).length, 1);
    await admin.fault({ ...refusal, times: 2, match: { operation: 'Pipelines_CreateRun' } });
    const fault = await faultOf(api.createRun(seedSpec, start, context, 5000));
    assert.deepEqual(
      [fault.retry, outcomeOf(fault), fault.details['apiCode']],
      ['never', 'none', 'InvalidAuthenticationToken'],
    );
  });

  it('says of every failed createRun whether it can have started a run', async () => {
    const { standIn, admin } = await startAzure();
    const api = clientOf(standIn);
    const cases = [
      [{ kind: 'drop-after-accept' }, 'later', 'unknown'],
      [{ kind: 'drop-before' }, 'later', 'unknown'],
      [{ kind: 'delay', delayMs: 60_000 }, 'later', 'unknown'],
      [{ kind: 'status', status: 500 }, 'later', 'unknown'],
      [{ kind: 'status', status: 503, retryAfterSeconds: 3 }, { afterMs: 3000 }, 'unknown'],
      [{ kind: 'status', status: 200, body: {} }, 'later', 'unknown'],
      [{ kind: 'status', status: 400 }, 'never', 'none'],
      [{ kind: 'status', status: 404 }, 'never', 'none'],
      [{ kind: 'throttle', retryAfterSeconds: 0 }, { afterMs: 0, scope: 'operator' }, 'none'],
    ] as const;
    for (const [fault, retry, outcome] of cases) {
      await admin.fault({ ...fault, match: { operation: 'Pipelines_CreateRun' } });
      const error = await faultOf(api.createRun(seedSpec, start, context, 200));
      assert.deepEqual([error.retry, outcomeOf(error)], [retry, outcome], JSON.stringify(fault));
    }
    const nobody = clientOf({ loginUrl: standIn.url, url: `http://127.0.0.1:${await closedPort()}` });
    const refused = await faultOf(nobody.createRun(seedSpec, start, context, 200));
    assert.deepEqual([refused.retry, outcomeOf(refused)], ['later', 'none'], refused.message);
    const stopped = { signal: AbortSignal.abort() };
    assert.equal(outcomeOf(await faultOf(api.createRun(seedSpec, start, stopped, 200))), 'none');
  });

  it('asks nothing of Azure before a Retry-After is over, for whomever', async () => {
    const clock = { nowMs: Date.now() };
    const { standIn, admin } = await startAzure({ now: () => clock.nowMs });
    const api = clientOf(standIn, () => clock.nowMs);
    await admin.fault({ kind: 'throttle', retryAfterSeconds: 17, match: { operation: 'PipelineRuns_Get' } });
    const first = await faultOf(api.getRun(seedSpec, 'r', context));
    assert.deepEqual(first.retry, { afterMs: 17_000, scope: 'operator' });
    clock.nowMs += 10_000;
    const second = await faultOf(api.createRun(seedSpec, start, context, 5000));
    assert.deepEqual(second.retry, { afterMs: 7000, scope: 'operator' });
    assert.equal(outcomeOf(await faultOf(api.ready(context))), 'none');
    assert.deepEqual(await admin.requests('Pipelines_CreateRun'), []);
    clock.nowMs += 7000;
    await api.createRun(seedSpec, start, context, 5000);
  });

  it('lets a createRun under way end although the component stops', async () => {
    const { standIn, admin } = await startAzure();
    const api = clientOf(standIn);
    await admin.fault({ kind: 'delay', delayMs: 300, match: { operation: 'Pipelines_CreateRun' } });
    const stopping = new AbortController();
    const started = api.createRun(seedSpec, start, { signal: stopping.signal }, 5000);
    await waitFor(async () => (await admin.runs()).length === 1, { what: 'a run' });
    stopping.abort();
    assert.equal(await started, (await admin.runs())[0]?.runId);
  });

  it('takes Retry-After in seconds or as a date', () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(parseRetryAfterMs('5', nowMs), 5000);
    assert.equal(parseRetryAfterMs('Thu, 01 Jan 2026 00:00:09 GMT', nowMs), 9000);
    assert.equal(parseRetryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', nowMs), 0);
    for (const value of [null, '', 'soon', '-1']) assert.equal(parseRetryAfterMs(value, nowMs), undefined);
  });
});
