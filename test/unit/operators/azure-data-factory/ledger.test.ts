import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLedger } from '../../../../src/operators/azure-data-factory/ledger.ts';

describe('the ledger', () => {
  it('knows whose a run is, and which is being started', async () => {
    const ledger = createLedger(() => 0);
    ledger.claim('adf-1', 'public.a');
    assert.ok(ledger.isClaimedByOther('adf-1', 'public.b') && !ledger.isClaimedByOther('adf-1', 'public.a'));
    const started = ledger.whileStarting('run-1', 'alike', async () => {
      assert.ok(ledger.isOtherStarting('run-2', 'alike') && !ledger.isOtherStarting('run-1', 'alike'));
      return 'adf-2';
    });
    assert.equal(await started, 'adf-2');
    assert.ok(!ledger.isOtherStarting('run-2', 'alike'));
  });

  it('is no authority on what another may have done that led in between', async () => {
    let nowMs = 1000;
    const ledger = createLedger(() => nowMs);
    ledger.inTerm(4);
    await ledger.whileStarting('run-1', 'alike', async () => undefined);
    nowMs = 9000;
    ledger.inTerm(4);
    assert.equal(ledger.sinceMs, 1000);
    assert.ok(ledger.intended('run-1'));
    ledger.inTerm(6);
    assert.equal(ledger.sinceMs, 9000, 'the others get their time again to say what is theirs');
    assert.ok(!ledger.intended('run-1'));
  });
});
