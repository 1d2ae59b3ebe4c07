// The shipped manifest for MLflow against a real tracking server: experiments are made, tagged, renamed, found changed, deleted and restored; runs are
// started, end, and are cancelled.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { temporaryFolder } from '../support/children.ts';
import { changeIn, startLane, type Lane } from '../support/platform-lane.ts';
import { leakGuard } from '../support/processes.ts';
import { freePort, pythonPlatform, startProgram, type PlatformProgram } from '../support/python-platform.ts';

leakGuard();

const platform = await pythonPlatform('mlflow', ['mlflow==3.17.2']);

describe('the manifest for MLflow', { skip: platform.isThere ? false : platform.reason }, () => {
  const folder = temporaryFolder();
  let url = '';
  let server: PlatformProgram | undefined;
  let lane: Lane;

  const api = async (method: 'GET' | 'POST', path: string, body?: JsonObject): Promise<JsonObject> => {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${url}/api/2.0/mlflow${path}`, { method, ...init });
    const said = (await response.json()) as JsonObject;
    assert.ok(response.ok, JSON.stringify(said));
    return said;
  };
  const experiment = async (id = ''): Promise<JsonObject> =>
    (await api('GET', `/experiments/get?experiment_id=${id}`))['experiment'] as JsonObject;
  const tagsOf = (one: JsonObject): Record<string, unknown> =>
    Object.fromEntries((one['tags'] as readonly JsonObject[]).map(({ key, value }) => [String(key), value]));

  before(async () => {
    assert.ok(platform.isThere);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const store = ['--backend-store-uri', `sqlite:///${folder.path}/mlflow.db`, '--default-artifact-root', folder.path];
    const command = [
      platform.program('mlflow'),
      'server',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--workers',
      '1',
    ];
    server = await startProgram([...command, ...store], {
      ...{ cwd: folder.path, env: { MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true' }, what: 'mlflow' },
      ready: async () => (await fetch(`${url}/health`)).ok,
    });
    lane = await startLane('mlflow', [
      ['http://127.0.0.1:5000', url],
      ['pollInterval: 5s', 'pollInterval: 300ms'],
    ]);
  });
  after(async () => {
    await lane?.stop();
    await server?.stop();
    folder.remove();
  });

  const spec = { name: 'churn', tags: { team: 'growth', stage: 'trial' } };

  it('makes an experiment, changes it, and corrects what somebody else has changed', async () => {
    await lane.declare('churn', 'experiment', spec);
    const made = await lane.until(
      'churn',
      ({ status, externalId }) => status === 'active' && externalId !== undefined,
      'it',
    );
    assert.equal(changeIn(made), 'Created');
    assert.deepEqual(tagsOf(await experiment(made.externalId)), spec.tags);

    await lane.declare('churn', 'experiment', { name: 'churn-2', tags: { team: 'growth', owner: 'ann' } });
    await lane.until(
      'churn',
      (one) => one.status === 'active' && one.observedGeneration === 2 && changeIn(one) === 'Updated',
      'the change',
    );
    const changed = await experiment(made.externalId);
    assert.equal(changed['name'], 'churn-2');
    assert.deepEqual(tagsOf(changed), { team: 'growth', owner: 'ann' });

    await api('POST', '/experiments/set-experiment-tag', {
      experiment_id: made.externalId ?? '',
      key: 'owner',
      value: 'bob',
    });
    // A run makes the component look.
    await lane.send('run', 'churn');
    await lane.until('churn', (one) => changeIn(one) === 'DriftCorrected', 'the correction');
    assert.equal(tagsOf(await experiment(made.externalId))['owner'], 'ann');
  });

  it('follows a run to its end, and cancels one', async () => {
    const going = await lane.until('churn', ({ runtime }) => runtime === 'inprogress', 'the run');
    const runId = going.run?.externalId ?? '';
    // What a training job does.
    await api('POST', '/runs/log-metric', { run_id: runId, key: 'auc', value: 0.91, timestamp: Date.now() });
    await api('POST', '/runs/update', { run_id: runId, status: 'FINISHED', end_time: Date.now() });
    const ended = await lane.until('churn', ({ runtime }) => runtime === 'succeeded', 'its end');
    assert.deepEqual(ended.properties['metrics'], { auc: 0.91 });
    assert.match(ended.run?.finishedAt ?? '', /^\d{4}-/);

    await lane.send('run', 'churn');
    await lane.until('churn', (one) => one.runtime === 'inprogress' && one.run?.externalId !== runId, 'another run');
    await lane.send('cancel', 'churn');
    const cancelled = await lane.until('churn', ({ runtime }) => runtime === 'cancelled', 'the cancel');
    const run = (await api('GET', `/runs/get?run_id=${cancelled.run?.externalId ?? ''}`))['run'] as JsonObject;
    assert.equal((run['info'] as JsonObject)['status'], 'KILLED');
  });

  it('deletes it, and restores it when it is declared again', async () => {
    const { externalId = '' } = (await lane.statusOf('churn')) ?? {};
    await lane.send('delete', 'churn');
    await lane.gone('churn');
    assert.equal((await experiment(externalId))['lifecycle_stage'], 'deleted');
    await lane.declare('churn', 'experiment', { name: 'churn-2', tags: { team: 'growth' } });
    const restored = await lane.until('churn', ({ status }) => status === 'active', 'it again');
    assert.deepEqual([restored.externalId, changeIn(restored)], [externalId, 'Restored']);
    const { lifecycle_stage: stage, ...one } = await experiment(externalId);
    assert.deepEqual([stage, tagsOf(one)], ['active', { team: 'growth' }]);
  });

  it('says what MLflow refuses, without its SQL', async () => {
    await api('POST', '/experiments/create', { name: 'taken' });
    await lane.declare('other', 'experiment', { name: 'mine' });
    await lane.until('other', ({ status }) => status === 'active', 'it');
    await lane.declare('other', 'experiment', { name: 'taken' });
    const refused = await lane.until(
      'other',
      ({ message }) => /BAD_REQUEST: \(SQL of the platform left out\)/.test(message ?? ''),
      'the refusal',
    );
    assert.doesNotMatch(JSON.stringify(refused), /sqlite|INSERT|UPDATE experiments|parameters:/);
  });
});
