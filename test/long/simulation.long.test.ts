// Many simulated histories; those of the unit tier are the first of them.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runHistory } from '../simulation/history.ts';

const HISTORIES = 3000;

it(`${HISTORIES} simulated histories keep the promises`, async () => {
  const broken: string[] = [];
  for (let seed = 1001; seed <= 1000 + HISTORIES; seed += 1) {
    const { breaches } = await runHistory(seed);
    if (breaches.length > 0) broken.push(`seed ${seed}: ${breaches[0]}`);
  }
  assert.deepEqual(broken, []);
});
