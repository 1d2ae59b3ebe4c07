// An account at its limit: what a client and doctor are told, that a refused command leaves nothing, and that everything goes on when there is room.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import { leakGuard } from '../support/children.ts';
import { api, fill } from '../support/jetstream.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

/** The stream of logs reserves 256 MiB of it. */
const configuration = `
accounts { A { jetstream { max_file: 276MB }, users: [ { user: a, password: a } ] } }
no_auth_user: a`;
const MIB = 1024 * 1024;

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ server: { configuration } });
  await mustApply(instance.client, operatorNamed('op'));
  await api(instance.connection, 'STREAM.CREATE.FILL', { name: 'FILL', subjects: ['fill'], storage: 'file' });
});
after(() => instance.stop());

describe('an account at its limit', () => {
  const doctor = () => opstreamAt(instance.server.url, 'doctor');
  const resource = datasetOf('op', 'refused', { a: 1 });

  it('is told by the client and by doctor as JS_STORE_FULL', async () => {
    await waitFor(async () => (await doctor()).code === 0, { timeoutMs: 30_000, what: 'a whole instance' });
    const { connection } = instance;
    for (const size of [MIB / 2, 20_000, 500])
      await fill(connection, { subject: 'fill', count: 1000, size }).catch(() => undefined);
    await waitFor(
      () =>
        instance.client.send('apply', resource, { commandId: 'refused' }).then(
          () => false,
          (error: unknown) => isFault(error, 'JS_STORE_FULL'),
        ),
      { what: 'a refusal' },
    );
    const { code, out } = await doctor();
    assert.equal(code, 1);
    assert.match(out, /^FAIL store: JS_STORE_FULL: the account has used 275 MiB of the 276 MiB/m);
  });

  it('stores nothing of what it refused, and takes the same command when there is room', async () => {
    await api(instance.connection, 'STREAM.PURGE.FILL');
    const receipt = await waitFor(
      () => mustApply(instance.client, resource, { commandId: 'refused' }).catch(() => undefined),
      { what: 'the command to be taken' },
    );
    assert.equal(receipt.entity?.generation, 1);
    const events = await instance.messages(instance.names.streams.events, ['opstream.event.*.resource.public.refused']);
    assert.equal(events.length, 1);
    await waitFor(async () => (await doctor()).code === 0, { timeoutMs: 30_000, what: 'doctor to be content' });
  });
});
