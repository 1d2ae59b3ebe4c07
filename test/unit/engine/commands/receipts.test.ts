import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeOf } from '../../../../src/messages/answer-room.ts';
import { fittingReceipt } from '../../../../src/messages/fitting-receipt.ts';
import type { Receipt } from '../../../../src/messages/commands.ts';
import { boundedItems, MAX_LEFT_BEHIND } from '../../../../src/messages/left-behind.ts';

const receipt: Receipt = {
  commandId: 'command-1',
  verb: 'apply',
  accepted: true,
  events: Array.from({ length: 20 }, (_, index) => ({
    id: `event-${index}`,
    type: 'io.opstream.resource.declared.v1',
    subject: `opstream.event.00.resource.public.r${index}`,
    sequence: index + 1,
  })),
  entity: { kind: 'resource', workspace: 'public', name: 'r0', generation: 1 },
  preview: [{ type: 't', subject: 's', data: { text: 'x'.repeat(4000) } }],
};

test('a receipt that fits stays as it is', () => {
  assert.equal(fittingReceipt(receipt, 100_000), receipt);
});

test('a receipt that does not fit is cut to what does, and says what it lacks', () => {
  const cut = fittingReceipt(receipt, 4000);
  assert.ok(sizeOf(cut) <= 4000);
  assert.deepEqual(cut.leftOut, { fields: ['preview'], bytes: sizeOf(receipt), maxBytes: 4000 });
  assert.equal(cut.events.length, 20);
  const bare = fittingReceipt(receipt, 500);
  assert.ok(sizeOf(bare) <= 500);
  assert.deepEqual(bare.leftOut?.fields, ['preview', 'events']);
  assert.deepEqual([bare.accepted, bare.commandId, bare.events], [true, 'command-1', []]);
});

test('what is left behind fits an event, however long the external ids are', () => {
  const item = { workspace: 'public', name: 'r', operator: 'op', resourceType: 't', status: 'active' } as const;
  const long = Array.from({ length: 300 }, () => ({ ...item, externalId: 'x'.repeat(10_000) }));
  assert.equal(boundedItems(long).length, 25);
  assert.equal(boundedItems(Array.from({ length: 300 }, () => item)).length, MAX_LEFT_BEHIND);
});
