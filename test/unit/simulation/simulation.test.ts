// Histories of the whole instance in one process, with everything that can go wrong: `npm run simulate` runs more of them, test/long many more.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHistory } from '../../simulation/history.ts';

const HISTORIES = 60;
const FIRST_SEED = 1;

describe('simulated histories', () => {
  it(`keep the promises, ${HISTORIES} of them`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed += 1) {
      const { breaches } = await runHistory(seed);
      assert.deepEqual(breaches, [], `seed ${seed}; again: npm run simulate -- --seed ${seed} --trace`);
    }
  });

  it('are the same each time', async () => {
    const tell = async (): Promise<readonly string[]> => {
      const lines: string[] = [];
      await runHistory(7, (line) => lines.push(line));
      return lines;
    };
    const first = await tell();
    assert.ok(first.length > 50, `saw only ${first.length} lines`);
    assert.deepEqual(await tell(), first);
  });
});
