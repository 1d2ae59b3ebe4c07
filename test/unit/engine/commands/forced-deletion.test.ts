// Forced deletions and releases through the executor: what receipts say, also when the same command comes again, and in dry runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EntityStatus } from '../../../../src/messages/entity.ts';
import { datasetOf, operatorNamed } from '../../../support/manifests.ts';
import { leftBehind } from '../../../support/left-behind.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const statusOf = (uid: string): EntityStatus => ({
  key: 'public.a',
  operator: 'op',
  uid,
  observedGeneration: 1,
  observedSequence: 2,
  status: 'active',
  conditions: [],
  externalId: 'ext-a',
  properties: {},
});

const withResource = async () => {
  const events = memoryEvents();
  const outcomes = memoryEvents();
  const known = { uid: '', asked: 0 };
  const relations = {
    dependentsOf: async () => leftBehind('a'),
    lastStatusOf: async ({ uid }: { readonly uid: string }) => statusOf(uid),
    operatorNames: async () => {
      known.asked += 1;
      return ['op'];
    },
  };
  const make = () => memoryHandler(events, outcomes, relations);
  const handler = make();
  await handler.send('apply', operatorNamed('op'));
  await handler.send('apply', datasetOf('op', 'a', {}));
  return { events, handler, make, known };
};

describe('an operator deleted with force', () => {
  it('says in its receipt what is left behind, and says the same when asked again', async () => {
    const { events, handler, make } = await withResource();
    const target = { type: 'operator', name: 'op' };
    assert.equal((await handler.send('delete', target)).rejection?.code, 'OPERATOR_HAS_RESOURCES');
    const dry = await handler.send('delete', { ...target, force: true }, { isDryRun: true });
    assert.deepEqual(dry.leftBehind, leftBehind('a'));
    assert.equal(events.kept.length, 2);
    const receipt = await handler.send('delete', { ...target, force: true }, { commandId: 'force-1' });
    assert.equal(receipt.accepted, true);
    assert.deepEqual(receipt.leftBehind, leftBehind('a'));
    for (const again of [handler, make()]) {
      assert.deepEqual(await again.send('delete', { ...target, force: true }, { commandId: 'force-1' }), receipt);
    }
    assert.equal(events.kept.length, 3);
  });

  it('leaves resources that can be suspended and deleted, but not run, and warns that nobody does it', async () => {
    const { events, handler } = await withResource();
    await handler.send('delete', { type: 'operator', name: 'op', force: true });
    const uid = events.json()[0]?.['id'];
    const finalize = () => handler.send('finalize', { type: 'operator', name: 'op', uid });
    await assert.rejects(finalize(), { code: 'JS_UNAVAILABLE' }, 'commands under way may still find it');
    handler.clock.advance(5000);
    assert.equal((await finalize()).accepted, true);
    assert.equal((await handler.send('run', { name: 'a' })).rejection?.code, 'OPERATOR_NOT_FOUND');
    assert.equal((await handler.send('cancel', { name: 'a' })).rejection?.code, 'OPERATOR_NOT_FOUND');
    assert.equal((await handler.send('suspend', { name: 'a' })).accepted, true);
    assert.equal((await handler.send('apply', datasetOf('op', 'a', { b: 1 }))).rejection?.code, 'OPERATOR_NOT_FOUND');
    const deletion = await handler.send('delete', { name: 'a' });
    assert.equal(deletion.accepted, true);
    assert.deepEqual(
      deletion.warnings?.map(({ code }) => code),
      ['OPERATOR_GONE'],
    );
  });
});

describe('a release', () => {
  it('names what is left outside, in the receipt and in the event, with who did it', async () => {
    const { events, handler, make } = await withResource();
    assert.equal((await handler.send('release', { name: 'a' })).rejection?.code, 'NOT_RELEASABLE');
    const request = { commandId: 'release-1', actor: 'rocket' };
    const receipt = await handler.send('release', { name: 'a', force: true }, request);
    assert.equal(receipt.accepted, true);
    assert.equal(receipt.leftBehind?.items[0]?.externalId, 'ext-a');
    const event = events.json().at(-1);
    assert.equal(event?.['type'], 'io.opstream.resource.released.v1');
    const { releasedBy, operatorGone } = event['data'] as { releasedBy: string; operatorGone: boolean };
    assert.deepEqual([releasedBy, operatorGone], ['rocket', false]);
    assert.deepEqual(await make().send('release', { name: 'a', force: true }, request), receipt);
    assert.equal((await handler.send('release', { name: 'a', force: true })).rejection?.code, 'NOT_FOUND');
    const again = await handler.send('apply', datasetOf('op', 'a', {}));
    assert.equal(again.entity?.generation, 2);
  });

  it('is what a deletion with force does', async () => {
    const { events, handler } = await withResource();
    const receipt = await handler.send('delete', { name: 'a', force: true });
    assert.deepEqual(
      receipt.events.map(({ type }) => type),
      ['io.opstream.resource.released.v1'],
    );
    assert.equal(receipt.leftBehind?.total, 1);
    assert.equal(events.kept.length, 3);
  });

  it('is for resources only', async () => {
    const { handler } = await withResource();
    const receipt = await handler.send('release', { type: 'operator', name: 'op', force: true });
    assert.equal(receipt.rejection?.code, 'COMMAND_INVALID');
  });
});

describe('advice in receipts', () => {
  const mistaken = () => {
    const manifest = operatorNamed('op') as unknown as { operator: { components: { environmentVars?: object }[] } };
    const [component] = manifest.operator.components;
    if (component !== undefined) component.environmentVars = { OPERATOR_MAX_WORKERS: 'many', DB_PASSWORD: 'geheim' };
    return manifest;
  };

  it('comes with an operator that is accepted, in dry runs, when it is unchanged, and when it comes again', async () => {
    const handler = memoryHandler(memoryEvents());
    const wanted = ['VARIABLE_INVALID', 'INLINE_CREDENTIAL'];
    const codes = ({ warnings = [] }: { readonly warnings?: readonly { readonly code: string }[] }) =>
      warnings.map(({ code }) => code);
    assert.deepEqual(codes(await handler.send('apply', mistaken(), { isDryRun: true })), wanted);
    const receipt = await handler.send('apply', mistaken(), { commandId: 'one' });
    assert.deepEqual(codes(receipt), wanted);
    assert.deepEqual(await handler.send('apply', mistaken(), { commandId: 'one' }), receipt);
    const unchanged = await handler.send('apply', mistaken());
    assert.deepEqual([unchanged.unchanged, codes(unchanged)], [true, wanted]);
    const patch = [{ op: 'replace', path: '/description', value: 'x' }];
    assert.deepEqual(
      codes(await handler.send('patch', { type: 'operator', name: 'op', patch: [{ ...patch[0], op: 'add' }] })),
      wanted,
    );
    assert.ok(!JSON.stringify(receipt.warnings).includes('geheim'));
  });

  it('comes with a resource only when there is some', async () => {
    const handler = memoryHandler(memoryEvents());
    await handler.send('apply', operatorNamed('op'));
    assert.equal((await handler.send('apply', datasetOf('op', 'a', { rows: 3 }))).warnings, undefined);
    const receipt = await handler.send('apply', datasetOf('op', 'b', { password: 'geheim' }));
    assert.deepEqual(
      receipt.warnings?.map(({ pointer }) => pointer),
      ['/resource/spec/password'],
    );
  });

  it('names the operator that was probably meant, and asks for names only then', async () => {
    const { handler, known } = await withResource();
    assert.equal(known.asked, 0);
    const receipt = await handler.send('apply', datasetOf('opp', 'b', {}));
    assert.match(receipt.rejection?.message ?? '', /did you mean "op"\?/);
    assert.ok(known.asked > 0);
  });
});

describe('enabledWorkspaces', () => {
  it('hold for apply, create and patch alike', async () => {
    const { handler } = await withResource();
    for (const verb of ['apply', 'create'] as const) {
      const receipt = await handler.send(verb, datasetOf('op', 'b', {}, 'elsewhere'));
      assert.equal(receipt.rejection?.code, 'WORKSPACE_NOT_ENABLED', verb);
      assert.equal(receipt.rejection.details[0]?.pointer, '/workspace');
    }
    // An operator does not leave a workspace in which it has resources; if it could, a patch would be refused there as well.
    const spec = operatorNamed('op')['operator'] as object;
    const leaving = { ...operatorNamed('op'), operator: { ...spec, enabledWorkspaces: ['sandbox'] } };
    const changed = await handler.send('apply', leaving);
    const patch = [{ op: 'add', path: '/description', value: 'x' }];
    const refused = changed.accepted ? await handler.send('patch', { name: 'a', patch }) : changed;
    assert.match(String(refused.rejection?.code), /^(?:WORKSPACE_NOT_ENABLED|SCHEMA_BREAKS_RESOURCES)$/);
  });
});
