// Containers in a network of their own, on a real podman with a bridge: which ports of this machine lead to them. Where no bridge can be made
// the tests are skipped and say so.

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { createContainerDriver } from '../../src/compute/container-driver.ts';
import type { ComputeDriver, InstanceSpec } from '../../src/engine/supervision/ports.ts';
import { startContainerEngine, type TestEngine } from '../support/container-engine.ts';
import { openContainerLane } from '../support/container-lane.ts';
import { waitFor } from '../support/wait-for.ts';

const OWN_NETWORK = ['--network', 'bridge', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];

const withBridge = async (): Promise<TestEngine | string> => {
  const engine = await startContainerEngine('podman');
  if (typeof engine === 'string') return engine;
  try {
    await engine.run('run', '--rm', ...OWN_NETWORK, '--publish', '127.0.0.1::8080', engine.image, '/bin/sh', '-c', ':');
    return { ...engine, runFlags: OWN_NETWORK };
  } catch (error) {
    await engine.remove();
    return `podman makes no bridge here: ${(error as Error).message.trim().split('\n').at(-1)}`;
  }
};
const engine = await withBridge();
const skip = typeof engine === 'string' ? engine : false;
if (typeof engine === 'string')
  process.stderr.write(`tests of containers in a network of their own are skipped: ${engine}\n`);

const listening = (port = 0): Promise<{ readonly server: Server; readonly port: number }> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
const aFreePort = async (): Promise<number> => {
  const { server, port } = await listening();
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** Tells who it is, and which port it was told to listen on. */
const SERVE =
  'busybox mkdir /tmp/www; echo "$OPSTREAM_INSTANCE $OPSTREAM_PORT_WEB_UI" > /tmp/www/who; exec httpd -f -p "$OPSTREAM_PORT_WEB_UI" -h /tmp/www';

const whoAt = (address = ''): Promise<string> =>
  waitFor(
    () =>
      fetch(`http://${address}/who`).then(
        async (answer) => (await answer.text()).trim(),
        () => undefined,
      ),
    { what: `an answer at ${address}`, timeoutMs: 20_000, intervalMs: 100 },
  );

describe('a container in a network of its own', { skip }, () => {
  let lane: ReturnType<typeof openContainerLane>;
  let servicePort: number;

  const startReplica = async (replica: number, driver: ComputeDriver = lane.driver, revision = 'abc') => {
    const id = `op.worker.${replica}.${revision}`;
    const change: Partial<InstanceSpec> = { id, replica, revision };
    const ports = [{ name: 'web-ui', servicePort, targetPort: 8080 }];
    const { addresses } = await driver.start(lane.spec(SERVE, { ...change, ports }));
    // Its own port is the target port in any case.
    assert.equal(await whoAt(addresses['web-ui']), `${id} 8080`);
    return addresses['web-ui'];
  };

  beforeEach(async () => {
    if (typeof engine === 'string') return;
    lane = openContainerLane(engine);
    servicePort = await aFreePort();
  });
  afterEach(() => lane.close());
  after(async () => {
    if (typeof engine !== 'string') await engine.remove();
  });

  it('is reached at its service port, one replica at a time', async () => {
    const wanted = `127.0.0.1:${servicePort}`;
    assert.equal(await startReplica(0), wanted);
    assert.notEqual(await startReplica(1), wanted);
    await lane.driver.stop('op.worker.0.abc', 0);
    assert.equal(await startReplica(0, lane.driver, 'def'), wanted);
  });

  it('is reached at another port where that is taken', async () => {
    const { server } = await listening(servicePort);
    try {
      assert.match((await startReplica(0)) ?? '', new RegExp(`^127\\.0\\.0\\.1:(?!${servicePort}$)\\d+$`));
    } finally {
      server.close();
    }
  });

  it('is reached at another port where the engine refuses it', async () => {
    const path = join(lane.folder, 'refusing-engine');
    const refuse = `case "$*" in *127.0.0.1:${servicePort}:8080*) echo "port is taken" >&2; exit 126;; esac`;
    writeFileSync(path, `#!/bin/sh\n${refuse}\nexec ${lane.options.program} "$@"\n`);
    chmodSync(path, 0o755);
    const driver = createContainerDriver({ ...lane.options, program: path });
    assert.notEqual(await startReplica(0, driver), `127.0.0.1:${servicePort}`);
  });
});
