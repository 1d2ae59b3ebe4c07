// `opstream up` on a disk that is really full, too small, or read-only: small file systems in memory, which only root may mount. Elsewhere skipped.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import type { Client } from '../../src/client/types.ts';
import { temporaryFolder } from '../support/children.ts';
import { startUp, untilUp } from '../support/instance.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { opstreamAt } from '../support/opstream-at.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';
import { clientOf } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const MIB = 1024 * 1024;
const folder = temporaryFolder();
const mounted: string[] = [];

/** Undefined where it is not permitted. */
const disk = (name: string, sizeMiB: number): string | undefined => {
  const path = join(folder.path, name);
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounted.push(path);
  return path;
};
const [small, room] = [disk('small', 200), disk('room', 300)];
const skip = (small === undefined || room === undefined) && 'file systems may not be mounted here';

/** Writes until there is no room. */
const fillUp = (path: string): void => {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, new Uint8Array(MIB));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
};

let up: TestProcess | undefined;
let client: Client | undefined;
after(async () => {
  await client?.close();
  await up?.terminate(30_000);
  for (const path of mounted) execFileSync('umount', ['-l', path]);
  folder.remove();
});

/** Larger than what the last page of a file has left. */
const refused = datasetOf('op', 'refused', { text: 'x'.repeat(100_000) });
const isTaken = (name: string): Promise<boolean> =>
  mustApply(client as Client, datasetOf('op', name, { name })).then(
    () => true,
    () => false,
  );

describe('a disk without room', { skip }, () => {
  const data = join(room ?? '', 'data');

  it('is named by `up` with the path and the room, when it has less than 256 MiB', async () => {
    const attempt = await startUp(join(small ?? '', 'data'));
    const { code } = await attempt.ended;
    assert.equal(code, 2);
    assert.match(attempt.output(), /the disk of \S+ has 199 MiB of 200 MiB free; a new instance needs 256 MiB/);
  });

  it('is told by `up`, by clients and by doctor when it fills up', async () => {
    up = await startUp(data);
    const url = await untilUp(up);
    client = await clientOf(url);
    await mustApply(client, operatorNamed('op'));
    assert.equal(await isTaken('before'), true);
    fillUp(join(room ?? '', 'filler'));
    await waitFor(() => up?.output().includes('nothing can be stored'), { what: '`up` to say so' });
    await waitFor(
      () =>
        mustApply(client as Client, refused, { commandId: 'refused' }).then(
          () => false,
          (error: unknown) => isFault(error, 'JS_STORE_FULL') && error.message.includes(data),
        ),
      { timeoutMs: 30_000, what: 'a refusal that names the folder' },
    );
    const { code, out } = await opstreamAt(url, 'doctor');
    assert.equal(code, 1);
    assert.match(out, /^FAIL .*JS_STORE_FULL: the disk of \S+data is full \(\d MiB of 300 MiB free\)/m);
  });

  it('is taken again within seconds when there is room, without anybody starting anything, and nothing is lost', async () => {
    rmSync(join(room ?? '', 'filler'));
    await waitFor(() => isTaken('after'), { timeoutMs: 30_000, what: 'commands to be taken again' });
    assert.match(up?.output() ?? '', /there is room again, starting the NATS server anew/);
    // The command that was refused was not half stored: the same one is carried out now, once.
    const again = await mustApply(client as Client, refused, { commandId: 'refused' });
    assert.equal(again.entity?.generation, 1);
    const listed = await client?.query('list', { type: 'resource', minSequence: again.events[0]?.sequence });
    assert.ok(listed?.ok);
    assert.deepEqual(listed.value.items.map(({ name }) => name).sort(), ['after', 'before', 'refused']);
  });

  it('is named by `up` when it has become read-only', async () => {
    await client?.close();
    await up?.terminate(30_000);
    execFileSync('mount', ['-o', 'remount,ro', room ?? '']);
    const attempt = await startUp(data);
    const { code } = await attempt.ended;
    assert.equal(code, 2);
    assert.match(attempt.output(), /data\S* cannot be written \(EROFS\)/);
  });
});
