// Decisions on secrets and their fold. Values are opaque here.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideSecret, type SecretCommand } from '../../../src/domain/secret/decide.ts';
import { evolveSecret } from '../../../src/domain/secret/evolve.ts';
import { initialSecretState, type SecretState } from '../../../src/domain/secret/state.ts';
import { secretRef } from '../../../src/messages/subjects.ts';
import type { SecretEvent } from '../../../src/messages/events.ts';
import type { SecretManifest } from '../../../src/messages/manifest-types.ts';
import { dated } from '../../support/fixtures.ts';

const manifest = (data: Record<string, string>, changes: Partial<SecretManifest> = {}): SecretManifest => ({
  name: 'db',
  version: 'v1',
  layer: 'user',
  tags: [],
  owner: 'me',
  type: 'secret',
  workspace: 'public',
  secret: { type: 'key-value', acl: 'r', data },
  ...changes,
});
const context = { time: '2026-01-01T00:00:00.000Z', eventId: 'event-1' };
const apply = (given: SecretManifest, more: object = {}): SecretCommand => ({
  type: 'apply',
  manifest: given,
  mustBeNew: false,
  ...more,
});
const decide = (command: SecretCommand, state: SecretState) =>
  decideSecret(command, state, context, secretRef('public', 'db'));

let sequence = 0;
const after = (state: SecretState, command: SecretCommand): SecretState => {
  const decision = decide(command, state);
  assert.ok(decision.ok, JSON.stringify(decision));
  return decision.value.reduce(
    (before, event) => evolveSecret(before, dated(event, (sequence += 1), 'secret.public.db') as SecretEvent, sequence),
    state,
  );
};
const codeOf = (command: SecretCommand, state: SecretState): string | undefined => {
  const decision = decide(command, state);
  return decision.ok ? undefined : decision.error.code;
};

describe('a secret', () => {
  const declared = after(initialSecretState, apply(manifest({ A: 'x' })));
  const nobody = { total: 0, operators: [] };

  it('is declared, changed, left alone, and counted over a deletion', () => {
    assert.equal(declared.secret?.generation, 1);
    assert.deepEqual(decide(apply(manifest({ A: 'x' })), declared), { ok: true, value: [] });
    const changed = after(declared, apply(manifest({ A: 'y' })));
    assert.deepEqual(changed.secret?.manifest.secret.data, { A: 'y' });
    assert.equal(changed.generation, 2);
    const deleted = after(changed, { type: 'delete', users: nobody, force: false });
    assert.deepEqual(deleted, { generation: 2 });
    assert.equal(after(deleted, apply(manifest({ A: 'x' }))).generation, 3);
  });

  it('says when its content has changed: not for a description, and not for a rotation', () => {
    const content = declared.secret?.contentSequence;
    const described = after(declared, apply(manifest({ A: 'x' }, { description: 'd' })));
    assert.equal(described.generation, 2);
    assert.equal(described.secret?.contentSequence, content);
    const resealed = after(described, { type: 'reseal', manifest: manifest({ A: 'z' }, { description: 'd' }) });
    assert.deepEqual([resealed.generation, resealed.secret?.contentSequence], [2, content]);
    assert.deepEqual(resealed.secret?.manifest.secret.data, { A: 'z' });
    const changed = after(resealed, apply(manifest({ A: 'q' })));
    assert.equal(changed.secret?.contentSequence, changed.secret?.sequence);
  });

  it('is refused where it should be', () => {
    assert.equal(codeOf(apply(manifest({}), { mustBeNew: true }), declared), 'ALREADY_EXISTS');
    assert.equal(codeOf(apply(manifest({}), { expectedGeneration: 2 }), declared), 'VERSION_CONFLICT');
    assert.equal(codeOf(apply(manifest({}), { expectedGeneration: 1 }), initialSecretState), 'VERSION_CONFLICT');
    const users = { total: 25, operators: Array.from({ length: 25 }, (_, index) => `op-${index}`) };
    const refused = decide({ type: 'delete', users, force: false }, declared);
    assert.ok(!refused.ok && refused.error.code === 'SECRET_IN_USE');
    assert.deepEqual([refused.error.details.length, refused.error.details[20]?.message], [21, 'and 5 more']);
    assert.equal(codeOf({ type: 'delete', users, force: true }, declared), undefined);
    assert.equal(codeOf({ type: 'delete', users, force: true, expectedGeneration: 9 }, declared), 'VERSION_CONFLICT');
    for (const type of ['delete', 'reseal'] as const)
      assert.equal(
        codeOf({ type, users, force: true, manifest: manifest({}) } as SecretCommand, initialSecretState),
        'NOT_FOUND',
      );
  });
});
