// When an unanswered command is sent again: never while it waits in the channel, otherwise at growing pauses.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDue, type Debt } from '../../../../src/engine/dispatch/debt.ts';
import { type ChannelPosition } from '../../../../src/engine/ports/channel.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const due = (debt: Partial<Debt>, position: Partial<ChannelPosition>, afterMs: number): boolean =>
  isDue(
    { sinceMs: 0, sentBy: 10, tries: 0, ...debt },
    { firstSequence: 1, lastSequence: 20, ...position },
    { nowMs: afterMs, answerWaitMs: 10_000 },
  );

describe('isDue', () => {
  it('waits for as long as the command lies in the channel and is not taken', () => {
    assert.equal(due({}, { takenTo: 9 }, 1000 * HOUR), false);
    assert.equal(due({}, { takenTo: 10 }, HOUR), true);
  });

  it('is due soon when the channel has forgotten it, whatever its consumers have taken', () => {
    for (const taken of [{}, { takenTo: 0 }, { takenTo: 10 }]) {
      assert.equal(due({}, { firstSequence: 11, ...taken }, 9_999), false);
      assert.equal(due({}, { firstSequence: 11, ...taken }, 10_000), true);
      assert.equal(due({}, { firstSequence: 10, ...taken }, 10_000), false);
    }
  });

  it('gives who has taken it more time, and doubles it up to an hour', () => {
    const taken = { takenTo: 20 };
    assert.equal(due({}, taken, 29_999), false);
    assert.equal(due({}, taken, 30_000), true);
    assert.equal(due({ tries: 3 }, taken, 239_999), false);
    assert.equal(due({ tries: 3 }, taken, 240_000), true);
    assert.equal(due({ tries: 60 }, taken, HOUR - 1), false);
    assert.equal(due({ tries: 60 }, taken, HOUR), true);
  });

  it('tries more seldom where nobody takes anything', () => {
    assert.equal(due({}, {}, 30_000), true);
    assert.equal(due({ tries: 60 }, {}, 6 * HOUR - 1), false);
    assert.equal(due({ tries: 60 }, {}, 6 * HOUR), true);
  });
});
