// What an operator leaves on the NATS server when its deletion ends: named when it is not empty, not ours or unreadable.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { createLeftStorage } from '../../../../src/engine/commands/left-storage.ts';
import { createOperatorDirectory } from '../../../../src/engine/history/operator-directory.ts';
import type { StorageFacts } from '../../../../src/engine/ports/storage.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const empty: StorageFacts = { isOurs: true, subjects: [], messages: 0, isEmpty: true, isUsed: false };

const leftOf = async (
  facts: Readonly<Record<string, Partial<StorageFacts> | Fault>>,
  options: { readonly others?: readonly string[]; readonly hasOwnServer?: boolean } = {},
) => {
  const events = memoryEvents();
  const handler = memoryHandler(events);
  for (const name of ['op', ...(options.others ?? [])]) {
    const text = JSON.stringify(operatorNamed(name)).replaceAll(`"${name}-channel"`, '"op-channel"');
    assert.equal((await handler.send('apply', JSON.parse(text))).accepted, true);
  }
  const directory = createOperatorDirectory(namesFor('opstream'));
  for (const message of events.kept) directory.absorb(message);
  const leftBy = createLeftStorage({
    prefix: 'opstream',
    claims: async () => ({ operators: directory.all(), storageNamedBy: directory.storageNamedBy }),
    hasOwnServer: async () => options.hasOwnServer === true,
    storage: {
      look: async ({ name }) => {
        const known = facts[name];
        if (known instanceof Fault) throw known;
        return known === undefined ? undefined : { ...empty, ...known };
      },
    },
  });
  const operator = directory.get('op');
  assert.ok(operator);
  return leftBy(operator);
};

describe('what an operator leaves on the NATS server', () => {
  it('is nothing when all is empty or not there', async () => {
    assert.deepEqual(await leftOf({ 'op-channel': { subjects: ['op.dataset'] } }), []);
  });

  it('is what is not empty, not of our making, or cannot be read', async () => {
    assert.deepEqual(
      await leftOf({
        'op-channel': { messages: 4, subjects: ['op.dataset', 'somebody.else'] },
        'opstream-state-op-adf-controller': { messages: 2, isEmpty: false },
        'opstream-state-op-dataset': new Fault('NATS_TIMEOUT', 'no answer'),
      }),
      [
        { kind: 'stream', name: 'op-channel', reason: 'NotOurs', messages: 4 },
        { kind: 'bucket', name: 'opstream-state-op-dataset', reason: 'Unreadable' },
        { kind: 'bucket', name: 'opstream-state-op-adf-controller', reason: 'NotEmpty', messages: 2 },
      ],
    );
  });

  it('is nothing that another operator uses, or that is on a server of its own', async () => {
    const facts = { 'op-channel': { messages: 4, isEmpty: false } };
    assert.equal((await leftOf(facts)).length, 1);
    assert.deepEqual(await leftOf(facts, { others: ['other'] }), []);
    assert.deepEqual(await leftOf(facts, { hasOwnServer: true }), []);
  });
});
