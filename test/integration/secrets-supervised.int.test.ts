// P11 with components that run: they are given their secrets as their manifests say, also those of the operator page, keep running through a
// rotation of the keys, and tell all they know to their outputs; then everything is searched for it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findNatsServer } from '../../scripts/nats-server.mjs';
import { componentsFolder, endComponents, outputFile } from '../../src/compute/instance-records.ts';
import { decodeLogMessage, type LoggedLine } from '../../src/messages/component-log.ts';
import { temporaryFolder } from '../support/children.ts';
import { givenTo, type Given } from '../support/given-to-component.ts';
import { mustApply } from '../support/manifests.ts';
import { createScan, needlesOf } from '../support/plain-text-scan.ts';
import { leakGuard, root } from '../support/processes.ts';
import type { RunningInstance } from '../support/running-instance.ts';
import { createSecretsInstance, keyLine } from '../support/secrets-instance.ts';
import { manifestOf, secretsOfAllTypes, takingOperator, tellingComponent } from '../support/secrets-taken.ts';
import { componentOf, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const SEED = 'azure-data-factory';
const k1 = keyLine('k1');
const k2 = keyLine('k2');
const lane = createSecretsInstance();
const { plain, plains, opstream, fileOf, writeKeys } = lane;
const data = temporaryFolder();
const components = componentsFolder(data.path, 'opstream');
const all = secretsOfAllTypes(plain);
const apiKey = plain();
let instance: RunningInstance;

before(async () => {
  instance = await lane.start(k1, {
    OPSTREAM_COMPUTES: 'runnable-default=process',
    OPSTREAM_DATA: data.path,
    OPSTREAM_NATS_SERVER: await findNatsServer(),
    OPSTREAM_RESTART_PAUSE: '20ms',
    OPSTREAM_STOP_GRACE: '2s',
    OPSTREAM_LOCAL_IMAGES: fileOf(
      'local-images.yaml',
      JSON.stringify({ 'docker.io/rubiklabs/azure-operator': { command: ['node', tellingComponent] } }),
    ),
  });
});
after(async () => {
  await lane.stop();
  await endComponents(data.path, 500);
  data.remove();
});

const only = async (operator: string): Promise<Given> => {
  const [given] = await givenTo(instance.client, operator);
  assert.ok(given !== undefined);
  return given;
};
const taken = (): Promise<Given> => only('taker');
const allGiven = async (): Promise<readonly Given[]> => [await taken(), ...(await givenTo(instance.client, SEED, 2))];

/** What is in OPSTREAM_LOGS, with the instance that printed it. */
const stored = async (): Promise<readonly (LoggedLine & { readonly instance: string })[]> =>
  (await instance.messages(instance.names.streams.logs)).flatMap((message) => {
    const decoded = decodeLogMessage(message.data);
    return (decoded?.lines ?? []).map((line) => ({ ...line, instance: decoded?.instance ?? '' }));
  });

/** An operator whose component is changed: when it is ready, the runtime has looked at all of them. */
const untilLooked = async (word: string): Promise<void> => {
  await mustApply(instance.client, supervisedOperator('marker', { environmentVars: { METRIC_PORT: 0, MARK: word } }));
  await waitFor(async () => (await only('marker')).env['MARK'] === word, {
    what: `the marker ${word}`,
    timeoutMs: 20_000,
  });
};

describe('P11 a component', () => {
  it('P11 is given secrets of every type by key, keys and allKeys, for each consumptionType', async () => {
    for (const [name, secret] of Object.entries(all)) await mustApply(instance.client, manifestOf(name, secret));
    for (const name of ['taker', 'brief']) await mustApply(instance.client, takingOperator(name));
    const { env, secrets } = await taken();
    assert.deepEqual((await only('brief')).secrets, secrets);
    assert.ok((await lane.send('delete', { type: 'operator', name: 'brief' })).accepted);
    const { tokens, database, tls, kernel, pull } = all;
    assert.deepEqual(Object.fromEntries(secrets.map(({ name, text }) => [name, text])), {
      'not-asked-for': tokens.data['not-asked-for'],
      'tls.crt': tls.data['tls.crt'],
      'tls.key': tls.data['tls.key'],
      'database.properties': [
        `USER=${database.data.USER}\n`,
        `PASSWORD=${database.data.PASSWORD.replace('ä', '\\u00e4').replace('\\ ', '\\\\ ')}\n`,
      ].join(''),
      'kernel.properties': [
        `second=${kernel.data.second.replace('é', '\\u00e9').replace('\n', '\\n')}\n`,
        `first=${kernel.data.first}\n`,
      ].join(''),
      password: pull.data.password,
    });
    const variables = {
      ...{ TOKEN: tokens.data.TOKEN, OTHER: tokens.data.OTHER },
      ...{ NOTE: database.data.NOTE, DATABASE_PROPERTIES: `NOTE=${database.data.NOTE}\n` },
    };
    for (const [name, text] of Object.entries(variables)) assert.equal(env[name], text, name);
    const secret = Object.keys(env).filter((name) => plains.some((text) => env[name]?.includes(text)));
    assert.deepEqual(secret.sort(), Object.keys(variables).sort());
    assert.deepEqual([...new Set(secrets.map(({ mode }) => mode))], [0o600]);
  });

  it("P11 is given the page's secret, both manifests as the page has them, applied as it says", async () => {
    const page = (name: string): string => readFileSync(join(root, 'test', 'fixtures', 'manifests', name), 'utf8');
    const values: Record<string, string> = {};
    const secret = page('seed-secret.published.yaml').replaceAll(/([A-Z_]+): \$\{\{azure [^}]+\}\}/g, (_all, name) => {
      values[String(name)] = plain();
      return `${String(name)}: ${values[String(name)]}`;
    });
    const applied = await opstream('apply', '-f', fileOf('secret.yaml', secret), '-w', 'user-system');
    assert.equal(applied.code, 0, applied.output);
    const operator = fileOf('operator.yaml', page('seed-operator-secret-reference.corrected.yaml'));
    const second = await opstream('apply', '-f', operator);
    assert.equal(second.code, 0, second.output);

    const given = await givenTo(instance.client, SEED, 2);
    const names = ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_SUBSCRIPTION_ID'];
    assert.deepEqual(Object.keys(values), names);
    for (const { env, secrets } of given) {
      assert.deepEqual(Object.fromEntries(names.map((name) => [name, env[name]])), values);
      assert.equal(env['ADF_OPERATOR_PROPERTIES'], names.map((name) => `${name}=${values[name]}\n`).join(''));
      assert.deepEqual(secrets, []);
      assert.equal(env['OPERATOR_STATE_STORE_TYPE'], 'jetstream_kv');
      assert.equal(env['MESSAGE_DURABILITY'], 'true');
      assert.equal(env['DATAOS_RUN_AS_USER'], 'minerva-cluster');
      assert.equal(env['ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT'], 'adf.pipeline.run');
      // adf-nats: a server of its own.
      assert.notEqual(env['OPSTREAM_NATS_URL'], instance.server.url);
    }
    const words = JSON.stringify(['operator', 'adf', '--electionStateFile', '/opt/tmdc-io/leader-election.log']);
    await waitFor(async () => (await stored()).filter(({ text }) => text.includes(words)).length === 2, {
      what: 'the arguments of both',
    });
  });
});

describe('apply --wait of a secret', () => {
  it('ends when the components that refer to it run with it, and not before', async () => {
    const applied = (word: string) =>
      opstream(
        'apply',
        '-f',
        fileOf('waited.yaml', JSON.stringify(manifestOf('waited', { type: 'key-value', data: { WAITED: word } }))),
        '--wait=30s',
      );
    const [first, second] = [plain(), plain()];
    const stored = await applied(first);
    assert.equal(stored.code, 0, stored.output);
    await mustApply(instance.client, supervisedOperator('waiter', { secrets: [{ name: 'waited', allKeys: true }] }));
    assert.equal((await only('waiter')).env['WAITED'], first);
    const { code, output } = await applied(second);
    assert.equal(code, 0, output);
    // No waiting here: it is so when the command ends.
    const component = await componentOf(instance.client, 'waiter');
    const address = component?.instances.find(({ state }) => state === 'ready')?.addresses['metrics'];
    const answer = (await (await fetch(`http://${address}/environment`)).json()) as Pick<Given, 'env'>;
    assert.equal(answer.env['WAITED'], second);
    assert.ok((await lane.send('delete', { type: 'operator', name: 'waiter' })).accepted);
  });
});

describe('P11 reseal', () => {
  let keyed: Given;

  it('P11 leaves components running, also under the next runtime, and new ones are given the same values', async () => {
    await mustApply(
      instance.client,
      supervisedOperator('keyed', { command: ['node', tellingComponent], runAsApiKey: apiKey }),
    );
    keyed = await only('keyed');
    assert.equal(keyed.env['DATAOS_RUN_AS_APIKEY'], apiKey);
    const before = await allGiven();
    writeKeys(k2, k1);
    await lane.untilSealedWith('k2');
    const resealed = await opstream('reseal');
    assert.equal(resealed.code, 0, resealed.output);
    const seen = await Promise.all(Object.keys(all).map((name) => lane.get(name)));
    assert.ok(seen.every((answer) => answer.ok && JSON.stringify(answer.value).includes('(sealed, key k2)')));
    await untilLooked('resealed');
    assert.deepEqual(await allGiven(), before);

    // The old key is taken out: what was sealed with it cannot be opened any more.
    writeKeys(k2);
    lane.logs.push((await instance.replace('operator-runtime')).output);
    await untilLooked('replaced');
    assert.deepEqual(await allGiven(), before);

    const [old] = before;
    process.kill(old?.pid ?? 0, 'SIGKILL');
    const next = await waitFor(() => taken().then((one) => (one.pid === old?.pid ? undefined : one)), {
      what: 'the next one',
    });
    assert.deepEqual(next.secrets, old?.secrets);
    const { METRIC_PORT: _oldPort, ...oldVariables } = old?.env ?? {};
    const { METRIC_PORT: _port, ...variables } = next.env;
    assert.deepEqual(variables, oldVariables);
  });

  it('P11 leaves a component with a runAsApiKey running too', async () => assert.deepEqual(await only('keyed'), keyed));
});

describe('P11 what a component prints', () => {
  /** Ids of the instances that tell. */
  const tellers = (): readonly string[] =>
    readdirSync(components).filter((id) => /^(?:taker|brief|keyed|azure-data-factory\.adf-controller)\./.test(id));
  const outputs = ['stdout', 'stderr'] as const;
  /** Secret files of live components. */
  const handedFiles = (): readonly string[] =>
    readdirSync(components, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('/secrets/'))
      .map((name) => join(components, name));

  it('P11 is in its logs with *** in the place of each secret', async () => {
    const isWhole = async (): Promise<boolean> => {
      const told = (await stored()).filter(({ text }) => text.startsWith('told '));
      return tellers().every((id) =>
        outputs.every((output) => {
          const printed = readFileSync(outputFile(components, id, output), 'utf8').match(/^told /gm) ?? [];
          return told.filter((line) => line.instance === id && line.output === output).length === printed.length;
        }),
      );
    };
    await waitFor(isWhole, { what: 'everything that was told', timeoutMs: 20_000, intervalMs: 100 });
    for (const flags of [
      ['-n', 'taker'],
      ['-n', SEED, '-o', 'json'],
    ]) {
      const logs = await opstream('logs', '-t', 'operator', '--tail', '-1', ...flags);
      assert.equal(logs.code, 0, logs.output);
    }
    const lines = (await stored()).filter(({ instance: id }) => /^(?:taker|keyed)\./.test(id));
    for (const output of outputs) {
      const texts = new Set(lines.filter((line) => line.output === output).map(({ text }) => text.trimEnd()));
      for (const masked of [
        ...['tell TOKEN ***', 'json TOKEN {"text":"***"}', 'url TOKEN https://example.com/?a=***', 'base64 TOKEN ***'],
        ...['tell DATAOS_RUN_AS_APIKEY ***', 'tell password ***', 'tell tls.crt -----BEGIN CERTIFICATE-----', '***'],
        ...[
          'tell database.properties:USER ***',
          'tell database.properties:PASSWORD ***',
          'tell OPSTREAM_OPERATOR taker',
        ],
      ])
        assert.ok(texts.has(masked), `${output} has no line "${masked}": ${[...texts].slice(0, 40).join('\n')}`);
    }
  });

  it('P11 leaves no secret file behind when its operator goes', async () => {
    const isGone = (): boolean => handedFiles().every((file) => file.includes('taker.'));
    await waitFor(isGone, { what: 'the secret files to be gone', timeoutMs: 20_000 });
  });

  it('P11 is nowhere else in the clear but in its own files, which are its alone', async (t) => {
    const scan = createScan(needlesOf(plains));
    const streams = await scan.streams(instance);
    for (const log of lane.logs) scan.text('log', 'log', log());
    for (const output of lane.printed) scan.text('output', 'output', output);
    for (const answer of lane.answers) scan.text('answer', 'answer', answer);
    for (const message of lane.live) scan.text('live', 'live event', message);
    scan.folder('disk', instance.server.storeDir);
    const printed = tellers().flatMap((id) => outputs.map((output) => outputFile(components, id, output)));
    const handed = handedFiles();
    scan.folder('data', data.path, (file) => handed.includes(file) || printed.includes(file));
    const counts = JSON.stringify(Object.fromEntries([...scan.counts].map(([kind, { items }]) => [kind, items])));
    t.diagnostic(`searched for ${plains.length} values in ${streams.length} streams: ${counts}`);
    assert.deepEqual(scan.finds, []);
    const at = (kind: string): number => scan.counts.get(kind)?.items ?? 0;
    assert.ok(streams.includes(instance.names.streams.logs) && at('stream') >= 30 && at('bucket') >= 10, counts);
    assert.ok(at('disk') >= 20 && at('data') >= 10 && at('output') >= 5 && at('log') >= 5, counts);

    assert.equal(handed.length, 6);
    for (const file of [...handed, ...printed]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
      assert.equal(statSync(dirname(file)).mode & 0o777, 0o700, file);
    }
    // It was told indeed: what is masked above is in the file that the component writes.
    const raw = createScan(needlesOf(plains));
    for (const file of printed) raw.text(file, file, readFileSync(file, 'utf8'));
    assert.deepEqual(
      printed.filter((file) => !raw.finds.some(({ where }) => where === file)),
      [],
    );
  });
});
