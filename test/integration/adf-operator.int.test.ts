// The Data Factory operator against the stand-in of Azure over HTTP: runs from start to end, and what happens when Azure, the network
// or the component itself fails in the middle. Counted in the stand-in: one run for each one wanted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  component,
  condition,
  seedSpec,
  startAzure,
  synchronized,
  wanting,
} from '../unit/operators/azure-data-factory/support.ts';
import { waitFor } from '../support/wait-for.ts';

const timeout = 30_000;
const has = (state: string) => (status: { readonly runtime?: string }) => status.runtime === state;

/** Azure, where a run goes on until `finishRuns`: how much a component sees of it depends on no time. */
const startSlowAzure = async () => {
  const runMs = 600_000;
  let aheadMs = 0;
  const azure = await startAzure({ runMs, now: () => Date.now() + aheadMs });
  const finishRuns = (): void => {
    aheadMs += runMs;
  };
  return { ...azure, finishRuns };
};

test('a run from the intent to its synchronized end', { timeout }, async () => {
  const { standIn, admin, finishRuns } = await startSlowAzure();
  await admin.pipeline({ parameters: { day: { type: 'string' }, names: { type: 'array' } } });
  const adf = component(standIn);
  const entity = wanting(1, { spec: { ...seedSpec, parameters: { day: '2024-05-01', names: ['a.csv'] } } });
  await adf.declare(entity);
  await adf.until(has('inprogress'), 'progress');
  finishRuns();
  const status = await adf.until(has('succeeded'), 'success');

  const runtimes = adf.history.map(({ status: lifecycle, runtime }) => `${lifecycle} ${runtime}`);
  assert.deepEqual(
    [...new Set(runtimes)],
    ['pending pending', 'active pending', 'active inprogress', 'active succeeded'],
  );
  const [run] = await admin.runs();
  assert.ok(run);
  assert.deepEqual(run.parameters, { day: '2024-05-01', names: '["a.csv"]' });
  assert.equal(run.clientRequestId, entity.run?.id);
  assert.equal(status.externalId, run.runId);
  assert.equal(status.run?.id, entity.run?.id);
  assert.match(status.run?.finishedAt ?? '', /^\d{4}-.*\.\d{3}Z$/);
  assert.equal(condition(status, 'Ready')?.status, 'True');
  const { pipelineRun, activityRuns, pipeline } = synchronized(status);
  assert.deepEqual(pipeline, seedSpec);
  assert.equal(pipelineRun['runGroupId'], run.runGroupId);
  assert.equal(pipelineRun.invokedBy['name'], 'Manual');
  assert.equal(typeof pipelineRun['durationInMs'], 'number');
  assert.equal(activityRuns[0]?.['activityName'], 'MyCopyActivity');
  assert.equal(activityRuns[0]?.output['dataRead'], 142_000);
  assert.deepEqual(await admin.violations(), []);
});

test('the intent is reported before createRun is called', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  const seen: number[] = [];
  const adf = component(standIn, {
    onPut: async (status) => {
      if (seen.length === 0 && status.properties['intent'] !== undefined) seen.push((await admin.runs()).length);
    },
  });
  await adf.declare(wanting(1));
  await adf.until(has('succeeded'), 'success');
  assert.deepEqual(seen, [0]);
});

test('polling writes a status when something changed, and not at every look', { timeout }, async () => {
  const { standIn, admin, finishRuns } = await startSlowAzure();
  const adf = component(standIn, { env: { AZURE_POLL_INTERVAL: '50ms' } });
  await adf.declare(wanting(1));
  await waitFor(async () => (await admin.requests('PipelineRuns_Get')).length > 8, { what: 'more than eight looks' });
  finishRuns();
  await adf.until(has('succeeded'), 'success');
  assert.equal(
    adf.history.length,
    4,
    JSON.stringify(adf.history.map(({ runtime, conditions }) => [runtime, conditions])),
  );
});

test('a failed run tells the activity and its error', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  await admin.pipeline({ outcome: 'Failed', message: 'The container raw does not exist.' });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  const status = await adf.until(has('failed'), 'failure');
  assert.equal(status.status, 'active');
  assert.match(status.message ?? '', /MyCopyActivity failed: The container raw does not exist\. \(error 2200\)/);
  assert.equal(condition(status, 'Stalled')?.reason, 'RunFailed');
  const { activityRuns } = synchronized(status);
  assert.deepEqual(activityRuns[0]?.error['errorCode'], '2200');
});

test('cancel: the run is told to stop and followed until it has', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 60_000 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await adf.declare(wanting(1, { sequence: 11, cancelRequested: true }));
  const status = await adf.until(has('cancelled'), 'cancellation');
  assert.equal(status.status, 'active');
  assert.deepEqual(
    (await admin.runs()).map((run) => run.status),
    ['Cancelled'],
  );
  const cancels = await admin.requests('PipelineRuns_Cancel');
  assert.deepEqual(
    cancels.map(({ query }) => query['isRecursive']),
    ['true'],
  );
});

test('a run that ends while it is cancelled has ended', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 60_000 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  const refusal = { error: { code: 'PipelineRunNotRunning', message: 'Pipeline run has already completed.' } };
  await admin.fault({ kind: 'status', status: 400, body: refusal, match: { operation: 'PipelineRuns_Cancel' } });
  await adf.declare(wanting(1, { sequence: 11, cancelRequested: true }));
  await adf.until(has('cancelled'), 'cancellation by the second try');
});

test('cancelled or suspended before it started: nothing is started', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  const adf = component(standIn);
  await adf.declare(wanting(1, { cancelRequested: true }));
  await adf.declare(wanting(1, { name: 'run-2', suspended: true }));
  await adf.until(has('cancelled'), 'cancellation');
  const waiting = await adf.until((one) => condition(one, 'Ready')?.reason === 'Suspended', 'wait', 'public.run-2');
  assert.equal(waiting.status, 'pending');
  assert.deepEqual(await admin.runs(), []);
  await adf.declare(wanting(1, { name: 'run-2', sequence: 12 }));
  await adf.until(has('succeeded'), 'success once resumed', 'public.run-2');
});

test('deletion cancels the run and is reported when the run has ended', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 60_000, cancelMs: 200 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await adf.declare(wanting(1, { sequence: 11, deletionRequestedAt: '2026-01-01T00:00:00.000Z' }));
  await adf.until((one) => one.status === 'deleting', 'deletion under way');
  assert.deepEqual(
    (await admin.runs()).map((run) => run.status),
    ['Canceling'],
  );
  const status = await adf.until((one) => one.status === 'deleted', 'deletion');
  assert.deepEqual(
    (await admin.runs()).map((run) => run.status),
    ['Cancelled'],
  );
  assert.equal(status.runtime, 'cancelled');
});

test('deletion of what never ran, and of what Azure has forgotten, ends', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 60_000 });
  const adf = component(standIn);
  const deletionRequestedAt = '2026-01-01T00:00:00.000Z';
  await adf.declare(wanting(1, { name: 'never', deletionRequestedAt }));
  await adf.until((one) => one.status === 'deleted', 'deletion', 'public.never');
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await admin.reset();
  await adf.declare(wanting(1, { sequence: 11, deletionRequestedAt }));
  await adf.until((one) => one.status === 'deleted', 'deletion of a forgotten run');
});

test('a new run waits for the one under way', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 400 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  const second = wanting(2, { spec: { ...seedSpec, parameters: { day: 'later' } } });
  await adf.declare(second);
  await adf.until((one) => one.run?.id === second.run?.id && one.runtime === 'succeeded', 'second run');
  const runs = await admin.runs();
  assert.deepEqual(
    runs.map((run) => run.status),
    ['Succeeded', 'Succeeded'],
  );
  const ends = adf.history.filter(({ runtime }) => runtime === 'succeeded').map(({ externalId }) => externalId);
  assert.deepEqual(
    ends,
    runs.map((run) => run.runId),
  );
});

test('a token that is expired in the middle is replaced without anybody noticing', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 600 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await admin.expireTokens();
  await adf.until(has('succeeded'), 'success');
  assert.equal((await admin.requests('token')).length, 2);
  assert.deepEqual(
    adf.history.flatMap((one) => one.conditions.filter(({ reason }) => reason === 'ReconcileFailed')),
    [],
  );
});

test('a wrong secret is terminal, said clearly, and not shown', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  const adf = component(standIn, { env: { AZURE_CLIENT_SECRET: 'not-the-secret' } });
  await adf.declare(wanting(1));
  const status = await adf.until((one) => one.status === 'error', 'refusal');
  assert.equal(condition(status, 'Stalled')?.status, 'True');
  assert.match(status.message ?? '', /401 invalid_client: AADSTS7000215.*AZURE_CLIENT_SECRET/);
  assert.ok(!JSON.stringify(adf.history).includes('not-the-secret'));
  assert.deepEqual(await admin.runs(), []);

  await adf.restart({ env: {} });
  await adf.until(has('succeeded'), 'success with the right secret');
  assert.equal((await admin.runs()).length, 1);
});

test('429 with Retry-After: nothing is asked before its time, and one run is started', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  await admin.fault({ kind: 'throttle', retryAfterSeconds: 1, match: { operation: 'Pipelines_CreateRun' } });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(({ message }) => /throttles this subscription/.test(message ?? ''), 'word of the throttling');
  await adf.declare(wanting(1, { name: 'other' }));
  await adf.until(has('succeeded'), 'success');
  await adf.until(has('succeeded'), 'success', 'public.other');
  assert.equal((await admin.runs()).length, 2);
  assert.deepEqual(await admin.violations(), []);
});

test('a burst of 5xx answers while polling is sat out', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 300 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await admin.fault({ kind: 'status', status: 503, times: 5, match: { operation: 'PipelineRuns_Get' } });
  const status = await adf.until(has('succeeded'), 'success');
  assert.equal(condition(status, 'Ready')?.status, 'True');
  assert.equal(status.message, undefined);
});

test('a run is followed on although a role is taken away for a while', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ runMs: 300 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('inprogress'), 'progress');
  await admin.fault({ kind: 'status', status: 403, times: 3, match: { operation: 'PipelineRuns_Get' } });
  const status = await adf.until(has('succeeded'), 'success');
  assert.ok(adf.history.some((one) => /403 AuthorizationFailed/.test(one.message ?? '')));
  assert.equal(status.status, 'active');
});

test('a second run with the same parameters is not taken for the first', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ queuedMs: 1, runMs: 1 });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  await adf.until(has('succeeded'), 'first success');
  await admin.fault({ kind: 'drop-before', match: { operation: 'Pipelines_CreateRun' } });
  const second = wanting(2);
  await adf.declare(second);
  await adf.until((one) => one.run?.id === second.run?.id && one.runtime === 'succeeded', 'second success');
  assert.equal((await admin.runs()).length, 2);
});

for (const [what, fault] of [
  ['the connection is dropped after createRun was accepted', { kind: 'drop-after-accept' }],
  ['the connection is dropped before createRun was taken', { kind: 'drop-before' }],
  ['createRun is answered with 500', { kind: 'status', status: 500, times: 2 }],
  ['the answer to createRun comes too late', { kind: 'delay', delayMs: 2000 }],
] as const) {
  for (const parameter of [undefined, 'opstreamRun']) {
    const how = parameter === undefined ? 'found by likeness' : 'found by the correlation parameter';
    test(`exactly one run when ${what} (${how})`, { timeout }, async () => {
      const { standIn, admin } = await startAzure();
      await admin.pipeline({ parameters: { opstreamRun: { type: 'string', defaultValue: '' } } });
      await admin.fault({ ...fault, match: { operation: 'Pipelines_CreateRun' } });
      const adf = component(
        standIn,
        parameter === undefined ? {} : { env: { AZURE_RUN_CORRELATION_PARAMETER: parameter } },
      );
      await adf.declare(wanting(1));
      const status = await adf.until(has('succeeded'), 'success');
      const runs = await admin.runs();
      assert.deepEqual(
        runs.map((run) => run.runId),
        [status.externalId],
      );
    });
  }
}

test('equal resources whose answers are all lost get one run each', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  await admin.fault({ kind: 'drop-after-accept', times: 6, match: { operation: 'Pipelines_CreateRun' } });
  const adf = component(standIn);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await adf.declare(wanting(1, { name }));
  const statuses = await Promise.all(names.map((name) => adf.until(has('succeeded'), 'success', `public.${name}`)));
  assert.equal((await admin.runs()).length, names.length);
  assert.equal(new Set(statuses.map(({ externalId }) => externalId)).size, names.length);
});

for (const parameter of [undefined, 'opstreamRun']) {
  const how = parameter === undefined ? 'by likeness' : 'by the correlation parameter';
  test(
    `killed at every step of its reconciles in turn, the component starts one run (${how})`,
    { timeout: 120_000 },
    async () => {
      const { standIn, admin } = await startAzure({ queuedMs: 10, runMs: 30 });
      await admin.pipeline({ parameters: { opstreamRun: { type: 'string', defaultValue: '' } } });
      const env = {
        AZURE_POLL_INTERVAL: '50ms',
        AZURE_RUN_SEARCH_GRACE: '200ms',
        ...(parameter === undefined ? {} : { AZURE_RUN_CORRELATION_PARAMETER: parameter }),
      };
      /** Kills it the first time that it comes to `place` (a step, and how often it came before); the steps that it came to. */
      const killAt = async (place: string | undefined): Promise<ReadonlySet<string>> => {
        await admin.reset();
        await admin.pipeline({ parameters: { opstreamRun: { type: 'string', defaultValue: '' } } });
        const places = new Set<string>();
        const counts = new Map<string, number>();
        let died = (): void => {};
        const death = new Promise<'died'>((resolve) => {
          died = () => resolve('died');
        });
        const adf = component(standIn, {
          env,
          onStep: (step) => {
            if (place !== undefined && places.has(place)) return new Promise<never>(() => {});
            const count = (counts.get(step) ?? 0) + 1;
            counts.set(step, count);
            places.add(`${step} ${count}`);
            if (`${step} ${count}` !== place) return undefined;
            died();
            return new Promise<never>(() => {});
          },
        });
        await adf.declare(wanting(1));
        const ended = adf.until(has('succeeded'), `success, killed ${place}`);
        if ((await Promise.race([death, ended])) === 'died') await adf.restart({ onStep: () => {} });
        const status = await ended;
        assert.deepEqual(
          (await admin.runs()).map((run) => run.runId),
          [status.externalId],
          `killed ${place}`,
        );
        void adf.stop();
        return places;
      };
      // By name and not by count: how many looks come before a step depends on how long things take.
      const killedAt: string[] = [];
      for (const place of await killAt(undefined)) if ((await killAt(place)).has(place)) killedAt.push(place);
      assert.ok(killedAt.length >= 20, `only at ${killedAt.join(', ')}`);
      assert.ok(killedAt.includes('after createRun 1') && killedAt.includes('before createRun 1'));
    },
  );
}

test(
  'a reference run: its parameters, its group in recovery, and the options as Azure names them',
  { timeout },
  async () => {
    const { standIn, admin } = await startAzure();
    const activities = ['First', 'Second'].map((name) => ({ name, type: 'Wait' }));
    await admin.pipeline({ activities, outcome: ['Failed', 'Succeeded'], parameters: { day: { type: 'string' } } });
    const adf = component(standIn);
    await adf.declare(wanting(1, { spec: { ...seedSpec, parameters: { day: 'monday' } } }));
    const failed = await adf.until(has('failed'), 'failure');
    const reference = failed.externalId ?? '';
    const nulls = { startActivityName: null, startFromFailure: null };
    for (const [number, options] of [
      [2, nulls],
      [3, { ...nulls, startFromFailure: true }],
      [4, { ...nulls, startActivityName: 'Second' }],
    ] as const) {
      await admin.fault({ kind: 'drop-after-accept', match: { operation: 'Pipelines_CreateRun' } });
      const entity = wanting(number, { spec: { ...seedSpec, referencePipelineRunID: reference, ...options } });
      await adf.declare(entity);
      await adf.until((one) => one.run?.id === entity.run?.id && one.runtime === 'succeeded', `run ${number}`);
    }
    const runs = await admin.runs();
    assert.deepEqual(
      runs.map(({ parameters }) => parameters),
      runs.map(() => ({ day: 'monday' })),
    );
    assert.deepEqual(
      runs.map(({ recoveryOf }) => recoveryOf),
      [null, null, reference, reference],
    );
    assert.deepEqual(
      runs.map((run) => run.activities),
      [['First', 'Second'], ['First', 'Second'], ['Second'], ['Second']],
    );
    const queries = (await admin.requests('Pipelines_CreateRun')).map(({ query }) => ({ ...query }));
    assert.deepEqual(queries.slice(1), [
      { 'api-version': '2018-06-01', referencePipelineRunId: reference },
      { 'api-version': '2018-06-01', referencePipelineRunId: reference, isRecovery: 'true', startFromFailure: 'true' },
      {
        'api-version': '2018-06-01',
        referencePipelineRunId: reference,
        isRecovery: 'true',
        startActivityName: 'Second',
      },
    ]);
    assert.deepEqual(await admin.violations(), []);
  },
);

test('what Azure refuses is an error of the resource, once, and a correction starts a run', { timeout }, async () => {
  const { standIn, admin } = await startAzure();
  const adf = component(standIn);
  await adf.declare(wanting(1, { spec: { ...seedSpec, pipelineName: 'NoSuchPipeline' } }));
  const refused = await adf.until((one) => one.status === 'error', 'refusal');
  assert.equal(refused.runtime, 'failed');
  assert.match(refused.message ?? '', /createRun of pipeline NoSuchPipeline: 404/);
  assert.equal(condition(refused, 'Stalled')?.reason, 'StartRefused');

  await adf.declare(wanting(2, { spec: { ...seedSpec, factoryName: '..', resourceGroupName: '..' } }));
  const invalid = await adf.until((one) => /spec\.factoryName/.test(one.message ?? ''), 'refusal of the names');
  assert.match(invalid.message ?? '', /spec\.resourceGroupName/);
  assert.equal((await admin.requests('Pipelines_CreateRun')).length, 1);

  const third = wanting(3);
  await adf.declare(third);
  await adf.until((one) => one.run?.id === third.run?.id && one.runtime === 'succeeded', 'success');
  assert.deepEqual((await admin.runs()).length, 1);
  assert.equal((await admin.requests('unknown')).length, 0);
});

test('all pages of the activities are read', { timeout }, async () => {
  const { standIn, admin } = await startAzure({ pageSize: 3 });
  await admin.pipeline({ activities: Array.from({ length: 8 }, (_, index) => ({ name: `A${index}`, type: 'Wait' })) });
  const adf = component(standIn);
  await adf.declare(wanting(1));
  const status = await adf.until(has('succeeded'), 'success');
  const { activityRuns } = synchronized(status);
  assert.deepEqual(
    activityRuns.map((one) => one['activityName']),
    ['A0', 'A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7'],
  );
});
