import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLedger } from '../../../../src/sdk/index.ts';

const ledgerAt = (now: () => number = () => 0) => createLedger({ now, graceMs: 60_000 });

describe('the ledger', () => {
  it('knows whose something is, and lets nobody take what is claimed', () => {
    const ledger = ledgerAt();
    ledger.claim('x', 'a');
    assert.deepEqual([ledger.isFree('x', 'a'), ledger.isFree('x', 'b'), ledger.take('x', 'b')], [true, false, false]);
    assert.equal(ledger.holderOf('x'), 'a');
    ledger.drop('x');
    assert.ok(ledger.take('x', 'b') && !ledger.take('x', 'a'));
  });

  it('waits for the starts that are under way and alike, and for no others', async () => {
    const ledger = ledgerAt();
    const order: string[] = [];
    let end = (): void => {};
    const started = ledger.whileStarting('alike', async () => {
      await new Promise<void>((resolve) => (end = resolve));
      order.push('start');
    });
    await ledger.startsEnded('other');
    const waited = ledger.startsEnded('alike').then(() => order.push('wait'));
    end();
    await Promise.all([started, waited]);
    assert.deepEqual(order, ['start', 'wait']);
  });

  it('is no authority on what another may have done that led in between', () => {
    let nowMs = 1000;
    const ledger = ledgerAt(() => nowMs);
    ledger.inTerm(4);
    assert.equal(ledger.adoptableAfterMs('r'), 10_000);
    assert.ok(ledger.reserve('place', 'r', 'a'));
    nowMs = 20_000;
    ledger.inTerm(4);
    assert.equal(ledger.adoptableAfterMs('r'), 0);
    assert.equal(ledger.adoptableAfterMs('s'), 1, 'the others get their first look before it');
    assert.ok(!ledger.reserve('place', 's', 'b'));
    ledger.inTerm(6);
    assert.equal(ledger.adoptableAfterMs('r'), 10_000);
    assert.ok(ledger.reserve('place', 's', 'b'));
  });

  it('gives one unconfirmed start for each place, until it is settled or its resource is gone', () => {
    const ledger = ledgerAt();
    assert.ok(ledger.reserve('1', 'r', 'a') && ledger.reserve('1', 'r', 'a') && ledger.reserve('2', 's', 'b'));
    assert.ok(!ledger.reserve('1', 's', 'b'));
    ledger.settle('r');
    assert.ok(ledger.reserve('1', 't', 'c'));
    ledger.release('c');
    assert.ok(ledger.reserve('1', 's', 'b'));
  });

  it('keeps an answer until it is settled', () => {
    const ledger = ledgerAt();
    ledger.keepAnswer('r', 'x');
    assert.equal(ledger.answerFor('r'), 'x');
    ledger.settle('r');
    assert.equal(ledger.answerFor('r'), undefined);
  });
});
