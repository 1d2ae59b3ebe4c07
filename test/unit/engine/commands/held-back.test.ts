import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { summaryOfEntity } from '../../../../src/views/summary.ts';
import { datasetOf, operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';
import { entityAt } from '../../../support/entities.ts';

const suspended = async () => {
  const handler = memoryHandler(memoryEvents());
  await handler.send('apply', operatorNamed('op'));
  await handler.send('apply', datasetOf('op', 'a', {}));
  assert.equal((await handler.send('suspend', { name: 'a' })).accepted, true);
  return handler;
};
const codes = ({ warnings }: { readonly warnings?: readonly { readonly code: string }[] }) =>
  warnings?.map(({ code }) => code);

describe('a resource that is suspended', () => {
  it('is changed and deleted, with a word in the receipt that it happens after the resume', async () => {
    const handler = await suspended();
    const changed = await handler.send('apply', datasetOf('op', 'a', { rows: 2 }));
    assert.deepEqual([changed.accepted, codes(changed)], [true, ['HELD_BACK']]);
    const deletion = await handler.send('delete', { name: 'a' });
    assert.deepEqual([deletion.accepted, codes(deletion)], [true, ['HELD_BACK']]);
    assert.match(deletion.warnings?.[0]?.hint ?? '', /opstream resume -n a -w public; or release it with force/);
  });

  it('is resumed although its deletion was asked for, and suspended as well', async () => {
    const handler = await suspended();
    await handler.send('delete', { name: 'a' });
    assert.equal((await handler.send('resume', { name: 'a' })).accepted, true);
    assert.equal((await handler.send('suspend', { name: 'a' })).accepted, true);
    assert.equal((await handler.send('run', { name: 'a' })).rejection?.code, 'BEING_DELETED');
  });

  it('shows it as its status, unless it is being deleted or has lost its operator', () => {
    const entity = entityAt(1, { suspended: true });
    assert.equal(summaryOfEntity(entity, undefined).status, 'suspended');
    assert.equal(summaryOfEntity({ ...entity, deletionRequestedAt: 'now' }, undefined).status, 'deleting');
    assert.equal(summaryOfEntity(entity, undefined, true).status, 'error');
  });
});
