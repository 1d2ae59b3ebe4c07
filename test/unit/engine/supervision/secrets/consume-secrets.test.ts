// What components are given of secrets, for every type of secret and way of consumption.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  consumeSecrets,
  secretPlacesOf,
  type SecretReferences,
} from '../../../../../src/engine/supervision/secrets/consume-secrets.ts';
import { propertiesText } from '../../../../../src/engine/supervision/secrets/properties-text.ts';
import type { SecretContent } from '../../../../../src/engine/supervision/ports.ts';

const secret = (changes: Partial<SecretContent> = {}): SecretContent => ({
  workspace: 'public',
  name: 'db',
  type: 'key-value',
  data: { USER: 'sa', PASSWORD: 'p' },
  sequence: 7,
  ...changes,
});
const component = (changes: Partial<SecretReferences> = {}): SecretReferences => ({ name: 'c', ...changes });

describe('secrets of a component', () => {
  it('are its references, each once, with their workspaces', () => {
    const references = component({
      secrets: [{ name: 'a' }, { name: 'a', workspace: 'public' }],
      dataosSecrets: [{ name: 'a', workspace: 'user-system' }],
      imagePullSecret: 'registry',
    });
    assert.deepEqual(secretPlacesOf(references), [
      { workspace: 'public', name: 'a' },
      { workspace: 'user-system', name: 'a' },
      { workspace: 'public', name: 'registry' },
    ]);
    assert.deepEqual(secretPlacesOf(component({ imagePullSecret: 'ops/registry' })), [
      { workspace: 'ops', name: 'registry' },
    ]);
  });

  it('are variables unless said otherwise: all keys, some, or one', () => {
    const given = (reference: object) =>
      consumeSecrets(component({ secrets: [{ name: 'db', ...reference }] }), [secret()]);
    assert.deepEqual(given({}), {
      environment: { USER: 'sa', PASSWORD: 'p' },
      files: [],
      missing: [],
      sequences: { 'public/db': 7 },
    });
    assert.deepEqual(given({ allKeys: true, consumptionType: 'envVars' }).environment, { USER: 'sa', PASSWORD: 'p' });
    assert.deepEqual(given({ key: 'USER' }).environment, { USER: 'sa' });
    assert.deepEqual(given({ key: 'USER', keys: ['PASSWORD', 'USER'] }).environment, { USER: 'sa', PASSWORD: 'p' });
  });

  it('of properties are variables one by one and together, as the operator page needs them', () => {
    const data = { AZURE_CLIENT_ID: 'id', AZURE_CLIENT_SECRET: 's=1' };
    const contents = [secret({ name: 'adf-operator', type: 'key-value-properties', data })];
    const given = consumeSecrets(component({ dataosSecrets: [{ name: 'adf-operator', allKeys: true }] }), contents);
    const properties = 'AZURE_CLIENT_ID=id\nAZURE_CLIENT_SECRET=s=1\n';
    assert.deepEqual(given.environment, { ...data, ADF_OPERATOR_PROPERTIES: properties });
    for (const consumptionType of ['propFile', 'propfile', 'file'] as const) {
      const filed = consumeSecrets(component({ secrets: [{ name: 'adf-operator', consumptionType }] }), contents);
      assert.deepEqual(filed.files, [{ name: 'adf-operator.properties', content: properties }]);
      assert.deepEqual(filed.environment, {});
    }
  });

  it('are files, one for each key, or one of properties', () => {
    const files = (consumptionType: 'file' | 'propFile') =>
      consumeSecrets(component({ secrets: [{ name: 'db', consumptionType }] }), [secret()]).files;
    assert.deepEqual(files('file'), [
      { name: 'USER', content: 'sa' },
      { name: 'PASSWORD', content: 'p' },
    ]);
    assert.deepEqual(files('propFile'), [{ name: 'db.properties', content: 'USER=sa\nPASSWORD=p\n' }]);
  });

  it('that are missing, or cannot be given, are named without their values', () => {
    const contents = [
      secret({ data: { 'tls.crt': 'hidden-value' } }),
      secret({ workspace: 'other', data: { 'tls.crt': 'x' } }),
    ];
    const references = component({
      secrets: [
        { name: 'no' },
        { name: 'db', key: 'NO', consumptionType: 'file' },
        { name: 'db' },
        { name: 'db', consumptionType: 'file' },
        { name: 'db', workspace: 'other', consumptionType: 'file' },
      ],
      imagePullSecret: 'db',
    });
    const { missing } = consumeSecrets(references, contents);
    assert.deepEqual(
      missing.map(({ field, message }) => `${field}: ${message.slice(0, 48)}`),
      [
        'secrets: there is no secret "no" in workspace "public"',
        'secrets: secret "public/db" has no key "NO"',
        'secrets: the key "tls.crt" of secret "public/db" cannot b',
        'secrets: the file "tls.crt" of secret "other/db" would re',
        'imagePullSecret: secret "public/db" holds no credentials of a reg',
      ],
    );
    assert.ok(!JSON.stringify(missing).includes('hidden-value'));
    assert.equal(missing[1]?.key, 'NO');
  });

  it('of a registry become a docker config', () => {
    const config = (data: Record<string, string>) =>
      consumeSecrets(component({ imagePullSecret: 'db' }), [secret({ type: 'cloud-kernel-image-pull', data })])
        .registryConfig;
    const auth = Buffer.from('me:pw').toString('base64');
    assert.deepEqual(JSON.parse(config({ REGISTRY: 'r.io', username: 'me', Password: 'pw' }) ?? ''), {
      auths: { 'r.io': { username: 'me', password: 'pw', auth } },
    });
    assert.equal(config({ '.dockerconfigjson': '{"auths":{}}' }), '{"auths":{}}');
    assert.equal(config({ '.dockerconfigjson': 'no' }), undefined);
  });

  it('as properties are escaped', () => {
    assert.equal(
      propertiesText([
        ['a b:c', ' x\\y\nz '],
        ['k', 'ä😀\t#!='],
      ]),
      'a\\ b\\:c=\\ x\\\\y\\nz \nk=\\u00e4\\ud83d\\ude00\\t#!=\n',
    );
  });
});
