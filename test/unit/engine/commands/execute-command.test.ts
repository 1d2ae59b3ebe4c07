// Carrying out commands, on streams in memory: once, whole, on what is there, and never answered from an old picture. The same is tried
// on a real server in test/integration/promises-*; here are the moments that a server makes hard to reach.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, isFault } from '../../../../src/core/fault.ts';
import { datasetOf, operatorNamed, together } from '../../../support/manifests.ts';
import { leftBehind } from '../../../support/left-behind.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

const set = (value: number, name = 'a') => datasetOf('op', name, { value });

const withOperator = async (copies = 1) => {
  const events = memoryEvents();
  const outcomes = memoryEvents();
  const handlers = Array.from({ length: copies }, () => memoryHandler(events, outcomes));
  const [first = memoryHandler(events, outcomes), second = first] = handlers;
  assert.equal((await first.send('apply', operatorNamed('op'))).accepted, true);
  return { events, outcomes, first, second, cold: () => memoryHandler(events, outcomes) };
};

describe('a command id', () => {
  it('gives the same receipt for ever, from a warm and from a cold handler', async () => {
    const { events, first, cold } = await withOperator();
    const receipt = await first.send('apply', set(1), { commandId: 'one' });
    await first.send('apply', set(2));
    const stored = events.kept.length;
    assert.deepEqual(await first.send('apply', set(1), { commandId: 'one' }), receipt);
    assert.deepEqual(await cold().send('apply', set(1), { commandId: 'one' }), receipt);
    assert.equal(events.kept.length, stored);
  });

  it('that changed nothing changes nothing later', async () => {
    const { events, first, cold } = await withOperator();
    await first.send('apply', set(1));
    const receipt = await first.send('apply', set(1), { commandId: 'same' });
    assert.equal(receipt.unchanged, true);
    await first.send('apply', set(2));
    const stored = events.kept.length;
    assert.deepEqual(await cold().send('apply', set(1), { commandId: 'same' }), receipt);
    assert.equal(events.kept.length, stored);
  });

  it('that changed nothing at another copy changes nothing here, before this one has heard of it', async () => {
    const [events, outcomes] = [memoryEvents(), memoryEvents()];
    const behind = () => memoryHandler(events, outcomes, {}, undefined, true);
    const [first, second] = [behind(), behind()];
    await first.send('apply', operatorNamed('op'));
    await first.send('apply', set(1));
    await second.send('apply', set(1), { commandId: 'same-again' });
    await second.send('apply', set(2));
    const stored = events.kept.length;
    // One that knows the thing as it was, and one that knows nothing of it.
    for (const handler of [first, behind()]) {
      const receipt = await handler.send('apply', set(1), { commandId: 'same-again' });
      assert.equal(receipt.unchanged, true);
      assert.equal(events.kept.length, stored);
    }
  });

  it('of a durable command that named none is its place in the queue, and as good', async () => {
    const { events, first, cold } = await withOperator();
    const again = { commandId: 'cmd-7', isIdGiven: false };
    await first.send('apply', set(1));
    await first.send('apply', set(1), again, { keepOutcome: true });
    await first.send('apply', set(2));
    const stored = events.kept.length;
    assert.equal((await cold().send('apply', set(1), again, { keepOutcome: true })).unchanged, true);
    assert.equal(events.kept.length, stored);
  });

  it('of several documents gives the whole receipt where only some of them were looked at since', async () => {
    const { first, second } = await withOperator(2);
    const both = (value: number) => together([set(value, 'a'), set(value, 'b')]);
    await first.send('apply', both(1));
    const receipt = await second.send('apply', both(2), { commandId: 'both' });
    assert.equal(receipt.events.length, 2);
    // The conflict makes the first copy look at "a" again, and at nothing else.
    await first.send('suspend', { name: 'a' });
    assert.deepEqual((await first.send('apply', both(2), { commandId: 'both' })).events, receipt.events);
  });

  it('of several documents gives the whole receipt where another copy stores them between two reads', async () => {
    const { events, first, cold } = await withOperator();
    const both = together([set(1, 'a'), set(1, 'b')]);
    const second = cold();
    let receipt: Awaited<ReturnType<typeof first.send>> | undefined;
    events.beforeRead = async (subject) => {
      if (!subject.endsWith('.b')) return;
      events.beforeRead = undefined;
      receipt = await first.send('apply', both, { commandId: 'between' });
    };
    const again = await second.send('apply', both, { commandId: 'between' });
    assert.equal(again.events.length, 2);
    assert.deepEqual(again.events, receipt?.events);
  });

  const onSecond = { commandId: 'verdict', expectedGeneration: 2 };

  it('that another copy has carried out while this one refuses it is answered as carried out', async () => {
    const { events, outcomes, first, second } = await withOperator(2);
    await first.send('apply', set(1));
    let receipt: Awaited<ReturnType<typeof first.send>> | undefined;
    outcomes.beforeAppend = async () => {
      outcomes.beforeAppend = undefined;
      await second.send('apply', set(2));
      receipt = await second.send('suspend', { name: 'a' }, onSecond);
    };
    const late = await first.send('suspend', { name: 'a' }, onSecond);
    assert.equal(receipt?.accepted, true);
    assert.deepEqual(late.events, receipt.events);
    const stored = events.kept.length;
    assert.deepEqual((await second.send('suspend', { name: 'a' }, onSecond)).events, receipt.events);
    assert.equal(events.kept.length, stored);
    // Who asks for the outcome later is told the same.
    const told = outcomes.json().at(-1)?.['data'] as { readonly accepted: boolean } | undefined;
    assert.equal(told?.accepted, true);
  });

  it('that another copy has refused a moment ago stays refused, before this one has heard of it', async () => {
    const [events, outcomes] = [memoryEvents(), memoryEvents()];
    const behind = () => memoryHandler(events, outcomes, {}, undefined, true);
    const [first, second] = [behind(), behind()];
    await first.send('apply', operatorNamed('op'));
    await first.send('apply', set(1));
    const refused = await first.send('suspend', { name: 'a' }, onSecond);
    assert.equal(refused.accepted, false);
    // This copy has made the change itself, so it does not have to look at anything.
    await second.send('apply', set(2));
    const stored = events.kept.length;
    assert.deepEqual(await second.send('suspend', { name: 'a' }, onSecond), refused);
    assert.equal(events.kept.length, stored);
  });

  it('that was refused for one thing is not taken for another', async () => {
    const { events, first } = await withOperator();
    await first.send('delete', { name: 'nothing' }, { commandId: 'used' });
    const stored = events.kept.length;
    assert.equal((await first.send('apply', set(1), { commandId: 'used' })).rejection?.code, 'COMMAND_ID_REUSED');
    assert.equal(events.kept.length, stored);
  });

  it('is known although the answer to its append was lost', async () => {
    const { events, first } = await withOperator();
    events.afterAppend = () => {
      events.afterAppend = undefined;
      throw new Fault('NATS_TIMEOUT', 'no answer');
    };
    await assert.rejects(first.send('apply', set(1), { commandId: 'lost' }), (error) => isFault(error, 'NATS_TIMEOUT'));
    const stored = events.kept.length;
    const receipt = await first.send('apply', set(1), { commandId: 'lost' });
    assert.equal(receipt.accepted, true);
    assert.equal(receipt.events[0]?.sequence, stored);
    assert.equal(events.kept.length, stored);
  });
});

describe('a conflict', () => {
  it('is decided anew on what the other one stored', async () => {
    const { events, first, second } = await withOperator(2);
    await first.send('apply', datasetOf('op', 'a', { x: 0, y: 0 }));
    await second.send('apply', datasetOf('op', 'a', { x: 1, y: 0 }));
    const patch = [{ op: 'replace', path: '/resource/spec/y', value: 9 }];
    const receipt = await first.send('patch', { name: 'a', patch });
    assert.equal(receipt.accepted, true);
    assert.equal(receipt.entity?.generation, 3);
    const { data } = events.json().at(-1) ?? {};
    assert.deepEqual((data as { patch: unknown }).patch, [{ op: 'replace', path: '/resource/spec/y', value: 9 }]);
  });

  it('that never ends is told as one', async () => {
    const { events, first, second } = await withOperator(2);
    await first.send('apply', set(0));
    let attempts = 0;
    events.beforeAppend = () => {
      attempts += 1;
      throw new Fault('JS_CONFLICT', 'not the last');
    };
    await assert.rejects(first.send('apply', set(1)), (error) => isFault(error, 'JS_CONFLICT'));
    assert.ok(attempts > 1 && attempts < 20);
    events.beforeAppend = undefined;
    assert.equal((await second.send('apply', set(1))).accepted, true);
  });
});

describe('an answer without an append', () => {
  it('"unchanged" is looked up when another copy may have changed it', async () => {
    const { first, second } = await withOperator(2);
    await first.send('apply', set(1));
    await second.send('suspend', { name: 'a' });
    await first.send('suspend', { name: 'a' });
    await second.send('resume', { name: 'a' });
    assert.equal((await first.send('suspend', { name: 'a' })).events.length, 1);
  });

  it('a refusal too', async () => {
    const { first, second } = await withOperator(2);
    await first.send('apply', set(1));
    await second.send('apply', set(2));
    const receipt = await first.send('suspend', { name: 'a' }, { expectedGeneration: 2 });
    assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
  });

  it('and an operator that was not there a moment ago', async () => {
    const { first, second } = await withOperator(2);
    assert.equal((await second.send('apply', datasetOf('late', 'b', {}))).rejection?.code, 'OPERATOR_NOT_FOUND');
    await first.send('apply', operatorNamed('late'));
    assert.equal((await second.send('apply', datasetOf('late', 'b', {}))).accepted, true);
  });

  it('a dry run stores nothing and shows what it would store, on what is there now', async () => {
    const { events, outcomes, first, second } = await withOperator(2);
    await first.send('apply', set(1));
    await second.send('apply', set(2));
    const stored = events.kept.length;
    const receipt = await first.send('apply', set(3), { commandId: 'dry', isDryRun: true });
    assert.equal(receipt.dryRun, true);
    assert.equal(receipt.events[0]?.sequence, 0);
    assert.equal(receipt.entity?.generation, 3);
    assert.equal(receipt.preview?.length, 1);
    assert.equal((await first.send('apply', set(2), { isDryRun: true })).unchanged, true);
    assert.equal(events.kept.length, stored);
    assert.equal(outcomes.kept.length, 0);
    assert.equal((await first.send('apply', set(3), { commandId: 'dry' })).events.length, 1);
  });
});

describe('several documents', () => {
  it('are one append', async () => {
    const { events, first } = await withOperator();
    const appends: number[] = [];
    events.beforeAppend = (messages) => {
      appends.push(messages.length);
    };
    const body = together([set(1, 'a'), operatorNamed('new'), datasetOf('new', 'b', {}, 'sandbox'), set(1, 'c')]);
    const receipt = await first.send('apply', body);
    assert.deepEqual(appends, [4]);
    assert.deepEqual(
      receipt.events.map(({ sequence }) => sequence),
      [2, 3, 4, 5],
    );
    assert.equal(receipt.entities?.length, 4);
  });

  it('are nothing when one is refused, or in conflict until it is not', async () => {
    const { events, first } = await withOperator();
    const stored = events.kept.length;
    const refused = await first.send('apply', together([set(1, 'a'), datasetOf('nobody', 'b', {})]));
    assert.equal(refused.rejection?.code, 'OPERATOR_NOT_FOUND');
    assert.equal(events.kept.length, stored);
    events.beforeAppend = (messages) => {
      events.beforeAppend = undefined;
      events.store(
        messages.slice(1).map(({ subject }) => ({ subject, id: 'x', data: events.kept[0]?.data ?? new Uint8Array() })),
      );
    };
    // What came between is an event of another kind: it is set aside, and both are stored behind it.
    const receipt = await first.send('apply', together([set(1, 'a'), set(1, 'b')]));
    assert.deepEqual([receipt.accepted, receipt.events.length], [true, 2]);
    assert.equal(events.kept.length, stored + 3);
  });

  it('that came in an order are begun in that order, and none after one that failed', async () => {
    const { events, first } = await withOperator();
    const [set1, set2, set3] = [1, 2, 3].map((value) => set(value));
    let isHalted = false;
    const sequencing = {
      begin: () => {
        if (isHalted) throw new Fault('JS_UNAVAILABLE', 'halted');
      },
      failed: () => {
        isHalted = true;
      },
    };
    events.beforeAppend = () => {
      events.beforeAppend = undefined;
      throw new Fault('NATS_TIMEOUT', 'no answer');
    };
    const ends = await Promise.allSettled(
      [set1, set2, set3].map((body) => first.send('apply', body, {}, { sequencing })),
    );
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.ok(!events.kept.some(({ subject }) => subject.endsWith('.a')));
  });
});

describe('operators', () => {
  it('with resources stay, and the refusal lists them', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events, memoryEvents(), { dependentsOf: async () => leftBehind('a') });
    await handler.send('apply', operatorNamed('op'));
    const receipt = await handler.send('delete', { type: 'operator', name: 'op' });
    assert.equal(receipt.rejection?.code, 'OPERATOR_HAS_RESOURCES');
    assert.deepEqual(receipt.rejection?.details, [{ message: 'resource public/a' }]);
    assert.equal(events.kept.length, 1);
  });

  it('that are being deleted take no resources, though another copy asked for it', async () => {
    const { first, second } = await withOperator(2);
    assert.equal((await second.send('apply', set(1, 'early'))).accepted, true);
    await first.send('delete', { type: 'operator', name: 'op' });
    second.clock.advance(1001);
    assert.equal((await second.send('apply', set(1, 'late'))).rejection?.code, 'OPERATOR_DELETING');
  });
});
