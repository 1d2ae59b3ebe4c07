// Components in containers, run by the operator-runtime with a real engine: adopted after a kill -9, with their logs, and gone when the operator is.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { endComponents } from '../../src/compute/instance-records.ts';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { LogEntry } from '../../src/client/read-logs.ts';
import { startContainerEngine } from '../support/container-engine.ts';
import { startImageRegistry, type ImageRegistry } from '../support/image-registry.ts';
import { keyLine, secretOf } from '../support/secrets-instance.ts';
import { temporaryFolder } from '../support/children.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { componentOf, conditionOf, statusOf, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

const engine = await startContainerEngine();
const skip = typeof engine === 'string' ? engine : false;
if (typeof engine === 'string') process.stderr.write(`tests of containers are skipped: ${engine}\n`);

const COUNT = 'trap "echo the last word; exit 0" TERM; i=0; while true; do i=$((i+1)); echo "line $i"; sleep 0.1; done';

let folder: ReturnType<typeof temporaryFolder>;
let instance: RunningInstance;
let registry: ImageRegistry;

const LOGIN = { username: 'puller', password: 'pull-secret-2' };

const operator = (script: string, change: JsonObject = {}): JsonObject =>
  supervisedOperator('boxed', {
    ...{ compute: 'container', image: typeof engine === 'string' ? '' : engine.image, environmentVars: {} },
    ...{ command: ['/bin/sh', '-c'], arguments: [script], ...change },
  });
const apply = async (manifest: JsonObject): Promise<void> => {
  const receipt = await instance.client.send('apply', encodeJson(manifest));
  assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
};
const handles = async (): Promise<readonly string[]> =>
  ((await componentOf(instance.client, 'boxed'))?.instances ?? []).flatMap(({ state, handle }) =>
    state === 'ready' ? [String(handle)] : [],
  );
const untilReady = (except = ''): Promise<string> =>
  waitFor(async () => (await handles()).find((handle) => handle !== except), {
    what: 'a container to be ready',
    timeoutMs: 60_000,
    intervalMs: 200,
  });
const texts = async (): Promise<readonly string[]> => {
  const lines: LogEntry[] = [];
  const signal = AbortSignal.timeout(10_000);
  await instance.client.readLogs({ operator: 'boxed' }, { tail: 'all', signal, onLine: (line) => lines.push(line) });
  return lines.map(({ text }) => text);
};

/** With a NATS server of its own. */
const withServer = (manifest: JsonObject): JsonObject => {
  const natsClusterConfig = { name: 'boxed-nats', compute: 'runnable-default' };
  return { ...manifest, operator: { ...(manifest['operator'] as JsonObject), natsClusterConfig } };
};

/** The operator, and its container with it. */
const remove = async (): Promise<void> => {
  const { accepted } = await instance.client.send('delete', encodeJson({ type: 'operator', name: 'boxed' }));
  assert.equal(accepted, true);
  const left = async (): Promise<readonly string[]> => {
    const answer = await instance.client.query('get', { type: 'operator', name: 'boxed' });
    const running = typeof engine === 'string' ? '' : await engine.run('ps', '--format', '{{.Names}}');
    return [...(answer.ok ? ['boxed'] : []), ...running.split('\n').filter((name) => name !== '')];
  };
  await waitFor(async () => (await left()).length === 0, {
    what: 'no operator and no container',
    timeoutMs: 30_000,
    intervalMs: 300,
  });
};

describe('components in containers', { skip }, () => {
  before(async () => {
    if (typeof engine === 'string') return;
    const natsServer = await findNatsServer();
    folder = temporaryFolder();
    registry = await startImageRegistry({ layerPath: engine.layerPath, ...LOGIN });
    instance = await startInstance({
      env: {
        OPSTREAM_COMPUTES: 'runnable-default=process,container=container',
        OPSTREAM_DATA: folder.path,
        OPSTREAM_NATS_SERVER: natsServer,
        OPSTREAM_CONTAINER_ENGINE: engine.program,
        OPSTREAM_CONTAINER_ENGINE_FLAGS: JSON.stringify(engine.engineFlags),
        OPSTREAM_CONTAINER_RUN_FLAGS: JSON.stringify(engine.runFlags),
        OPSTREAM_SECRET_KEYS: keyLine('k1'),
        ...engine.trusting(registry.address),
      },
    });
  });
  after(async () => {
    if (typeof engine === 'string') return;
    await instance.stop();
    await endComponents(folder.path, 500);
    await registry.close();
    await engine.remove();
    folder.remove();
  });

  it('are adopted by the next runtime, roll when they change, and end with their operator', async () => {
    await apply(operator(COUNT));
    const first = await untilReady();
    await instance.replace('operator-runtime');
    const before = (await texts()).length;
    await waitFor(async () => (await texts()).length > before + 20, {
      what: 'more lines',
      timeoutMs: 30_000,
      intervalMs: 300,
    });
    assert.deepEqual(await handles(), [first]);
    const lines = await texts();
    assert.deepEqual(
      lines,
      lines.map((_, index) => `line ${index + 1}`),
    );

    await apply(operator(COUNT.replaceAll('line', 'news')));
    await untilReady(first);
    await waitFor(async () => (await texts()).includes('the last word'), {
      what: 'the first to end',
      timeoutMs: 30_000,
      intervalMs: 300,
    });
    assert.ok((await texts()).includes('news 1'));

    await remove();
  });

  it('take their image from its registry with the secret that the manifest names', async () => {
    const data = { registry: registry.address, username: LOGIN.username, password: 'another' };
    const login = (password: string) => secretOf('registry', { ...data, password }, { workspace: 'public' });
    const typed = (manifest: JsonObject): JsonObject => ({
      ...manifest,
      secret: { ...(manifest['secret'] as JsonObject), type: 'cloud-kernel-image-pull' },
    });
    await apply(typed(login('not the one')));
    await apply(operator(COUNT, { image: registry.image, imagePullSecret: 'public/registry' }));
    await waitFor(
      async () =>
        JSON.stringify((await componentOf(instance.client, 'boxed')) ?? {}).includes(
          'cannot be pulled with the credentials',
        ),
      {
        what: 'the refusal of the registry',
        timeoutMs: 30_000,
        intervalMs: 200,
      },
    );
    assert.equal(registry.served, 0);
    await apply(typed(login(LOGIN.password)));
    await untilReady();
    assert.equal(registry.served, 1);
    assert.ok((await texts()).includes('line 1'));
    // It could be changed and was given to the component: acl forbids neither.
    const shown = await instance.client.query('get', { type: 'secret', workspace: 'public', name: 'registry' });
    assert.ok(shown.ok && shown.value.type === 'secret');
    assert.equal(shown.value.secret.manifest.secret.acl, 'r');
    await remove();
  });

  it("on the machine's network work on the NATS server of their operator", async () => {
    const address = 'place=${OPSTREAM_NATS_URL#nats://}';
    const greet = 'nc -w 2 "${place%:*}" "${place#*:}" </dev/null | head -c 5; echo; echo "$OPSTREAM_NATS_URL"';
    await apply(withServer(operator(`${address}; ${greet}; ${COUNT}`)));
    await untilReady();
    const url = (await statusOf(instance.client, 'boxed'))?.nats?.url ?? 'none';
    await waitFor(async () => (await texts()).includes(url), { what: 'its address', timeoutMs: 20_000 });
    assert.ok((await texts()).includes('INFO '), 'the server answers there');
    await remove();
  });

  it('say in the status why there is none', async () => {
    await apply(operator(COUNT, { image: 'localhost:1/nobody/nothing:1' }));
    const component = await waitFor(
      async () => {
        const one = await componentOf(instance.client, 'boxed');
        return JSON.stringify(one ?? {}).includes('cannot be pulled') ? one : undefined;
      },
      { what: 'the reason', timeoutMs: 30_000, intervalMs: 200 },
    );
    assert.equal(component.state, 'Failed');
    assert.deepEqual(await handles(), []);
  });
});

describe("components in containers off the machine's network", () => {
  it("are not started beside their operator's own NATS server, which they would not reach", async () => {
    const data = temporaryFolder();
    instance = await startInstance({
      env: {
        OPSTREAM_COMPUTES: 'runnable-default=process,container=container',
        OPSTREAM_DATA: data.path,
        OPSTREAM_NATS_SERVER: await findNatsServer(),
        // It is not asked.
        OPSTREAM_CONTAINER_ENGINE: 'no-such-engine',
        OPSTREAM_CONTAINER_RUN_FLAGS: '--network bridge',
      },
    });
    try {
      await apply(withServer(operator(COUNT, { image: 'localhost/none:1' })));
      const ready = () => conditionOf(instance.client, 'boxed', 'ComponentsReady');
      const condition = await waitFor(
        async () => {
          const found = await ready();
          return found?.reason === 'ComputeUnsuitable' ? found : undefined;
        },
        { what: 'the reason', timeoutMs: 30_000 },
      );
      assert.equal(condition.status, 'False');
      const component = await componentOf(instance.client, 'boxed');
      assert.deepEqual([component?.state, component?.instances], ['Failed', []]);
      assert.match(component?.message ?? '', /--network host in OPSTREAM_CONTAINER_RUN_FLAGS/);
      await waitFor(async () => (await statusOf(instance.client, 'boxed'))?.components?.at(1)?.state === 'Running', {
        what: 'its server to run all the same',
        timeoutMs: 30_000,
      });
    } finally {
      await instance.stop();
      await endComponents(data.path, 500);
      data.remove();
    }
  });
});
