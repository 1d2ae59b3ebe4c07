// Two operators on one channel: refused where it is told, also when both come at the same moment through two copies, or in one command.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../../src/core/json.ts';
import { operatorNamed, together } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

/** An operator that has the channel of another one. */
const onChannelOf = (other: string, name: string): JsonObject => ({ ...operatorNamed(other), name });

describe('the channel of an operator', () => {
  it('is refused when another operator has it, with its name and the place; and is free when that one moves away', async () => {
    const handler = memoryHandler(memoryEvents());
    await handler.send('apply', operatorNamed('a'));
    const refused = await handler.send('apply', onChannelOf('a', 'b'));
    assert.equal(refused.rejection?.code, 'CHANNEL_TAKEN');
    assert.match(refused.rejection?.message ?? '', /operator "a" has the subject "a\./);
    assert.equal(refused.rejection?.details[0]?.pointer, '/operator/resources/0/natsApi/command/subject');
    assert.equal((await handler.send('apply', onChannelOf('z', 'a'))).accepted, true);
    assert.equal((await handler.send('apply', onChannelOf('a', 'b'))).accepted, true);
  });

  it('is kept by who has it: a change of something else, or the same again', async () => {
    const handler = memoryHandler(memoryEvents());
    await handler.send('apply', operatorNamed('a'));
    assert.equal((await handler.send('apply', operatorNamed('a'))).unchanged, true);
    assert.equal((await handler.send('apply', { ...operatorNamed('a'), tags: ['x'] })).accepted, true);
    const patch = [{ op: 'add', path: '/tags/-', value: 'y' }];
    assert.equal((await handler.send('patch', { type: 'operator', name: 'a', patch })).accepted, true);
  });

  it('is refused within one command, which may also exchange channels', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events);
    const twice = await handler.send('apply', together([operatorNamed('a'), onChannelOf('a', 'b')]));
    assert.equal(twice.rejection?.code, 'CHANNEL_TAKEN');
    assert.equal(events.kept.length, 0);
    await handler.send('apply', together([operatorNamed('a'), operatorNamed('b')]));
    const swapped = await handler.send('apply', together([onChannelOf('b', 'a'), onChannelOf('a', 'b')]));
    assert.equal(swapped.accepted, true);
  });

  it('goes to one of two that are applied at the same moment, through one copy or two', async () => {
    for (const copies of [1, 2]) {
      const events = memoryEvents();
      const first = memoryHandler(events);
      const second = copies === 1 ? first : memoryHandler(events);
      const names = ['a', 'b', 'c', 'd'];
      const receipts = await Promise.all(
        names.map((name, index) => (index % 2 === 0 ? first : second).send('apply', onChannelOf('shared', name))),
      );
      const codes = receipts.map(({ rejection }) => rejection?.code ?? 'won').sort();
      assert.deepEqual(codes, ['CHANNEL_TAKEN', 'CHANNEL_TAKEN', 'CHANNEL_TAKEN', 'won']);
      assert.equal(events.kept.length, 1);
    }
  });

  it("is of no concern between servers of the operators' own", async () => {
    const handler = memoryHandler(memoryEvents());
    const own = (name: string): JsonObject => {
      const manifest = onChannelOf('a', name) as { operator: JsonObject };
      return {
        ...manifest,
        operator: { ...manifest.operator, natsClusterConfig: { name: 'nats', compute: 'runnable-default' } },
      };
    };
    for (const manifest of [operatorNamed('a'), own('b'), own('c')]) {
      assert.equal((await handler.send('apply', manifest)).accepted, true);
    }
  });
});
