// `opstream verify`, `rebuild` and `doctor` on views that are not what their streams say: they tell it, they end, and what differs is put right
// while queries are answered.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard, nodeArguments } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
  await mustApply(instance.client, operatorNamed('op'));
  for (const name of ['a', 'b', 'c']) await mustApply(instance.client, datasetOf('op', name, { value: 1 }));
});
after(() => instance.stop());

const cli = (...argv: readonly string[]): Promise<{ readonly code: number; readonly text: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, OPSTREAM_NATS_URL: instance.server.url };
    const child = execFile(
      process.execPath,
      [...nodeArguments('src/cli/main.ts'), ...argv],
      { env, timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, text: `${stdout}${stderr}` }),
    );
  });

/** As `nats kv put` and `nats kv del` do it. */
const byHand = async (bucket: string, key: string, text: string | undefined): Promise<void> => {
  const data = text === undefined ? undefined : new TextEncoder().encode(text);
  await createKeyValueStore(instance.connection, bucket).commit([{ key, data }]);
};

const CHECKPOINT = 'checkpoint.OPSTREAM_EVENTS.all';
const listed = async () => {
  const answer = await instance.client.query('list', { type: 'resource' });
  assert.ok(answer.ok);
  return answer.value.items.map(({ name }) => name).filter((name) => name.length === 1);
};
const visible = async (name: string): Promise<void> => {
  const receipt = await mustApply(instance.client, datasetOf('op', name, { value: 1 }));
  const query = { type: 'resource', workspace: 'public', name };
  await waitFor(
    async () => {
      const minSequence = receipt.events[0]?.sequence ?? 0;
      const answer = await instance.client.query('get', { ...query, minSequence, waitMs: 1000 }).catch(() => undefined);
      return answer?.ok === true && answer.value.stale !== true;
    },
    { what: `${name} to be visible`, timeoutMs: 15_000 },
  );
};

describe('rebuild', () => {
  it('needs a view that there is, or --all', async () => {
    assert.equal((await cli('rebuild')).code, 2);
    const unknown = await cli('rebuild', 'entitys');
    assert.equal(unknown.code, 2);
    assert.match(unknown.text, /did you mean entities/);
  });

  it('puts right whatever was done to documents, while no query fails', { timeout: 120_000 }, async () => {
    const { entities, operators, secrets } = instance.names.buckets;
    const right = await createKeyValueStore(instance.connection, entities).get('entity.public.b');
    const changed = new TextDecoder().decode(right?.data).replace('"generation":1', '"generation":8');
    await byHand(entities, 'entity.public.a', undefined);
    await byHand(entities, 'entity.public.b', changed);
    await byHand(entities, 'entity.public.zz', '{}');
    await byHand(entities, 'what.is.this', 'x');
    await byHand(operators, 'status.op', '{}');
    await byHand(secrets, 'secret.public.zz', '{}');
    await byHand(secrets, 'secret.public.ahead', '{"sequence":1000000000000000}');
    const told = await cli('doctor');
    assert.equal(told.code, 1, told.text);
    assert.match(
      told.text,
      /FAIL documents of opstream-operators: 1 document cannot be read: status\.op; .*opstream rebuild/,
    );
    assert.match(told.text, /FAIL documents of opstream-entities: 1 document cannot be read: entity\.public\.zz/);
    const found = await cli('verify');
    assert.equal(found.code, 1, found.text);
    for (const told of [
      /missing entity\.public\.a\n/,
      /different entity\.public\.b\n/,
      /unexpected entity\.public\.zz\n/,
      /unexpected what\.is\.this\n/,
      /different status\.op\n/,
      /unexpected secret\.public\.zz\n/,
      /unexpected secret\.public\.ahead\n/,
      /opstream rebuild entities/,
    ])
      assert.match(found.text, told);
    let isOver = false;
    let asked = 0;
    const asking = (async () => {
      for (; !isOver; asked += 1) {
        assert.ok((await listed()).includes('c'));
        await mustApply(instance.client, datasetOf('op', `load-${asked % 7}`, { asked }));
      }
    })();
    const rebuilt = await cli('rebuild', '--all');
    isOver = true;
    await asking;
    assert.equal(rebuilt.code, 0, rebuilt.text);
    assert.ok(asked > 3);
    await visible('d');
    assert.deepEqual(await listed(), ['a', 'b', 'c', 'd']);
    const after = await cli('verify');
    assert.equal(after.code, 0, after.text);
    assert.match(after.text, /secrets in opstream-secrets .* compared, equal/);
  });

  it('is the answer to a checkpoint that cannot be read', { timeout: 120_000 }, async () => {
    await byHand(instance.names.buckets.entities, CHECKPOINT, 'garbage');
    const doctor = await cli('doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.text, /checkpoint\.OPSTREAM_EVENTS\.all cannot be read; .*opstream rebuild/);
    await mustApply(instance.client, datasetOf('op', 'e', { value: 1 }));
    const [projector] = instance.of('projector');
    await projector?.waitForLine('view stands still');
    const rebuilt = await cli('verify', '--repair');
    assert.equal(rebuilt.code, 0, rebuilt.text);
    await visible('f');
    assert.equal((await cli('doctor')).code, 0);
  });

  it(
    'is the answer to a view that is further than its stream, which everybody tells',
    { timeout: 120_000 },
    async () => {
      await byHand(instance.names.buckets.entities, CHECKPOINT, '{"stream":"OPSTREAM_EVENTS","sequence":1000000}');
      const query = { type: 'resource', workspace: 'public', name: 'a' };
      await waitFor(
        () =>
          instance.client.query('get', query).then(
            () => false,
            (error: unknown) =>
              isFault(error, 'VIEW_DAMAGED') && /#1000000.*stream ends at.*rebuild/.test(error.message),
          ),
        { what: 'queries to say so', timeoutMs: 10_000 },
      );
      for (const verb of ['doctor', 'verify']) {
        const told = await cli(verb);
        assert.equal(told.code, 1, told.text);
        assert.match(told.text, /#1000000, and the stream ends at #\d+.*opstream rebuild/);
      }
      await instance.replace('projector');
      await instance.of('projector')[0]?.waitForLine('view stands still');
      const rebuilt = await cli('rebuild', 'entities');
      assert.equal(rebuilt.code, 0, rebuilt.text);
      await visible('g');
      assert.ok((await instance.client.query('get', query)).ok);
    },
  );
});

describe('a stream with limits that lacks what they have not taken', () => {
  it('is told by doctor, and stops nothing', async () => {
    const { names, connection } = instance;
    const appender = createAppender(connection, names.streams.dead);
    const letter = (id: string) => ({ subject: names.dead('test'), id, data: new TextEncoder().encode('{}') });
    const [, sequence = 0] = await appender.append(['l-1', 'l-2', 'l-3'].map(letter));
    await appender.close();
    await (await connection.nc.jetstreamManager()).streams.deleteMessage(names.streams.dead, sequence);
    const doctor = await cli('doctor');
    assert.equal(doctor.code, 0, doctor.text);
    assert.match(
      doctor.text,
      new RegExp(`WARN OPSTREAM_DEAD: 1 message is missing, the first of them #${sequence}, .*backup`),
    );
  });
});

describe('what is none of ours', () => {
  it('is told by verify and doctor, and is no difference', async () => {
    instance.connection.nc.publish('opstream.event.05.resource.public.t1', new TextEncoder().encode('garbage'));
    await visible('h');
    const verified = await cli('verify');
    assert.equal(verified.code, 0, verified.text);
    assert.match(verified.text, /1 message set aside, none of ours/);
    assert.match(verified.text, /opstream\.event\.05\.resource\.public\.t1: not a JSON object/);
    const doctor = await cli('doctor');
    assert.equal(doctor.code, 0, doctor.text);
    assert.match(doctor.text, /set aside: \d+ messages? .*opstream verify/);
  });
});
