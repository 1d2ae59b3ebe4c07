import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, startClient, type Client, type Wire } from './client.ts';

const timing = { queuedMs: 1_000, runMs: 6_000, cancelMs: 500 };
const window = { lastUpdatedAfter: '2026-01-01T00:00:00Z', lastUpdatedBefore: '2027-01-01T00:00:00.0000000Z' };
const sevenDigits = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/;

const threeSteps = {
  pipelineName: 'threeSteps',
  activities: ['extract', 'load', 'publish'].map((name) => ({ name, type: 'Copy' })),
};
const activities = async (client: Client, runId: string): Promise<readonly Wire[]> =>
  (await client.call('POST', `/pipelineruns/${runId}/queryActivityruns`, window)).body.value;
const steps = async (client: Client, runId: string): Promise<readonly string[]> =>
  (await activities(client, runId)).map((activity) => `${activity.activityName} ${activity.status}`);

test('a run is queued, in progress and succeeded, by the clock alone', async (t) => {
  const client = await startClient(t, timing);
  const runId = await client.createRun(undefined, { day: '2024-05-01', names: ['a.csv'], size: 3, deep: { x: true } });
  const get = async (): Promise<Wire> => (await client.call('GET', `/pipelineruns/${runId}`)).body;
  const queued = await get();
  assert.equal(queued.status, 'Queued');
  assert.equal(queued.runGroupId, runId);
  assert.equal(queued.isLatest, true);
  assert.deepEqual(queued.parameters, { day: '2024-05-01', names: '["a.csv"]', size: '3', deep: '{"x":true}' });
  assert.equal(queued.invokedBy.name, 'Manual');

  client.clock.nowMs += 1_000;
  const running = await get();
  assert.deepEqual([running.status, running.runEnd, running.durationInMs], ['InProgress', null, null]);
  assert.match(running.runStart, sevenDigits);

  client.clock.nowMs += 5_999;
  assert.equal((await get()).status, 'InProgress');
  client.clock.nowMs += 1;
  const done = await get();
  assert.deepEqual([done.status, done.durationInMs, done.message], ['Succeeded', 6_000, '']);
  assert.match(done.runEnd, sevenDigits);
  assert.equal(done.lastUpdated, done.runEnd);
  client.clock.nowMs += 60_000;
  assert.deepEqual(await get(), done, 'a finished run never changes again');
});

test('the copy activity reports what it moved, from where, when it is done', async (t) => {
  const client = await startClient(t, timing);
  const runId = await client.createRun();
  assert.deepEqual(await activities(client, runId), []);
  client.clock.nowMs += 1_000;
  assert.deepEqual(await steps(client, runId), ['MyCopyActivity InProgress']);
  client.clock.nowMs += 6_000;
  const copy = at(await activities(client, runId), 0);
  assert.deepEqual([copy.activityType, copy.status, copy.durationInMs], ['Copy', 'Succeeded', 6_000]);
  assert.equal(copy.linkedServiceName, 'ArmtemplateStorageLinkedService');
  assert.equal(copy.pipelineRunId, runId);
  assert.equal(copy.input.source.type, 'BinarySource');
  const { dataRead, dataWritten, filesRead, copyDuration } = copy.output;
  assert.deepEqual(
    { dataRead, dataWritten, filesRead, copyDuration },
    { dataRead: 142_000, dataWritten: 142_000, filesRead: 1, copyDuration: 6 },
  );
  assert.match(copy.activityRunEnd, sevenDigits);
  assert.deepEqual(copy.error, { errorCode: '', message: '', failureType: '', target: 'MyCopyActivity' });
  assert.equal(at(await activities(client, runId), 0).activityRunId, copy.activityRunId);
});

test('a scripted failure stops at its activity and says why', async (t) => {
  const client = await startClient(t, timing);
  const script = { ...threeSteps, outcome: ['Failed', 'Succeeded'], failingActivity: 'load', message: 'disk full' };
  assert.equal((await client.admin('POST', 'pipelines', script)).status, 200);
  const runId = await client.createRun('threeSteps');
  client.clock.nowMs += 7_000;
  const run = (await client.call('GET', `/pipelineruns/${runId}`)).body;
  assert.deepEqual([run.status, run.message], ['Failed', 'Operation on target load failed: disk full']);
  assert.deepEqual(await steps(client, runId), ['extract Succeeded', 'load Failed']);
  const failed = at(await activities(client, runId), 1);
  assert.deepEqual(
    [failed.error.message, failed.error.failureType, failed.error.target],
    ['disk full', 'UserError', 'load'],
  );

  const next = await client.createRun('threeSteps');
  client.clock.nowMs += 7_000;
  assert.equal(await client.status(next), 'Succeeded');
});

test('a recovery run joins the group and starts where it is told to', async (t) => {
  const client = await startClient(t, timing);
  await client.admin('POST', 'pipelines', { ...threeSteps, outcome: ['Failed', 'Succeeded'], failingActivity: 'load' });
  const first = await client.createRun('threeSteps', { day: 'monday' });
  client.clock.nowMs += 7_000;
  const query = { referencePipelineRunId: first, isRecovery: 'true', startFromFailure: 'true' };
  const second = await client.createRun('threeSteps', { day: 'ignored' }, query);
  client.clock.nowMs += 7_000;
  const run = (await client.call('GET', `/pipelineruns/${second}`)).body;
  assert.deepEqual([run.runGroupId, run.parameters, run.isLatest], [first, { day: 'monday' }, true]);
  assert.equal((await client.call('GET', `/pipelineruns/${first}`)).body.isLatest, false);
  assert.deepEqual(await steps(client, second), ['load Succeeded', 'publish Succeeded']);

  const third = await client.createRun('threeSteps', undefined, { ...query, startActivityName: 'publish' });
  client.clock.nowMs += 7_000;
  assert.deepEqual(await steps(client, third), ['publish Succeeded'], 'the name wins over startFromFailure');
});

test('wrong references are refused, and options without effect are recorded', async (t) => {
  const client = await startClient(t, timing);
  const path = '/pipelines/ArmtemplateSampleCopyPipeline/createRun';
  const wrong = await client.call('POST', path, undefined, { referencePipelineRunId: 'nonsense' });
  assert.deepEqual([wrong.status, wrong.body.error.code], [400, 'ReferencedPipelineRunNotValid']);
  const first = await client.createRun();
  const unknown = await client.call('POST', path, undefined, {
    referencePipelineRunId: first,
    isRecovery: 'true',
    startActivityName: 'x',
  });
  assert.equal(unknown.status, 400);
  await client.createRun(undefined, undefined, { startActivityName: 'MyCopyActivity' });
  assert.deepEqual(await client.violationKinds(), ['query-invalid', 'parameter-ineffective']);
});

test('cancel: canceling, then cancelled; a finished run cannot be cancelled', async (t) => {
  const client = await startClient(t, timing);
  const runId = await client.createRun();
  client.clock.nowMs += 3_000;
  const cancel = () => client.call('POST', `/pipelineruns/${runId}/cancel`, undefined, { isRecursive: 'true' });
  const answer = await cancel();
  assert.deepEqual([answer.status, answer.body], [200, '']);
  assert.equal(await client.status(runId), 'Canceling');
  client.clock.nowMs += 200;
  assert.equal((await cancel()).status, 200, 'a second cancel changes nothing');
  client.clock.nowMs += 300;
  const run = (await client.call('GET', `/pipelineruns/${runId}`)).body;
  assert.deepEqual([run.status, run.durationInMs], ['Cancelled', 2_500]);
  assert.deepEqual(await steps(client, runId), ['MyCopyActivity Cancelled']);
  const again = await cancel();
  assert.deepEqual([again.status, again.body.error.code], [400, 'PipelineRunNotRunning']);
});

test('a queued run can be cancelled and never starts', async (t) => {
  const client = await startClient(t, { ...timing, finishedCancel: 'ignore' });
  const runId = await client.createRun();
  await client.call('POST', `/pipelineruns/${runId}/cancel`);
  client.clock.nowMs += 60_000;
  const run = (await client.call('GET', `/pipelineruns/${runId}`)).body;
  assert.deepEqual([run.status, run.runStart], ['Cancelled', null]);
  assert.deepEqual(await activities(client, runId), []);
  assert.equal((await client.call('POST', `/pipelineruns/${runId}/cancel`)).status, 200);
});

test('declared parameters are checked, defaulted and required; undeclared ones go by the mode', async (t) => {
  const client = await startClient(t, timing);
  const parameters = { day: { type: 'String' }, count: { type: 'Int', defaultValue: 3 } };
  await client.admin('POST', 'pipelines', { pipelineName: 'typed', parameters });
  const create = (body?: unknown) => client.call('POST', '/pipelines/typed/createRun', body);
  assert.equal((await create()).status, 400);
  assert.equal((await create({ day: 'x', count: 'three' })).status, 400);
  const runId = await client.createRun('typed', { day: 'x', other: 1 });
  const shown = async (id: string) => (await client.call('GET', `/pipelineruns/${id}`)).body.parameters;
  assert.deepEqual(await shown(runId), { day: 'x', count: '3', other: '1' });
  const reference = { referencePipelineRunId: runId };
  assert.deepEqual(await shown(await client.createRun('typed', undefined, reference)), {
    day: 'x',
    count: '3',
    other: '1',
  });

  await client.admin('POST', 'pipelines', { pipelineName: 'typed', undeclaredParameters: 'drop' });
  assert.deepEqual(await shown(await client.createRun('typed', { day: 'x', other: 1 })), { day: 'x', count: '3' });
  await client.admin('POST', 'pipelines', { pipelineName: 'typed', undeclaredParameters: 'reject' });
  assert.equal((await create({ day: 'x', other: 1 })).status, 400);
});

test('queryPipelineRuns filters, orders and pages', async (t) => {
  const client = await startClient(t, { ...timing, pageSize: 2 });
  await client.admin('POST', 'pipelines', { ...threeSteps, outcome: 'Failed' });
  const first = await client.createRun();
  const failing = await client.createRun('threeSteps');
  client.clock.nowMs += 10_000;
  const last = await client.createRun();
  const query = (body: object) => client.call('POST', '/queryPipelineRuns', { ...window, ...body });
  const ids = async (body: object): Promise<readonly string[]> =>
    (await query(body)).body.value.map((run) => run.runId);
  const filter = (operand: string, operator: string, ...values: string[]) => ({
    filters: [{ operand, operator, values }],
  });

  assert.deepEqual(await ids(filter('PipelineName', 'Equals', 'threeSteps')), [failing]);
  assert.deepEqual(await ids(filter('PipelineName', 'NotEquals', 'threeSteps')), [first, last]);
  assert.deepEqual(await ids(filter('Status', 'In', 'Failed', 'Queued')), [failing, last]);
  assert.deepEqual(await ids(filter('Status', 'NotIn', 'Failed', 'Queued')), [first]);
  assert.deepEqual(
    await ids({
      ...filter('Status', 'In', 'Succeeded', 'Failed'),
      orderBy: [{ orderBy: 'PipelineName', order: 'DESC' }],
    }),
    [failing, first],
  );
  assert.deepEqual(await ids({ lastUpdatedAfter: '2026-03-01T10:00:09Z' }), [last]);
  const sample = filter('PipelineName', 'Equals', 'ArmtemplateSampleCopyPipeline');
  assert.deepEqual(await ids({ ...sample, lastUpdatedBefore: '2026-03-01T10:00:09Z' }), [first]);

  const page = (await query({})).body;
  assert.deepEqual(
    page.value.map((run) => run.runId),
    [first, failing],
  );
  const rest = (await query({ continuationToken: page.continuationToken })).body;
  assert.deepEqual(
    rest.value.map((run) => run.runId),
    [last],
  );
  assert.equal(rest.continuationToken, undefined);
  const foreign = await query({ ...filter('Status', 'Equals', 'Failed'), continuationToken: page.continuationToken });
  assert.equal(foreign.status, 400);
});

for (const [what, body] of [
  ['no window', {}],
  ['half a window', { lastUpdatedAfter: window.lastUpdatedAfter }],
  ['a time that is none', { ...window, lastUpdatedAfter: 'yesterday' }],
  ['a window turned round', { lastUpdatedAfter: window.lastUpdatedBefore, lastUpdatedBefore: window.lastUpdatedAfter }],
  [
    'an operand of another query',
    { ...window, filters: [{ operand: 'ActivityName', operator: 'Equals', values: ['x'] }] },
  ],
  ['an unknown operator', { ...window, filters: [{ operand: 'Status', operator: 'Like', values: ['x'] }] }],
  ['two values for Equals', { ...window, filters: [{ operand: 'Status', operator: 'Equals', values: ['x', 'y'] }] }],
  ['an unknown member', { ...window, filter: [] }],
  ['an unknown order', { ...window, orderBy: [{ orderBy: 'Status', order: 'up' }] }],
] as const) {
  test(`queryPipelineRuns refuses ${what}`, async (t) => {
    const client = await startClient(t);
    const answer = await client.call('POST', '/queryPipelineRuns', body);
    assert.deepEqual([answer.status, answer.body.error.code], [400, 'InvalidRequestContent']);
  });
}
