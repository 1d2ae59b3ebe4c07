// The process driver on real processes: what an instance is given, how it is found again, and that nothing of it stays.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { componentsFolder, endComponents, killComponents, secretsFolder } from '../../src/compute/instance-records.ts';
import { isAlive } from '../../src/compute/os-process.ts';
import { createProcessDriver } from '../../src/compute/process-driver.ts';
import type { ComputeDriver, InstanceSpec, InstanceState, LogLine } from '../../src/engine/supervision/ports.ts';
import { temporaryFolder } from '../support/children.ts';
import { root } from '../support/processes.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait-for.ts';

const program = join(root, 'test', 'support', 'small-component.mjs');

const spec = (change: Partial<InstanceSpec> = {}): InstanceSpec => ({
  ...{ id: 'op.worker.0.abc', operator: 'op', component: 'worker', replica: 0, revision: 'abc', type: 'worker' },
  ...{ image: 'none:1', command: ['node', program], arguments: ['one', 'two words'], files: [] },
  environment: { METRIC_PORT: '0', GREETING: 'hello' },
  ports: [],
  ...change,
});

let folder: ReturnType<typeof temporaryFolder>;
let driver: ComputeDriver;
const newDriver = (environment: Readonly<Record<string, string>> = {}): ComputeDriver =>
  createProcessDriver({
    data: folder.path,
    prefix: 'opstream',
    environment: { PATH: process.env['PATH'] ?? '', HOME: '/nowhere', OPSTREAM_NATS_PASSWORD: 'hush', ...environment },
    builtInImages: new Map(),
    log: silentLog,
  });
const only = async (of: ComputeDriver = driver): Promise<InstanceState> => {
  const [first, ...rest] = await of.list();
  assert.ok(first);
  assert.deepEqual(rest, []);
  return first;
};
const untilReady = (of: ComputeDriver = driver): Promise<InstanceState> =>
  waitFor(async () => (await of.list()).find(({ isReady }) => isReady), { what: 'an instance to be ready' });

beforeEach(() => {
  folder = temporaryFolder();
  driver = newDriver();
});
afterEach(async () => {
  await endComponents(folder.path, 100);
  folder.remove();
});

describe('an instance of the process driver', () => {
  it('gets its own environment and secrets, and nothing of the runtime', async () => {
    await driver.start(spec({ files: [{ name: 'token', content: 'very secret' }] }));
    const state = await untilReady();
    assert.match(state.addresses['metrics'] ?? '', /^127\.0\.0\.1:\d+$/);
    const answer = await fetch(`http://${state.addresses['metrics']}/environment`);
    const { env, secrets } = (await answer.json()) as { env: Record<string, string>; secrets: unknown };
    assert.deepEqual(secrets, [{ name: 'token', mode: 0o600, text: 'very secret' }]);
    assert.deepEqual(
      Object.keys(env)
        .filter((name) => name !== 'PWD' && name !== '_' && name !== 'SHLVL')
        .sort(),
      ['DATAOS_SECRET_DIR', 'GREETING', 'HOME', 'METRIC_PORT', 'OPSTREAM_AT_WORK_FILE', 'OPSTREAM_INSTANCE', 'PATH'],
    );
    const records = readFileSync(join(componentsFolder(folder.path, 'opstream'), state.id, 'record.json'), 'utf8');
    assert.doesNotMatch(records, /secret|hello/);
    const place = secretsFolder(componentsFolder(folder.path, 'opstream'), state.id);
    assert.equal(env['DATAOS_SECRET_DIR'], place);
    await driver.stop(state.id, 5000);
    assert.equal(existsSync(place), false);
    assert.deepEqual(await driver.list(), []);
    assert.equal(isAlive(Number(state.handle)), false);
  });

  it('is started once, and found by another runtime, which can end it', async () => {
    const [first, second] = await Promise.all([driver.start(spec()), driver.start(spec())]);
    assert.equal(first.handle, second.handle);
    const next = newDriver();
    assert.equal((await next.start(spec())).handle, first.handle);
    assert.equal((await untilReady(next)).handle, first.handle);
    await next.stop('op.worker.0.abc', 5000);
    assert.deepEqual(await driver.list(), []);
  });

  it('is told of when it ends, with its exit code', async () => {
    let told = 0;
    driver.onChange?.(() => (told += 1));
    await driver.start(spec({ environment: { EXIT_CODE: '7' } }));
    const state = await waitFor(async () => (await driver.list()).find((one) => one.state === 'exited'));
    assert.equal(state.exitCode, 7);
    assert.ok(told > 0);
    await driver.stop(state.id, 0);
    assert.deepEqual(await driver.list(), []);
  });

  it('is killed when it does not want to stop', async () => {
    await driver.start(spec({ environment: { METRIC_PORT: '0', STUBBORN: 'yes' } }));
    const { handle } = await untilReady();
    const startedMs = performance.now();
    await driver.stop('op.worker.0.abc', 300);
    assert.ok(performance.now() - startedMs >= 300);
    assert.equal(isAlive(Number(handle)), false);
  });

  it('takes its children with it', async () => {
    const script = 'sleep 1000 & echo $!; wait';
    await driver.start(spec({ command: ['sh', '-c', script], arguments: [], environment: {} }));
    const lines: LogLine[] = [];
    for await (const line of driver.followLog('op.worker.0.abc', undefined, AbortSignal.timeout(10_000))) {
      lines.push(line);
      break;
    }
    const child = Number(lines[0]?.text);
    assert.ok(isAlive(child));
    await driver.stop('op.worker.0.abc', 5000);
    await waitFor(() => !isAlive(child), { what: 'the child to be gone' });
  });

  describe('and its ports', () => {
    let holder: Server;
    let target: number;
    beforeEach(async () => {
      holder = createServer();
      await new Promise<void>((done) => holder.listen(0, done));
      const address = holder.address();
      target = typeof address === 'object' && address !== null ? address.port : 0;
    });
    afterEach(() => void holder.close());
    const release = () => new Promise((done) => holder.close(done));
    const environmentAt = async (address = ''): Promise<Readonly<Record<string, string>>> =>
      ((await (await fetch(`http://${address}/environment`)).json()) as { env: Record<string, string> }).env;

    it('are the target ports that it asks for where these are free, whatever the service port', async () => {
      await release();
      const ports = [{ name: 'web-ui', servicePort: 81, targetPort: target }];
      await driver.start(spec({ ports }));
      const { addresses } = await untilReady();
      assert.equal(addresses['web-ui'], `127.0.0.1:${target}`);
      assert.deepEqual(Object.keys(addresses).sort(), ['metrics', 'web-ui']);
      const env = await environmentAt(addresses['metrics']);
      assert.equal(env['OPSTREAM_PORT_WEB_UI'], String(target));
      assert.equal(`127.0.0.1:${env['METRIC_PORT']}`, addresses['metrics']);
    });

    it('are others where its own are taken, and it is told which', async () => {
      const ports = [
        { name: 'metrics', servicePort: target, targetPort: target },
        { name: 'web-ui', servicePort: 81, targetPort: target },
      ];
      await driver.start(spec({ environment: { METRIC_PORT: String(target) }, ports }));
      const { addresses } = await untilReady();
      assert.deepEqual(Object.keys(addresses), ['metrics', 'web-ui']);
      assert.match(addresses['metrics'] ?? '', /^127\.0\.0\.1:\d+$/);
      assert.notEqual(addresses['metrics'], `127.0.0.1:${target}`);
      const env = await environmentAt(addresses['metrics']);
      for (const name of ['METRIC_PORT', 'OPSTREAM_PORT_METRICS', 'OPSTREAM_PORT_WEB_UI'])
        assert.equal(`127.0.0.1:${env[name]}`, addresses['metrics'], name);
    });

    it('are not those of another instance, which asks for the same', async () => {
      await release();
      const ports = [{ name: 'web-ui', servicePort: 81, targetPort: target }];
      const first = await driver.start(spec({ ports }));
      const second = await driver.start(spec({ ports, id: 'op.worker.1.abc', replica: 1 }));
      assert.equal(first.addresses['web-ui'], `127.0.0.1:${target}`);
      assert.match(second.addresses['web-ui'] ?? '', new RegExp(`^127\\.0\\.0\\.1:(?!${target}$)\\d+$`));
    });
  });

  it('is a process of the user of the runtime, whatever its type and runAsUser are', async () => {
    for (const type of ['worker', 'service'] as const) {
      await driver.start(
        spec({ type, id: `op.${type}.0.abc`, environment: { METRIC_PORT: '0', DATAOS_RUN_AS_USER: 'nobody' } }),
      );
      const state = await waitFor(
        async () => (await driver.list()).find(({ id, isReady }) => id === `op.${type}.0.abc` && isReady),
        { what: `the ${type} to be ready` },
      );
      assert.equal(statSync(`/proc/${state.handle}`).uid, process.getuid?.());
      assert.deepEqual(Object.keys(state.addresses), ['metrics']);
      const answer = await fetch(`http://${state.addresses['metrics']}/environment`);
      const { env } = (await answer.json()) as { env: Record<string, string> };
      assert.equal(env['DATAOS_RUN_AS_USER'], 'nobody');
    }
  });

  it('cannot be started without its program, and says what was looked for', async () => {
    const missing = spec({ command: ['/opt/tmdc-io/azure-operator'], image: 'docker.io/rubiklabs/azure-operator:1' });
    await assert.rejects(driver.start(missing), {
      code: 'COMPONENT_NOT_STARTABLE',
      message: /\/opt\/tmdc-io\/azure-operator is not on this machine.*docker\.io\/rubiklabs\/azure-operator is not/,
    });
    assert.deepEqual(await driver.list(), []);
  });

  it('is gone at once when the whole instance must end now', async () => {
    await driver.start(spec());
    const { handle } = await untilReady();
    killComponents(folder.path);
    await waitFor(() => !isAlive(Number(handle)), { what: 'it to be gone' });
    await waitFor(async () => (await only()).state === 'exited', { what: 'its end to be told' });
  });
});

describe('the outputs of an instance', () => {
  it('are read from any position on, until it is gone', async () => {
    await driver.start(spec());
    await untilReady();
    await driver.stop('op.worker.0.abc', 5000);
    const read = async (after?: string): Promise<readonly LogLine[]> => {
      const lines: LogLine[] = [];
      for await (const line of driver.followLog('op.worker.0.abc', after, AbortSignal.timeout(10_000)))
        lines.push(line);
      return lines;
    };
    const all = await read();
    assert.deepEqual(all.map(({ output }) => output).sort(), ['stderr', 'stdout', 'stdout']);
    assert.match(all[0]?.text ?? '', /"arguments":\["one","two words"\]/);
    assert.deepEqual(
      all.map(({ position }) => position),
      all.map(({ position }) => position).sort(),
    );
    for (const [index, { position }] of all.entries())
      assert.deepEqual(
        (await read(position)).map(({ text }) => text),
        all.slice(index + 1).map(({ text }) => text),
      );
    assert.deepEqual(readdirSync(componentsFolder(folder.path, 'opstream')), ['op.worker.0.abc']);
  });
});
