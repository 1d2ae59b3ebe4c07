// Many runs of one factory: whether they have changed is asked of the factory at once, not of each run, and nothing is missed by that.
// Counted in the stand-in, which refuses queries that are not as the API has them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDataFactory } from '../../src/operators/azure-data-factory/client.ts';
import { createIdentity } from '../../src/operators/azure-data-factory/identity.ts';
import { waitFor } from '../support/wait-for.ts';
import { component, seedSpec, settingsFor, startAzure, wanting } from '../unit/operators/azure-data-factory/support.ts';

const timeout = 60_000;
const RUNS = 40;
const names = Array.from({ length: RUNS }, (_, index) => `run-${index}`);
const keyOf = (name: string): string => `public.${name}`;
const QUERY = 'PipelineRuns_QueryByFactory';
const GET = 'PipelineRuns_Get';
const POLL_MS = 200;

const plenty = { burst: 100_000, refillPerSecond: 10_000 };
const limits = { reads: plenty, writes: plenty, deletes: plenty };

/** All runs are under way, and each was read. */
const underWay = async () => {
  const azure = await startAzure({ limits, queuedMs: 20, runMs: 600_000, pageSize: 7 });
  const { admin, standIn } = azure;
  const adf = component(standIn, { maxWorkers: 16, env: { AZURE_POLL_INTERVAL: `${POLL_MS}ms` } });
  for (const [index, name] of names.entries()) await adf.declare(wanting(index + 1, { name }));
  for (const name of names) await adf.until(({ runtime }) => runtime === 'inprogress', 'progress', keyOf(name));
  const count = async (operation: string): Promise<number> => (await admin.requests(operation)).length;
  /** How often a run was read until `operation` was asked for so many times more. */
  const readsDuring = async (operation: string, times: number): Promise<number> => {
    const [reads, before] = [await count(GET), await count(operation)];
    const isOver = async (): Promise<boolean> => (await count(operation)) >= before + times;
    await waitFor(isOver, { what: `${times} of ${operation}`, timeoutMs: 30_000 });
    return (await count(GET)) - reads;
  };
  const settings = settingsFor(standIn);
  const portal = createDataFactory(settings, createIdentity(settings));
  return { ...azure, adf, count, readsDuring, portal };
};

test('runs under way are watched together, page by page, with few reads of one', { timeout }, async () => {
  const { admin, adf, readsDuring } = await underWay();
  const written = adf.history.length;
  // Six pages each, twice in an interval: the 40 runs are polled eleven times or more, which would be 440 reads.
  const reads = await readsDuring(QUERY, 132);
  assert.ok(reads < 150, `${reads} runs read`);
  assert.equal(adf.history.length, written, 'nothing changed, nothing was written');
  assert.deepEqual(await admin.violations(), []);
});

test('what happens to a watched run is seen at the next poll, by reading that run alone', { timeout }, async () => {
  const { adf, count, portal } = await underWay();
  const { externalId = '' } = (await adf.status(keyOf('run-17'))) ?? {};
  const reads = await count(GET);
  // By somebody else: nothing tells the component.
  await portal.cancelRun(seedSpec, externalId, { signal: new AbortController().signal });
  const startedMs = performance.now();
  await adf.until(({ runtime }) => runtime === 'cancelled', 'the end', keyOf('run-17'));
  const tookMs = performance.now() - startedMs;
  assert.ok((await count(GET)) - reads < RUNS, 'not all were read to find it');
  assert.ok(tookMs < 5000, `${tookMs} ms`);
});

test('who may not list the runs of a factory reads each', { timeout }, async () => {
  const { admin, adf, count, portal } = await underWay();
  await admin.fault({ kind: 'status', status: 403, times: 1000, match: { operation: QUERY } });
  const written = adf.history.length;
  const reads = await count(GET);
  await waitFor(async () => (await count(GET)) > reads + 3 * RUNS, { what: 'reads of runs', timeoutMs: 20_000 });
  const queries = await count(QUERY);
  await waitFor(async () => (await count(GET)) > reads + 5 * RUNS, { what: 'more of them', timeoutMs: 20_000 });
  assert.equal(await count(QUERY), queries, 'not asked again and again');
  assert.equal(adf.history.length, written, 'no resource has failed');
  const { externalId = '' } = (await adf.status(keyOf('run-3'))) ?? {};
  await portal.cancelRun(seedSpec, externalId, { signal: new AbortController().signal });
  await adf.until(({ runtime }) => runtime === 'cancelled', 'the end', keyOf('run-3'));
});

test('a query that fails once costs one round of reads and no status', { timeout }, async () => {
  const { admin, adf, readsDuring } = await underWay();
  const written = adf.history.length;
  await admin.fault({ kind: 'status', status: 500, times: 1, match: { operation: QUERY } });
  await readsDuring(QUERY, 12);
  const reads = await readsDuring(QUERY, 60);
  assert.ok(reads < 150, `${reads} runs read`);
  assert.equal(adf.history.length, written);
});

test('429 with Retry-After on the query holds everything until then', { timeout }, async () => {
  const { admin, adf, count, readsDuring } = await underWay();
  await admin.fault({ kind: 'throttle', retryAfterSeconds: 2, match: { operation: QUERY } });
  const throttled = await waitFor(async () => (await admin.requests(QUERY)).find(({ status }) => status === 429), {
    what: 'the throttled query',
  });
  const all = async () => (await count(GET)) + (await count(QUERY));
  const untilMs = Date.parse(throttled.time) + 1900;
  // What was under way when the answer came is answered.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const asked = await all();
  await waitFor(() => Date.now() > untilMs, { what: 'the end of the hold' });
  assert.equal(await all(), asked, 'nothing was asked meanwhile');
  await readsDuring(QUERY, 20);
  assert.deepEqual(await admin.violations(), []);
  await adf.until(({ runtime }) => runtime === 'inprogress', 'progress', keyOf('run-5'));
});
