// What is said about the end of a component: from the file that the SDK keeps and the end of its error output.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastWords } from '../../../src/compute/last-words.ts';
import { decideComponent, defaultSettings, type ObservedInstance } from '../../../src/engine/supervision/decide.ts';
import type { InstanceSpec } from '../../../src/engine/supervision/ports.ts';
import { MAX_PLACES, PLACE_BYTES } from '../../../src/messages/at-work.ts';
import { silentLog } from '../../../src/program/logger.ts';
import { createAtWork } from '../../../src/sdk/at-work.ts';
import { temporaryFolder } from '../../support/children.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const atWork = join(folder.path, 'at-work');
const path = join(folder.path, 'stderr.log');
const words = (from = 0) => lastWords({ atWork, stderr: { path, from } });

describe('what was worked on', () => {
  it('is what has begun and not ended, as far as there are places', () => {
    assert.deepEqual(words(), {}, 'no file');
    const kept = createAtWork(atWork, silentLog);
    const leave = ['public.a', 'public.b', 'sandbox.c'].map((key) => kept.begin(key));
    assert.deepEqual(words().atWork, ['public.a', 'public.b', 'sandbox.c']);
    leave[1]?.();
    assert.deepEqual(words().atWork, ['public.a', 'sandbox.c']);
    const more = Array.from({ length: 100 }, (_, index) => kept.begin(`public.more-${index}`));
    assert.equal(words().atWork?.length, MAX_PLACES);
    [...more, leave[0], leave[2]].forEach((end) => end?.());
    assert.equal(words().atWork, undefined);
    assert.equal(readFileSync(atWork).length, MAX_PLACES * PLACE_BYTES);
  });

  it('is left out when it is no key, or cannot be kept', () => {
    writeFileSync(atWork, 'public.a\nA.b\n"; drop\npublic.b.c\n');
    assert.deepEqual(words().atWork, ['public.a']);
    createAtWork(join(folder.path, 'no', 'such', 'folder'), silentLog).begin('public.a')();
    createAtWork(undefined, silentLog).begin('public.a')();
  });
});

describe('memory', () => {
  it('is what the last process said of it, and not an earlier one', () => {
    writeFileSync(path, 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n');
    const from = readFileSync(path).length;
    assert.equal(words().isOutOfMemory, true);
    appendFileSync(path, 'exit 3\n');
    assert.equal(words(from).isOutOfMemory, undefined);
  });
});

const spec: InstanceSpec = {
  ...{ id: 'op.worker.0.r1', operator: 'op', component: 'worker', replica: 0, revision: 'r1' },
  ...{ type: 'worker', image: 'i', command: [], arguments: [], environment: {}, files: [], ports: [] },
};

const toldOf = (end: Partial<ObservedInstance>): string | undefined =>
  decideComponent({
    ...{
      desired: [spec],
      driver: 'process',
      history: new Map(),
      nowMs: 10,
      settings: defaultSettings,
      random: () => 0.5,
    },
    observed: [
      {
        id: spec.id,
        state: 'exited',
        isReady: false,
        startedMs: 1,
        handle: '7',
        addresses: {},
        driver: 'process',
        ...end,
      },
    ],
  }).history.get(0)?.lastFailure?.message;

describe('the failure of a component that has ended', () => {
  it('names what was worked on, and memory', () => {
    assert.equal(toldOf({ exitCode: 3 }), 'ended with exit code 3');
    assert.equal(toldOf({ exitCode: 3, atWork: ['public.a'] }), 'ended with exit code 3, while it worked on public.a');
    assert.equal(
      toldOf({ exitSignal: 'SIGABRT', isOutOfMemory: true, atWork: ['a.1', 'a.2', 'a.3', 'a.4', 'a.5'] }),
      'ran out of memory and was ended by SIGABRT, while it worked on a.1, a.2, a.3 and 2 more',
    );
    assert.match(
      toldOf({ exitSignal: 'SIGKILL' }) ?? '',
      /was ended by SIGKILL, as the system does it when memory is short/,
    );
  });
});
