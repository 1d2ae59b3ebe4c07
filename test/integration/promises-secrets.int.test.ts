// P11: what is in a secret is nowhere in the clear: not in a stream or bucket, not on the server's disk, not in a log, an answer, a live event or
// what the command line prints. Secrets go through every door, in right and wrong ways; then everything is searched for them.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { consumeSecrets, secretPlacesOf } from '../../src/engine/supervision/secrets/consume-secrets.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import { openKeySource } from '../../src/vault/key-source.ts';
import { createVault } from '../../src/vault/vault.ts';
import { outcomeOf, publishDurably } from '../support/durable-door.ts';
import { api } from '../support/jetstream.ts';
import { datasetOf, mustApply, operatorNamed, together } from '../support/manifests.ts';
import { createScan, needlesOf } from '../support/plain-text-scan.ts';
import { leakGuard } from '../support/processes.ts';
import type { RunningInstance } from '../support/running-instance.ts';
import { createSecretsInstance, keyLine, referring, secretOf } from '../support/secrets-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const k1 = keyLine('k1');
const k2 = keyLine('k2');
const lane = createSecretsInstance();
const { plains, printed, answers, live, logs, writeKeys, untilSealedWith } = lane;
const { plain, send, get, opstream, fileOf, readerWith } = lane;
let instance: RunningInstance;
before(async () => {
  instance = await lane.start(k1);
});
after(() => lane.stop());

describe('P11 secrets by request', () => {
  const password = plain();
  const awkward = plain((core) => `ä "${core}" \\ 'x' & <y> %41 +/= `);

  it('P11 a secret as the operator page has it, without a type, is declared, and shown masked', async () => {
    const yaml = `name: adf-operator\nversion: v1\ndescription: the secrets\nsecret: \n    type: key-value-properties\n    acl: rw\n    data: \n        AZURE_CLIENT_ID: an-id\n        AZURE_CLIENT_SECRET: ${password}\n`;
    const receipt = await send('apply', new TextEncoder().encode(yaml), { workspace: 'user-system' });
    assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
    assert.deepEqual(receipt.entity, { kind: 'secret', workspace: 'user-system', name: 'adf-operator', generation: 1 });
    const answer = await instance.client.query('get', {
      type: 'secret',
      workspace: 'user-system',
      name: 'adf-operator',
      minSequence: receipt.events[0]?.sequence,
    });
    assert.ok(answer.ok && answer.value.type === 'secret');
    assert.deepEqual(answer.value.secret.manifest.secret.data, {
      AZURE_CLIENT_ID: '(sealed, key k1)',
      AZURE_CLIENT_SECRET: '(sealed, key k1)',
    });
    const again = await send('apply', new TextEncoder().encode(yaml), { workspace: 'user-system' });
    assert.equal(again.unchanged, true);
  });

  it('P11 a change keeps the sealed text of what stays, also from a cold handler; a patch changes one value', async () => {
    await mustApply(instance.client, secretOf('db', { USER: 'sa', PASSWORD: awkward, DSN: plain() }));
    logs.push((await instance.replace('command-handler')).output);
    const other = plain();
    const patched = await send('patch', {
      type: 'secret',
      name: 'db',
      patch: [{ op: 'replace', path: '/secret/data/DSN', value: other }],
    });
    assert.equal(patched.accepted, true, JSON.stringify(patched.rejection));
    const misshapen = await send('patch', { type: 'secret', name: 'db', patch: plain() });
    assert.equal(misshapen.rejection?.code, 'COMMAND_INVALID');
    const unchanged = await send('apply', secretOf('db', { USER: 'sa', PASSWORD: awkward, DSN: other }));
    assert.equal(unchanged.unchanged, true);
    const content = await readerWith(k1).read('public', 'db');
    assert.deepEqual(content?.data, { USER: 'sa', PASSWORD: awkward, DSN: other });
    const dry = await send('apply', secretOf('db', { USER: plain() }), { dryRun: true });
    assert.equal(dry.dryRun, true);
  });

  it('P11 documents of all three kinds are stored together or not at all', async () => {
    const value = plain();
    const documents = [
      datasetOf('using', 'of-using', {}),
      referring('using', 'shared'),
      secretOf('shared', { TOKEN: value }),
    ];
    const refused = await send('apply', together([...documents, datasetOf('nobody', 'lost', {})]));
    assert.equal(refused.rejection?.code, 'OPERATOR_NOT_FOUND');
    assert.equal((await get('shared')).ok, false);
    const receipt = await send('apply', together(documents));
    assert.equal(receipt.events.length, 3, JSON.stringify(receipt.rejection));
    assert.equal((await send('create', secretOf('shared', { TOKEN: plain() }))).rejection?.code, 'ALREADY_EXISTS');
  });

  it('P11 a credential in an operator is sealed as well', async () => {
    const key = plain();
    const manifest = operatorNamed('keyed') as unknown as { operator: { components: readonly object[] } };
    const components = manifest.operator.components.map((component) => ({ ...component, runAsApiKey: key }));
    const body = { ...manifest, operator: { ...manifest.operator, components } } as unknown as JsonObject;
    const receipt = await send('apply', body);
    assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
    assert.equal((await send('apply', body)).unchanged, true);
    const minSequence = receipt.events[0]?.sequence;
    const answer = await instance.client.query('get', { type: 'operator', name: 'keyed', minSequence });
    assert.ok(answer.ok && answer.value.type === 'operator');
    assert.equal(answer.value.operator.manifest.operator.components[0]?.runAsApiKey, '(sealed, key k1)');
  });

  const wrong: readonly (readonly [string, string, () => JsonObject | Uint8Array])[] = [
    ['a value that is a list', 'MANIFEST_INVALID', () => secretOf('bad', { A: [plain()] })],
    [
      'an unknown type',
      'MANIFEST_INVALID',
      () => ({ ...secretOf('bad', { A: plain() }), secret: { type: 'kv', acl: 'r', data: { A: plain() } } }),
    ],
    ['a kind that is misspelt', 'MANIFEST_INVALID', () => secretOf('bad', { A: plain() }, { type: 'secrets' })],
    [
      'a value that is too long',
      'MANIFEST_INVALID',
      () => secretOf('bad', { A: plain((core) => core.repeat(3000)).slice(0, 70_000) }),
    ],
    [
      'files',
      'MANIFEST_INVALID',
      () => ({
        ...secretOf('bad', {}),
        secret: { type: 'key-value', acl: 'r', data: { A: plain() }, files: { B: 'x' } },
      }),
    ],
    ['the mask', 'SECRET_INVALID', () => secretOf('bad', { A: '(sealed, key k1)', B: plain() })],
    [
      'a sealed value of nobody',
      'SECRET_INVALID',
      () =>
        secretOf('bad', { A: `sealed:v1:k1:${'A'.repeat(16)}.AAAA.${'A'.repeat(22)}.${'A'.repeat(43)}`, B: plain() }),
    ],
    [
      'YAML that breaks at the value',
      'MANIFEST_UNREADABLE',
      () =>
        new TextEncoder().encode(
          `name: bad\nversion: v1\nsecret:\n  type: key-value\n  acl: r\n  data:\n    A: |${plain()}\n    B: >-${plain()}\n    C: "${plain()}\n   D: ]${plain()}\n`,
        ),
    ],
    [
      'YAML with values as keys',
      'MANIFEST_UNREADABLE',
      () => {
        const twice = plain();
        return new TextEncoder().encode(
          `secret:\n  data:\n    ${twice}: a\n    ${twice}: b\n    *${plain()}: c\n    d: *${plain()}\n    ? [${plain()}]\n`,
        );
      },
    ],
    [
      'JSON that breaks at the value',
      'MANIFEST_UNREADABLE',
      () => new TextEncoder().encode(`{"name":"bad","secret":{"data":{"A":"${plain()}" "${plain()}"}}}`),
    ],
  ];
  for (const [what, code, body] of wrong) {
    it(`P11 ${what} is refused without a word of it`, async () => {
      const receipt = await send('apply', body());
      assert.equal(receipt.rejection?.code, code, JSON.stringify(receipt.rejection));
      for (const text of plains) assert.ok(!JSON.stringify(receipt).includes(text));
    });
  }
});

describe('P11 secrets by the durable door', () => {
  const bodies: readonly (readonly [string, string, string, () => JsonObject | Uint8Array])[] = [
    ['an apply', 'apply', 'SECRET_INVALID', () => secretOf('durable', { A: plain() })],
    [
      'a patch',
      'patch',
      'SECRET_INVALID',
      () => ({ type: 'secret', name: 'db', patch: [{ op: 'add', path: '/secret/data/NEW', value: plain() }] }),
    ],
    [
      'an operator with a credential',
      'apply',
      'SECRET_INVALID',
      () => {
        const manifest = operatorNamed('durable-keyed') as unknown as { operator: object };
        return {
          ...manifest,
          operator: { ...manifest.operator, natsClusterConfig: { name: 'n', compute: 'c', runAsApiKey: plain() } },
        } as unknown as JsonObject;
      },
    ],
    [
      'YAML that breaks',
      'apply',
      'MANIFEST_UNREADABLE',
      () => new TextEncoder().encode(`secret:\n  data:\n    A: |${plain()}\n`),
    ],
    [
      'a field that is misspelt',
      'apply',
      'MANIFEST_INVALID',
      () => ({ name: 'x', version: 'v1', type: 'secret', secrets: { data: { A: plain() } } }),
    ],
  ];
  for (const [index, [what, verb, code, body]] of bodies.entries()) {
    it(`P11 ${what} with values in the clear is refused and erased`, async () => {
      await publishDurably(instance, verb, body(), `durable-secret-${index}`);
      const outcome = await outcomeOf(instance, `durable-secret-${index}`);
      answers.push(JSON.stringify(outcome));
      assert.equal(outcome.rejection?.code, code, JSON.stringify(outcome.rejection));
    });
  }

  it('P11 a command that is set aside leaves its secret nowhere', async () => {
    const headers = { 'Opstream-Dry-Run': 'perhaps' };
    const body = encodeJson(secretOf('aside', { A: plain() }));
    await createRequester(instance.connection).request('opstream.cmd.apply', body, { timeoutMs: 5000, headers });
    const letter = await waitFor(async () => (await instance.messages(instance.names.streams.dead)).at(-1), {
      what: 'the dead letter',
    });
    assert.match(new TextDecoder().decode(letter.data), /withheld/);
  });

  it('P11 sealed values are taken', async () => {
    const text = plain();
    const vault = createVault(openKeySource({ keys: k1, keysFile: undefined }));
    await publishDurably(
      instance,
      'apply',
      secretOf('presealed', { A: vault.seal(text, 'secret/public/presealed/A') }),
      'presealed',
    );
    assert.equal((await outcomeOf(instance, 'presealed')).accepted, true);
    assert.deepEqual((await readerWith(k1).read('public', 'presealed'))?.data, { A: text });
  });

  it('P11 nothing waits in the command stream', async () => {
    const waiting = async (): Promise<number> => {
      const { state } = (await api(
        instance.connection,
        `STREAM.INFO.${instance.names.streams.commands}`,
      )) as unknown as {
        state: { messages: number };
      };
      return state.messages;
    };
    await waitFor(async () => (await waiting()) === 0, { what: 'an empty command stream' });
  });
});

describe('P11 secrets at the command line', () => {
  it('P11 apply, get, history, replay, diff, lint and patch show no value', async () => {
    const [first, second, inFile] = [
      plain(),
      plain(),
      plain((core) => `-----BEGIN CERTIFICATE-----\n${core}\n-----END-----\n`),
    ];
    fileOf('tls.crt', inFile);
    const manifest = (value: string): string =>
      `name: cli\nversion: v1\ntype: secret\nsecret:\n  type: certificate\n  acl: r\n  data:\n    KEY: "${value}"\n  files:\n    tls.crt: tls.crt\n`;
    const path = fileOf('secret.yaml', manifest(first));
    const applied = await opstream('apply', '-f', path, '--wait');
    assert.equal(applied.code, 0, applied.output);
    assert.match(applied.output, /applying\(public\) cli:v1:secret\.\.\.created/);
    assert.deepEqual((await readerWith(k1).read('public', 'cli'))?.data, { KEY: first, 'tls.crt': inFile });
    writeFileSync(path, manifest(second));
    const diff = await opstream('diff', '-f', path);
    assert.equal(diff.code, 0, diff.output);
    await opstream('apply', '-f', path, '--dry-run', '-o', 'json');
    await opstream('apply', '-f', path, '-o', 'yaml');
    const shown = await opstream('get', '-t', 'secret', '-n', 'cli', '-o', 'yaml');
    assert.match(shown.output, /tls\.crt: \(sealed, key k1\)/);
    const listed = await opstream('get', '-t', 'secret', '-a', '-d');
    assert.match(listed.output, /adf-operator/);
    await opstream('history', '-t', 'secret', '-n', 'cli', '-o', 'json');
    const replayed = await opstream('replay', '-t', 'secret', '-n', 'cli', '-d');
    assert.match(replayed.output, /changed {2}replace \/secret\/data\/KEY/);
    const broken = fileOf('broken.yaml', `name: cli\nsecret:\n  data:\n    A: |${plain()}\n    B: "${plain()}\n`);
    assert.notEqual((await opstream('apply', '-f', broken)).code, 0);
    assert.notEqual((await opstream('lint', '-f', broken)).code, 0);
    const patch = `[{"op":"add","value":"${plain()}" ${plain()}]`;
    const patched = await opstream('patch', '-t', 'secret', '-n', 'cli', '--patch', patch);
    assert.equal(patched.code, 2);
  });
});

describe('P11 rotation, use and deletion', () => {
  it('P11 reseal puts everything under the new key; nothing rolls; the old key is not needed any more', async () => {
    const contentBefore = await readerWith(k1).read('public', 'db');
    writeKeys(k2, k1);
    await untilSealedWith('k2');
    const resealed = await opstream('reseal');
    assert.equal(resealed.code, 0, resealed.output);
    assert.match(resealed.output, /[5-9] resealed/);
    const again = await opstream('reseal');
    assert.match(again.output, /complete: 0 resealed/);
    const content = await readerWith(k2).read('public', 'db');
    assert.deepEqual(content, contentBefore);
    await assert.rejects(async () => readerWith(k1).read('public', 'db'), {
      code: 'SECRET_UNREADABLE',
      details: { keyId: 'k2', place: 'secret/public/db/USER' },
    });
    const answer = await get('db');
    assert.ok(answer.ok && answer.value.type === 'secret');
    assert.equal(answer.value.summary.generation, 2);
  });

  it('P11 a component is given what its manifest refers to', async () => {
    const component = {
      name: 'c',
      dataosSecrets: [{ name: 'adf-operator', workspace: 'user-system', allKeys: true }],
      secrets: [{ name: 'db', key: 'USER', consumptionType: 'file' as const }, { name: 'nowhere' }],
    };
    const reader = readerWith(k2);
    const places = secretPlacesOf(component);
    const contents = await Promise.all(places.map(({ workspace, name }) => reader.read(workspace, name)));
    const given = consumeSecrets(
      component,
      contents.filter((one) => one !== undefined),
    );
    assert.equal(given.environment['AZURE_CLIENT_SECRET'], plains[0]);
    assert.deepEqual(given.files, [{ name: 'USER', content: 'sa' }]);
    assert.deepEqual(
      given.missing.map(({ name }) => name),
      ['nowhere'],
    );
  });

  it('P11 a secret in use is not deleted unless forced; a deleted one can be declared anew', async () => {
    const refused = await send('delete', { type: 'secret', name: 'shared' });
    assert.equal(refused.rejection?.code, 'SECRET_IN_USE');
    assert.deepEqual(refused.rejection.details, [{ message: 'operator using' }]);
    assert.equal((await send('delete', { type: 'secret', name: 'shared', force: true })).accepted, true);
    assert.equal(await readerWith(k2).read('public', 'shared'), undefined);
    assert.equal((await send('delete', { type: 'secret', name: 'shared' })).rejection?.code, 'NOT_FOUND');
    const anew = await send('apply', secretOf('shared', { TOKEN: plain() }));
    assert.equal(anew.entity?.generation, 2);
    const deleted = await opstream('delete', '-t', 'secret', '-n', 'db');
    assert.equal(deleted.code, 0, deleted.output);
  });

  it('P11 without a key secrets are refused with what to do', async () => {
    writeKeys('# none');
    const receipt = await waitFor(
      async () => {
        const answer = await send('apply', secretOf('keyless', { A: plain() }));
        return answer.accepted ? undefined : answer;
      },
      { what: 'the key to be gone', timeoutMs: 10_000 },
    );
    assert.equal(receipt.rejection?.code, 'SECRET_INVALID');
    assert.match(receipt.rejection.message, /OPSTREAM_SECRET_KEYS_FILE/);
    writeKeys(k2);
  });

  it('P11 the views equal the streams', async () => {
    const verified = await opstream('verify');
    assert.equal(verified.code, 0, verified.output);
    assert.match(verified.output, /secrets in opstream-secrets/);
  });
});

describe('P11 the search', () => {
  it('P11 finds none of the values, in any form, anywhere', async (t) => {
    const scan = createScan(needlesOf(plains));
    const streams = await scan.streams(instance);
    for (const log of logs) scan.text('log', 'log', log());
    for (const output of printed) scan.text('output', 'output', output);
    for (const answer of answers) scan.text('answer', 'answer', answer);
    for (const message of live) scan.text('live', 'live event', message);
    scan.folder('disk', instance.server.storeDir);
    const counts = Object.fromEntries(
      [...scan.counts].map(([kind, { items, bytes }]) => [kind, `${items} (${bytes} bytes)`]),
    );
    t.diagnostic(`searched for ${plains.length} values in ${streams.length} streams: ${JSON.stringify(counts)}`);
    assert.deepEqual(scan.finds, []);
    assert.ok(plains.length >= 30, `${plains.length} values`);
    const at = (kind: string): number => scan.counts.get(kind)?.items ?? 0;
    assert.ok(streams.length >= 9 && at('stream') >= 30 && at('bucket') >= 10, JSON.stringify(counts));
    assert.ok(
      at('log') >= 5 && at('output') >= 12 && at('answer') >= 25 && at('live') >= 20 && at('disk') >= 20,
      JSON.stringify(counts),
    );
  });

  it('P11 would find one in each form', () => {
    const text = plains[0] ?? '';
    const forms = [
      text,
      `x${Buffer.from(`{"a":"${text}"}`).toString('base64')}`,
      Buffer.from(text).toString('hex'),
      encodeURIComponent(text),
    ];
    for (const form of forms) {
      const scan = createScan(needlesOf([text]));
      scan.text('probe', 'probe', `before ${form} after`);
      assert.ok(scan.finds.length > 0, form);
    }
  });
});
