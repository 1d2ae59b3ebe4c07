// The shipped manifest for Prefect against a real server with a real worker: a deployment is made, changed, found changed, run to its end, cancelled in
// the middle of a run, paused by an action, and deleted.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/core/json.ts';
import { temporaryFolder } from '../support/children.ts';
import { changeIn, startLane, type Lane } from '../support/platform-lane.ts';
import { leakGuard } from '../support/processes.ts';
import { freePort, pythonPlatform, startProgram, type PlatformProgram } from '../support/python-platform.ts';

leakGuard();

const platform = await pythonPlatform('prefect', ['prefect==3.9.1']);

const FLOW = `
import time
from prefect import flow

@flow
def report(name: str = "nobody", seconds: float = 0):
    time.sleep(seconds)
    return f"hello {name}"
`;

describe('the manifest for Prefect', { skip: platform.isThere ? false : platform.reason }, () => {
  const folder = temporaryFolder();
  const programs: PlatformProgram[] = [];
  let url = '';
  let lane: Lane;

  const api = async (method: string, path: string, body?: JsonObject): Promise<JsonObject> => {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${url}${path}`, { method, ...init });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as JsonObject;
  };

  before(async () => {
    assert.ok(platform.isThere);
    writeFileSync(join(folder.path, 'flow.py'), FLOW);
    const port = await freePort();
    url = `http://127.0.0.1:${port}/api`;
    const env = {
      PREFECT_HOME: folder.path,
      PREFECT_API_URL: url,
      PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
      DO_NOT_TRACK: '1',
      PATH: `${platform.program('')}:${process.env['PATH'] ?? ''}`,
    };
    const prefect = platform.program('prefect');
    const options = { cwd: folder.path, env };
    programs.push(
      await startProgram([prefect, 'server', 'start', '--host', '127.0.0.1', '--port', String(port), '--no-ui'], {
        ...{ ...options, what: 'prefect server' },
        ready: async () => (await fetch(`${url}/health`)).ok,
      }),
      await startProgram([prefect, 'worker', 'start', '--pool', 'local', '--type', 'process'], {
        ...{ ...options, what: 'prefect worker' },
        ready: async () => (await fetch(`${url}/work_pools/local`)).ok,
      }),
    );
    lane = await startLane('prefect', [
      ['http://127.0.0.1:4200/api', url],
      ['pollInterval: 5s', 'pollInterval: 300ms'],
    ]);
  });
  after(async () => {
    await lane?.stop();
    for (const program of programs.toReversed()) await program.stop();
    folder.remove();
  });

  const spec = {
    ...{ flow: 'report', deployment: 'nightly', entrypoint: 'flow.py:report', path: folder.path, workPool: 'local' },
    ...{ parameters: { name: 'ann' }, tags: ['b', 'a'] },
  };
  const deployment = async (): Promise<JsonObject> => api('GET', '/deployments/name/report/nightly');

  it('makes a deployment, and runs it to its end', async () => {
    await lane.declare('nightly', 'deployment', spec);
    const made = await lane.until('nightly', ({ externalId }) => externalId !== undefined, 'the deployment');
    assert.equal((await deployment())['id'], made.externalId);
    const ended = await lane.until('nightly', ({ runtime }) => runtime === 'succeeded', 'the run');
    assert.equal(changeIn(ended), 'Created');
    const run = await api('GET', `/flow_runs/${ended.run?.externalId ?? ''}`);
    assert.deepEqual([run['state_type'], run['parameters']], ['COMPLETED', { name: 'ann' }]);
    assert.equal(run['idempotency_key'], ended.run?.id);
  });

  it('changes it, and corrects what somebody else has changed', async () => {
    await lane.declare('nightly', 'deployment', { ...spec, parameters: { name: 'ann', seconds: 300 } });
    await lane.until(
      'nightly',
      (one) => changeIn(one) === 'Updated' && one.runtime === 'inprogress',
      'the change, and a run',
    );
    assert.deepEqual((await deployment())['parameters'], { name: 'ann', seconds: 300 });
    await api('PATCH', `/deployments/${String((await deployment())['id'])}`, { tags: ['theirs'] });
    await lane.until('nightly', (one) => changeIn(one) === 'DriftCorrected', 'the correction');
    assert.deepEqual(((await deployment())['tags'] as readonly string[]).toSorted(), ['a', 'b']);
  });

  it('cancels the run that goes on', async () => {
    const { run } = await lane.until('nightly', ({ runtime }) => runtime === 'inprogress', 'the run');
    await lane.send('cancel', 'nightly');
    await lane.until('nightly', ({ runtime }) => runtime === 'cancelled', 'its end');
    assert.equal((await api('GET', `/flow_runs/${run?.externalId ?? ''}`))['state_type'], 'CANCELLED');
  });

  it('carries out actions by requests of their own', async () => {
    for (const [action, isPaused] of [
      ['pause', true],
      ['resume', false],
    ] as const) {
      await lane.send('run', 'nightly', { action });
      await lane.until('nightly', ({ run }) => run?.action === action && run.state === 'succeeded', action);
      assert.equal((await deployment())['paused'], isPaused);
    }
  });

  it('deletes it', async () => {
    await lane.send('delete', 'nightly');
    await lane.gone('nightly');
    assert.equal((await fetch(`${url}/deployments/name/report/nightly`)).status, 404);
  });
});
