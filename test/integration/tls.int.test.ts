// A server that speaks TLS only, and asks for a certificate: what is said when it does not come about, and an instance with its components
// over it. The keys in fixtures/tls are for these tests and open nothing else; their authority's own key was thrown away.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { join } from 'node:path';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { endComponents } from '../../src/compute/instance-records.ts';
import type { Fault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { connectNats, type NatsOptions } from '../../src/jetstream/connection.ts';
import { temporaryFolder } from '../support/children.ts';
import { datasetOf, mustApply } from '../support/manifests.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, root } from '../support/processes.ts';
import { startInstance } from '../support/running-instance.ts';
import { silentLog } from '../support/silent-log.ts';
import { supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const pem = (name: string): string => join(root, 'test', 'fixtures', 'tls', `${name}.pem`);
const files = { caFile: pem('authority'), certFile: pem('client'), keyFile: pem('client-key') };
const configuration = [
  ...['tls {', `cert_file: "${pem('server')}"`, `key_file: "${pem('server-key')}"`],
  ...[`ca_file: "${pem('authority')}"`, 'verify: true', '}'],
].join('\n');

describe('a connection over TLS', () => {
  let secure: TestServer;
  let open: TestServer;
  before(async () => {
    [secure, open] = await Promise.all([startNatsServer({ configuration }), startNatsServer()]);
  });
  after(() => Promise.all([secure.stop(), open.stop()]));

  const connect = (options: Partial<NatsOptions>, server = secure) =>
    connectNats({ url: server.url, name: 'test', log: silentLog, waitForServer: false, ...options });
  /** Refused for good, with a reason that says what to do and no word of what is secret. */
  const refused = async (code: Fault['code'], message: RegExp, options: Partial<NatsOptions>, server = secure) =>
    assert.rejects(connect(options, server), (error: Fault) => {
      assert.deepEqual([error.code, error.retry], [code, 'never'], String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hidden-word/);
      return true;
    });

  it('comes about with the certificates that are named', async () => {
    const connection = await connect({ tls: files });
    assert.equal(connection.isUp, true);
    await connection.close();
  });

  it('is refused with the reason when it cannot be', async () => {
    await refused('NATS_UNREACHABLE', /no TLS with this server \([A-Z_]+\); --nats-ca names/, {});
    await refused('NATS_UNREACHABLE', /no TLS with this server/, { tls: { caFile: pem('client') } });
    const mixed = { ...files, keyFile: pem('server-key') };
    await refused('NATS_UNREACHABLE', /TLS cannot be set up with this certificate and key/, { tls: mixed });
    await refused('CONFIG_INVALID', /none\.pem \(certificate of the authority\) cannot be read: ENOENT/, {
      tls: { caFile: pem('none') },
    });
    await refused('CONFIG_INVALID', /none\.pem \(credentials of NATS\) cannot be read/, {
      credentialsPath: pem('none'),
    });
    await refused('NATS_UNREACHABLE', /file of credentials holds none/, { tls: files, credentialsPath: pem('client') });
  });

  it('is never given up for one in the clear', async () => {
    await refused('NATS_UNREACHABLE', /TLS is asked for, and the server does not speak it/, { tls: files }, open);
    const url = open.url.replace('nats://', 'tls://me:hidden-word@');
    await refused('NATS_UNREACHABLE', /connecting to tls:\/\/127\.0\.0\.1:\d+: TLS is asked for/, { url }, open);
  });
});

describe('an instance on a server with TLS', () => {
  const operator = (name: string, change: JsonObject = {}): JsonObject => {
    const manifest = supervisedOperator(name, {
      command: ['node', '--import', import.meta.resolve('tsx'), join(root, 'test', 'support', 'dataset-program.ts')],
      environmentVars: {
        METRIC_PORT: 0,
        ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${name}.dataset`,
        OPSTREAM_LEASE_TTL: '1s',
      },
    }) as { operator: JsonObject };
    return { ...manifest, operator: { ...manifest.operator, ...change } } as JsonObject;
  };

  it('has its components there, and those of an own server on that', async () => {
    const data = temporaryFolder();
    const instance = await startInstance({
      server: { configuration },
      access: { natsCa: files.caFile, natsCert: files.certFile, natsKey: files.keyFile },
      env: {
        OPSTREAM_COMPUTES: 'runnable-default=process',
        OPSTREAM_DATA: data.path,
        OPSTREAM_NATS_SERVER: process.env['OPSTREAM_NATS_SERVER'] ?? (await findNatsServer()),
        OPSTREAM_NATS_CA: files.caFile,
        OPSTREAM_NATS_CERT: files.certFile,
        OPSTREAM_NATS_KEY: files.keyFile,
        OPSTREAM_COMPONENT_NATS_CERT: files.certFile,
        OPSTREAM_COMPONENT_NATS_KEY: files.keyFile,
      },
    });
    try {
      await mustApply(instance.client, operator('shared'));
      const own = { natsClusterConfig: { name: 'own-nats', compute: 'runnable-default' } };
      await mustApply(instance.client, operator('lone', own));
      for (const name of ['shared', 'lone']) {
        await mustApply(instance.client, datasetOf(name, `of-${name}`, { rows: 1 }));
        await waitFor(
          async () => {
            const target = { type: 'resource', workspace: 'public', name: `of-${name}` } as const;
            const answer = await instance.client.query('get', target);
            return answer.ok && answer.value.summary.status === 'active';
          },
          { what: `of-${name} to be active`, timeoutMs: 60_000, intervalMs: 100 },
        );
      }
    } finally {
      await instance.stop();
      await endComponents(data.path, 3000);
      data.remove();
    }
  });
});
