// What the container driver promises, on a real engine with an image that the test imports itself. One test file for each engine calls it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { createContainerDriver } from '../../src/compute/container-driver.ts';
import { homeOf } from '../../src/compute/container-files.ts';
import type { LogLine } from '../../src/engine/supervision/ports.ts';
import { startContainerEngine, type EngineName } from './container-engine.ts';
import { startImageRegistry } from './image-registry.ts';
import { ID, openContainerLane, PATIENT, textsOf } from './container-lane.ts';
import { waitFor } from './wait-for.ts';

const exec = promisify(execFile);

export const testContainerDriver = async (engineName: EngineName): Promise<void> => {
  const engine = await startContainerEngine(engineName);
  const skip = typeof engine === 'string' ? engine : false;
  if (typeof engine === 'string')
    process.stderr.write(`tests of containers with ${engineName} are skipped: ${engine}\n`);
  const real = () => {
    if (typeof engine === 'string') throw new Error(engine);
    return engine;
  };
  let lane: ReturnType<typeof openContainerLane>;

  after(async () => {
    if (typeof engine !== 'string') await engine.remove();
  });

  describe(`the container driver with ${engineName}`, { skip }, () => {
    beforeEach(() => {
      lane = openContainerLane(real());
    });
    afterEach(() => lane.close());

    it('starts an instance once, and another driver finds and ends it', async () => {
      const state = await lane.driver.start(lane.spec(PATIENT));
      assert.equal(state.state, 'starting');
      const next = createContainerDriver(lane.options);
      const listed = await next.list();
      assert.deepEqual(
        listed.map(({ id, handle }) => [id, handle]),
        [[ID, state.handle]],
      );
      assert.equal((await next.start(lane.spec(PATIENT))).handle, state.handle);
      await waitFor(async () => (await next.list())[0]?.isReady, { what: 'it to be ready' });
      assert.equal((await next.list())[0]?.state, 'running');
      const labels = JSON.parse(
        await real().run('inspect', '--format', '{{json .Config.Labels}}', state.handle),
      ) as object;
      assert.deepEqual(
        { ...labels },
        {
          'io.opstream.prefix': 'opstream',
          'io.opstream.home': homeOf(lane.folder),
          'io.opstream.instance': ID,
          'io.opstream.operator': 'op',
          'io.opstream.component': 'worker',
          'io.opstream.replica': '0',
          'io.opstream.revision': 'abc',
          'io.opstream.ports': '{}',
          ...Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('io.opstream'))),
        },
      );
      await next.stop(ID, 5000);
      assert.deepEqual(await lane.driver.list(), []);
      // What it said at its end is still there.
      assert.deepEqual(textsOf(await lane.read()), ['out', 'bye']);
    });

    it('starts one container when two drivers start at once', async () => {
      const other = createContainerDriver(lane.options);
      const [left, right] = await Promise.all([lane.driver.start(lane.spec(PATIENT)), other.start(lane.spec(PATIENT))]);
      assert.equal(left.handle, right.handle);
      assert.equal((await lane.driver.list()).length, 1);
    });

    it('tells of another prefix, or another data folder, nothing', async () => {
      await lane.driver.start(lane.spec(PATIENT));
      for (const change of [{ prefix: 'other' }, { data: join(lane.folder, 'other') }]) {
        const other = createContainerDriver({ ...lane.options, ...change });
        assert.deepEqual(await other.list(), []);
        await other.stop(ID, 0);
      }
      assert.equal((await lane.driver.list()).length, 1);
    });

    it('reports how it ended, and starts it again', async () => {
      let told = 0;
      lane.driver.onChange?.(() => (told += 1));
      const first = await lane.driver.start(lane.spec('echo first; sleep 4; exit 7'));
      const lines = lane.read();
      assert.equal((await lane.untilExited()).exitCode, 7);
      assert.deepEqual(textsOf(await lines), ['first']);
      assert.ok(told > 0);
      const second = await lane.driver.start(lane.spec('echo second; sleep 1; exit 8'));
      assert.notEqual(second.handle, first.handle);
      assert.equal((await lane.untilExited()).exitCode, 8);
      // Both, in turn; and from the middle on only what came later.
      const all = await lane.read();
      assert.deepEqual(textsOf(all), ['first', 'second']);
      assert.deepEqual(textsOf(await lane.read(all[0]?.position)), ['second']);
    });

    it('says what it worked on when it died, whatever user the image runs as, and nothing of the time before', async () => {
      const die = 'printf "public.orders\\n" > "$OPSTREAM_AT_WORK_FILE"; exit 9';
      const asUser = { ...lane.options, runFlags: [...lane.options.runFlags, '--user', '12345'] };
      await createContainerDriver(asUser).start(lane.spec(die));
      const { exitCode, atWork } = await lane.untilExited();
      assert.deepEqual([exitCode, atWork], [9, ['public.orders']]);
      await lane.driver.start(lane.spec('exit 8'));
      const next = await lane.untilExited();
      assert.deepEqual([next.exitCode, next.atWork], [8, undefined]);
    });

    it('kills what does not want to stop, after its grace', async () => {
      await lane.driver.start(lane.spec('trap "" TERM; echo stubborn; while true; do sleep 0.1; done'));
      await lane.read(undefined, 1);
      const startedMs = performance.now();
      await lane.driver.stop(ID, 1000);
      assert.ok(performance.now() - startedMs >= 1000);
      assert.deepEqual(await lane.driver.list(), []);
    });

    it('gives it its variables and files, and shows them to nobody else', async (context: TestContext) => {
      const several = 'one\ntwo "quoted" \\ $HOME';
      const script = 'cat /run/secrets/opstream/token; echo; env; echo "$SEVERAL"; echo done; sleep 60';
      const files = [{ name: 'token', content: 'file-secret-1' }];
      const environment = { SECRET: ' env secret "2" \\n # ', SEVERAL: several, EMPTY: '' };
      await lane.driver.start(lane.spec(script, { environment, files, arguments: [script] }));
      const lines: LogLine[] = [];
      for await (const line of lane.driver.followLog(ID, undefined, AbortSignal.timeout(20_000))) {
        lines.push(line);
        if (line.text === 'done') break;
      }
      const texts = textsOf(lines);
      assert.equal(texts[0], 'file-secret-1');
      for (const wanted of [`SECRET=${environment.SECRET}`, 'EMPTY=', 'one', 'two "quoted" \\ $HOME'])
        assert.ok(texts.includes(wanted), wanted);
      assert.ok(texts.includes(`OPSTREAM_INSTANCE=${ID}`) && texts.includes('DATAOS_SECRET_DIR=/run/secrets/opstream'));

      const { stdout: commandLines } = await exec('ps', ['-ww', '-eo', 'args']);
      assert.ok(
        commandLines.includes(engineName === 'podman' ? ID : 'containerd-shim'),
        'the container is among the processes',
      );
      for (const secret of ['file-secret-1', 'env secret', 'two "quoted"']) {
        assert.ok(!commandLines.includes(secret), secret);
        const command = await real().run(
          'inspect',
          '--format',
          `{{json .Config.Cmd}} {{json .${engineName === 'podman' ? 'Config.CreateCommand' : 'Args'}}}`,
          lane.nameOf(ID),
        );
        assert.ok(!command.includes(secret), secret);
      }
      const all = await real().run('inspect', lane.nameOf(ID));
      assert.ok(!all.includes('file-secret-1'));
      context.diagnostic('variables, secret ones too, are in inspect');
      assert.ok(all.includes('env secret'));

      const place = join(lane.folder, 'containers', 'opstream', ID);
      assert.deepEqual(readdirSync(place).sort(), ['at-work', 'secrets']);
      await assert.rejects(
        real().run('exec', lane.nameOf(ID), '/bin/sh', '-c', 'echo x > /run/secrets/opstream/token'),
      );
      await lane.driver.stop(ID, 0);
      assert.equal(existsSync(place), false);
    });

    it('says what is missing: the image, the program, the engine', async () => {
      const noImage = lane.spec(PATIENT, { image: 'localhost:1/nobody/nothing:1', registryConfig: '{"auths":{}}' });
      await assert.rejects(lane.driver.start(noImage), {
        code: 'COMPONENT_NOT_STARTABLE',
        message:
          /^image localhost:1\/nobody\/nothing:1 is not on this machine and cannot be pulled with the credentials/,
      });
      await assert.rejects(lane.driver.start(lane.spec(PATIENT, { command: ['/opt/none'] })), {
        code: 'COMPONENT_NOT_STARTABLE',
        message: /^\/opt\/none cannot be run in image localhost\/opstream-test:1: /,
      });
      await assert.rejects(lane.driver.start(lane.spec(PATIENT, { image: '--privileged' })), {
        code: 'COMPONENT_NOT_STARTABLE',
      });
      assert.deepEqual(await lane.driver.list(), []);
      assert.deepEqual(readdirSync(join(lane.folder, 'containers', 'opstream')), []);
      const without = createContainerDriver({ ...lane.options, program: 'no-such-engine' });
      await assert.rejects(without.list(), { code: 'COMPUTE_UNAVAILABLE', message: /no-such-engine cannot be run/ });
      await assert.rejects(without.start(lane.spec(PATIENT)), { code: 'COMPUTE_UNAVAILABLE' });
    });

    it('brings an image from its registry, with the credentials of its secret and not without', async () => {
      const login = { username: 'puller', password: 'pull-secret-1' };
      const registry = await startImageRegistry({ layerPath: real().layerPath, ...login });
      try {
        const { address, image } = registry;
        const environment = { ...process.env, ...real().trusting(address) };
        const pulling = createContainerDriver({ ...lane.options, environment });
        await assert.rejects(pulling.start(lane.spec(PATIENT, { image })), {
          code: 'COMPONENT_NOT_STARTABLE',
          message: new RegExp(`^image ${image} is not on this machine and cannot be pulled without credentials: .`),
        });
        assert.ok(registry.refused > 0 && registry.served === 0);
        const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
        const registryConfig = JSON.stringify({ auths: { [address]: { auth } } });
        await pulling.start(lane.spec(PATIENT, { image, registryConfig }));
        await waitFor(async () => (await pulling.list())[0]?.isReady, { what: 'it to be ready' });
        assert.equal(registry.served, 1);
        assert.ok(!(await real().run('inspect', lane.nameOf(ID))).includes(auth));
        assert.deepEqual(readdirSync(join(lane.folder, 'containers', 'opstream', ID)), ['at-work', 'secrets']);
        // It is here now: nothing is pulled again.
        await pulling.stop(ID, 0);
        await pulling.start(lane.spec(PATIENT, { image }));
        assert.equal(registry.served, 1);
      } finally {
        await registry.close();
      }
    });

    it('gives free ports on the host, where /readyz is asked', async () => {
      const script =
        'echo "$METRIC_PORT"; mkdir /tmp/www; echo ok > /tmp/www/readyz; exec httpd -f -p "127.0.0.1:$METRIC_PORT" -h /tmp/www';
      const ports = [{ name: 'metrics', servicePort: 9464, targetPort: 9464 }];
      const change = { ports, environment: { METRIC_PORT: '9464' } };
      await lane.driver.start(lane.spec(script.replace('mkdir', 'busybox mkdir'), change));
      await lane.driver.start(
        lane.spec(script.replace('mkdir', 'busybox mkdir'), { ...change, id: 'op.worker.1.abc', replica: 1 }),
      );
      const both = await waitFor(
        async () => {
          const listed = await lane.driver.list();
          return listed.length === 2 && listed.every(({ isReady }) => isReady) ? listed : undefined;
        },
        { what: 'both to be ready' },
      );
      const addresses = both.map((one) => one.addresses['metrics'] ?? '');
      assert.equal(new Set(addresses).size, 2);
      for (const address of addresses) assert.equal(await (await fetch(`http://${address}/readyz`)).text(), 'ok\n');
    });
  });

  describe(`the log of a container of ${engineName}`, { skip }, () => {
    beforeEach(() => {
      lane = openContainerLane(real());
    });
    afterEach(() => lane.close());

    it('is read from any line on, without loss and without doubling', async () => {
      const script =
        'for i in 1 2 3 4 5 6 7 8 9 10; do echo "out $i"; echo "err $i" >&2; done; head -c 40000 /dev/zero | tr "\\0" x; echo; echo end';
      await lane.driver.start(lane.spec(script));
      const all = await lane.read();
      assert.equal(all.length, 22);
      assert.deepEqual(textsOf(all).slice(-1), ['end']);
      assert.equal(textsOf(all).at(-2)?.length, 40_000);
      assert.deepEqual(
        textsOf(all, 'stderr'),
        Array.from({ length: 10 }, (_, index) => `err ${index + 1}`),
      );
      for (const [index, { position }] of all.entries()) {
        if (index % 5 !== 0) continue;
        const later = await lane.read(position);
        for (const output of ['stdout', 'stderr'] as const)
          assert.deepEqual(textsOf(later, output), textsOf(all.slice(index + 1), output));
      }
    });

    it('is followed while it runs, and no engine stays behind when the reader goes', async () => {
      await lane.driver.start(lane.spec('i=0; while true; do i=$((i+1)); echo "line $i"; sleep 0.05; done'));
      const lines = await lane.read(undefined, 20);
      assert.deepEqual(
        textsOf(lines),
        Array.from({ length: 20 }, (_, index) => `line ${index + 1}`),
      );
      await waitFor(async () => !(await exec('ps', ['-ww', '-eo', 'args'])).stdout.includes('logs --timestamps'), {
        what: 'the follower to be gone',
      });
    });
  });
};
