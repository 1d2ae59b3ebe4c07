// Sealing between parse and decide, through the executor: what is stored, refused, and never said.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mayHoldSecret, withoutExcerpts } from '../../../../src/manifest/delicate.ts';
import { changeSealables, sealablesOf } from '../../../../src/manifest/sealable.ts';
import { isSealed } from '../../../../src/manifest/sealed.ts';
import { resealManifest, sealManifest } from '../../../../src/engine/commands/sealing.ts';
import { parseKeyRing } from '../../../../src/vault/key-ring.ts';
import { createVault } from '../../../../src/vault/vault.ts';
import type { Manifest, SecretManifest } from '../../../../src/messages/manifest-types.ts';
import { operatorManifest, resourceManifest } from '../../../support/fixtures.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const keys = ['k1', 'k2'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);
const vaultOf = (...lines: readonly (string | undefined)[]) => {
  const ring = parseKeyRing(lines.join('\n'), 'test');
  return createVault({ ring: () => ring });
};
const vault = vaultOf(keys[0]);

const secret = (data: Record<string, string>, name = 'db'): SecretManifest => ({
  ...{ name, version: 'v1', layer: 'user', tags: [], owner: 'me', type: 'secret', workspace: 'public' },
  secret: { type: 'key-value', acl: 'r', data },
});
const sealed = (manifest: Manifest, before?: Manifest, isStored = false): Manifest => {
  const result = sealManifest(manifest, before, vault, isStored);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};
const problem = (manifest: Manifest, before?: Manifest, isStored = false, using = vault) => {
  const result = sealManifest(manifest, before, using, isStored);
  return result.ok ? undefined : result.error;
};

describe('sealing', () => {
  it('leaves resources, and operators without credentials, as the very same value', () => {
    for (const manifest of [resourceManifest(), operatorManifest()]) assert.equal(sealed(manifest), manifest);
  });

  it('seals every value and keeps the text of those that stay', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z]{1,8}$/), fc.string(), { maxKeys: 6 }), (data) => {
        const first = sealed(secret(data)) as SecretManifest;
        assert.ok(Object.values(first.secret.data).every(isSealed));
        const second = sealed(secret({ ...data, MORE_: 'x' }), first) as SecretManifest;
        for (const key of Object.keys(data)) assert.equal(second.secret.data[key], first.secret.data[key]);
        const opened = changeSealables(second, ({ value, place }) => vault.open(value, place));
        assert.deepEqual(opened, secret({ ...data, MORE_: 'x' }));
      }),
      { numRuns: 50 },
    );
  });

  it('seals the credentials of an operator', () => {
    const { operator } = operatorManifest();
    const components = operator.components.map((one) => ({ ...one, runAsApiKey: 'api-key-1' }));
    const natsClusterConfig = { name: 'n', compute: 'c', runAsApiKey: 'api-key-2' };
    const after = sealed(operatorManifest({ operator: { ...operator, components, natsClusterConfig } }));
    assert.deepEqual(
      sealablesOf(after)
        .map(({ pointer }) => pointer)
        .sort(),
      ['/operator/components/0/runAsApiKey', '/operator/natsClusterConfig/runAsApiKey'],
    );
    assert.ok(sealablesOf(after).every(({ value }) => isSealed(value)));
    assert.ok(!JSON.stringify(after).includes('api-key'));
  });

  it('refuses what it cannot take, and never says the value', () => {
    const a = sealed(secret({ A: 'hidden-value' })) as SecretManifest;
    const text = a.secret.data['A'] ?? '';
    const cases = [
      [problem(secret({ A: 'hidden-value' }), undefined, true), /cmd subjects/],
      [problem(secret({ A: '(sealed, key k1)' }), a), /shown in place/],
      [problem(secret({ B: text }), a), /does not open/],
      [problem(secret({ A: text }, 'other')), /does not open/],
      [problem(secret({ A: 'sealed:v1:hidden-value' })), /not a sealed one/],
      [problem(secret({ A: 'hidden-value' }), undefined, false, vaultOf()), /OPSTREAM_SECRET_KEYS_FILE/],
    ] as const;
    for (const [rejection, expected] of cases) {
      assert.equal(rejection?.code, 'SECRET_INVALID');
      assert.match(rejection.message, expected);
      assert.match(rejection.details[0]?.pointer ?? '', /^\/secret\/data\/[AB]$/);
      assert.ok(!JSON.stringify(rejection).includes('hidden-value'));
    }
    assert.equal(problem(secret({ A: text }), undefined, true), undefined);
    assert.equal(problem(secret({ A: text }), a, false, vaultOf()), undefined);
  });

  it('reseals what is under another key, and nothing else', () => {
    const first = sealed(secret({ A: 'x', B: 'y' })) as SecretManifest;
    const both = vaultOf(keys[1], keys[0]);
    const again = resealManifest(first, both);
    assert.ok(again.ok);
    assert.ok(
      sealablesOf(again.value).every(
        ({ value, place }) => value.startsWith('sealed:v1:k2:') && both.open(value, place),
      ),
    );
    const third = resealManifest(again.value, both);
    assert.deepEqual(third, again);
    const lost = resealManifest(first, vaultOf(keys[1]));
    assert.ok(!lost.ok && lost.error.code === 'SECRET_INVALID' && /"k1"/.test(lost.error.message));
  });
});

describe('a handler without keys', () => {
  it('refuses secrets, stores nothing, and takes everything else', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events);
    const receipt = await handler.send('apply', secret({ A: 'hidden-value' }));
    assert.equal(receipt.rejection?.code, 'SECRET_INVALID');
    assert.equal(await events.reader.lastSequence(), 0);
    assert.equal((await handler.send('apply', operatorManifest())).accepted, true);
    assert.equal((await handler.send('run', { type: 'secret', name: 'db' })).rejection?.code, 'COMMAND_INVALID');
    assert.equal((await handler.send('reseal', { name: 'run-1' })).rejection?.code, 'COMMAND_INVALID');
  });
});

describe('bytes that may hold a secret', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  it('are told from others, also when they cannot be read', () => {
    const delicate = [
      'secret:\n  data',
      '{"secret" : {',
      "  'secret': {",
      '{a: 1, secret: x',
      '[{"path":"/secret/data/A"}]',
      'type: secret\n',
      '{"type":"secret"',
      'runAsApiKey: x',
      '{"\\u0073ecret":{',
      'SECRET: {',
      'secrets:\n',
    ];
    for (const text of delicate) assert.ok(mayHoldSecret(bytes(text)), text);
    assert.ok(mayHoldSecret(Buffer.from('secret: x', 'utf16le')));
    const others = [
      'dataosSecrets:\n  - name: a',
      'CLIENT_SECRET: x',
      'imagePullSecret: a',
      'name: secret-keeper',
      '{"spec":{"a":"\\n"}}',
      '',
    ];
    for (const text of others) assert.ok(!mayHoldSecret(bytes(text)), text);
  });

  it('are refused with nothing but where', () => {
    const rejection = withoutExcerpts({
      code: 'MANIFEST_UNREADABLE',
      message: 'found "hidden-value"',
      details: [{ message: 'hidden-value', pointer: '/hidden-value', line: 3, column: 4 }],
    });
    assert.ok(!JSON.stringify(rejection).includes('hidden-value'));
    assert.deepEqual([rejection.details[0]?.line, rejection.details[0]?.column], [3, 4]);
    assert.match(rejection.message, /line 3, column 4/);
  });
});
