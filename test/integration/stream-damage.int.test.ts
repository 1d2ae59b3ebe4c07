// What a server cannot read any more is not what never was: a stream with a block that somebody has overwritten, or that a disk has lost.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import type { StreamReader } from '../../src/engine/ports/streams.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createLeaderReader, createLimitedStreamReader } from '../../src/jetstream/limited-stream.ts';
import { findGaps } from '../../src/jetstream/stream-gaps.ts';
import { createWholeStreamReader, type WholeStreamReader } from '../../src/jetstream/whole-stream.ts';
import { api, bytes, openConnection, type Opened } from '../support/jetstream.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, nodeArguments } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let server: TestServer;
let opened: Opened;
let reader: WholeStreamReader;
let stream = '';
let count = 0;

before(async () => {
  server = await startNatsServer();
  opened = await openConnection(server);
});
after(async () => {
  await opened.connection.close();
  await server.stop();
});

const blockOf = ({ storeDir }: TestServer, name: string): string =>
  join(storeDir, 'jetstream', '$G', 'streams', name, 'msgs', '1.blk');

/** Ends the server, changes the block of the stream, and starts it again. */
const damage = async (change: (path: string) => void): Promise<void> => {
  await server.end();
  change(blockOf(server, stream));
  await server.restart();
};

/** Turns a byte of the data that begins with `text`. */
const turnByteOf =
  (text: string) =>
  (path: string): void => {
    const block = readFileSync(path);
    const at = block.indexOf(text);
    assert.ok(at > 0);
    block[at + 3] = (block[at + 3] ?? 0) ^ 0xff;
    writeFileSync(path, block);
  };
const cutAt =
  (text: string) =>
  (path: string): void =>
    truncateSync(path, readFileSync(path).indexOf(text));

const isDamaged = (error: unknown): boolean => isFault(error, 'STREAM_DAMAGED') && error.retry === 'later';

beforeEach(async () => {
  stream = `W${(count += 1)}`;
  await api(opened.connection, `STREAM.CREATE.${stream}`, {
    ...{ name: stream, subjects: [`${stream}.>`], storage: 'file', allow_direct: true, allow_atomic: true },
    ...{ deny_delete: true, deny_purge: true },
  });
  const append = (subject: string, text: string) => ({ subject: `${stream}.${subject}`, id: text, data: bytes(text) });
  await createAppender(opened.connection, stream).append([
    append('many', 'many-1'),
    append('many', 'many-2'),
    append('single', 'single-1'),
    append('many', 'many-3'),
    append('other', 'other-1'),
  ]);
  reader = createWholeStreamReader(opened.connection, stream);
});

describe('a stream from which nothing may be removed', () => {
  it('says of what was never stored that it is not there', async () => {
    assert.deepEqual(await reader.readSubject(`${stream}.never`), []);
    assert.equal(await reader.readLast(`${stream}.never`), undefined);
    assert.equal(await reader.readBySequence(6), undefined);
    assert.equal((await reader.readSubject(`${stream}.many`)).length, 3);
    await reader.checkWhole();
  });

  it('does not say so of a subject whose only message cannot be read; others are read', async () => {
    await damage(turnByteOf('single-1'));
    await assert.rejects(reader.readSubject(`${stream}.single`), isDamaged);
    await assert.rejects(reader.readLast(`${stream}.single`), isDamaged);
    await assert.rejects(reader.readBySequence(3), isDamaged);
    assert.equal((await reader.readSubject(`${stream}.many`)).length, 3);
    assert.deepEqual(await reader.readSubject(`${stream}.never`), []);
  });

  it('knows which subjects have messages, those that cannot be read among them', async () => {
    const { subjects } = reader;
    const isKnown = (): boolean => !subjects.mayHave(`${stream}.never`);
    await waitFor(isKnown, { what: 'the subjects to be known' });
    assert.ok(subjects.mayHave(`${stream}.single`));
    subjects.add(`${stream}.later`);
    assert.ok(subjects.mayHave(`${stream}.later`));
    await damage(turnByteOf('single-1'));
    // They are asked for anew, and until then everything may be there.
    await waitFor(isKnown, { what: 'the subjects to be known again' });
    assert.ok(subjects.mayHave(`${stream}.single`));
  });

  it('does not give a history that leaves out what cannot be read', async () => {
    await damage(turnByteOf('many-2'));
    await assert.rejects(reader.readSubject(`${stream}.many`), isDamaged);
    assert.equal((await reader.readSubject(`${stream}.single`)).length, 1);
  });

  it('does not take for the end of a history what cannot be read at its end', async () => {
    await damage(turnByteOf('many-3'));
    await assert.rejects(reader.readSubject(`${stream}.many`), isDamaged);
    await assert.rejects(reader.readSubject(`${stream}.many`, { fromSequence: 3 }), isDamaged);
    assert.deepEqual(await reader.readSubject(`${stream}.*`, { fromSequence: 6 }), []);
  });

  it('gives nothing once the server has forgotten messages, and takes nothing', async () => {
    await reader.checkWhole();
    await damage(cutAt('single-1'));
    await assert.rejects(reader.readSubject(`${stream}.single`), isDamaged);
    await assert.rejects(reader.readSubject(`${stream}.never`), isDamaged);
    await assert.rejects(reader.readSubject(`${stream}.many`), isDamaged);
    await assert.rejects(async () => reader.checkWhole(), isDamaged);
  });
});

describe('a stream with limits', () => {
  /** `single` once, and `many` from #2 to #5. */
  const openLimited = async (config: object): Promise<StreamReader> => {
    stream = `L${(count += 1)}`;
    await api(opened.connection, `STREAM.CREATE.${stream}`, {
      ...{ name: stream, subjects: [`${stream}.>`], storage: 'file', allow_direct: true },
      ...config,
    });
    const appender = createAppender(opened.connection, stream);
    for (const [subject, text] of ['single-1', 'many-2', 'many-3', 'many-4', 'many-5'].map((one) => one.split('-')))
      await appender.append([
        { subject: `${stream}.${subject}`, id: `${subject}-${text}`, data: bytes(`${subject}-${text}`) },
      ]);
    return createLimitedStreamReader(opened.connection, stream);
  };

  it('says of what was never stored, or has gone by its limits, that it is not there', async () => {
    const limited = await openLimited({ max_msgs: 3 });
    assert.equal(await limited.readLast(`${stream}.never`), undefined);
    assert.deepEqual(await limited.readSubject(`${stream}.single`), []);
    const each = await openLimited({ max_msgs_per_subject: 2 });
    assert.equal(await each.readLast(`${stream}.never`), undefined);
    assert.equal((await each.readSubject(`${stream}.many`)).length, 2);
  });

  it('does not say so of what cannot be read', async () => {
    const limited = await openLimited({ max_msgs_per_subject: 100 });
    await damage(turnByteOf('single-1'));
    await assert.rejects(limited.readLast(`${stream}.single`), isDamaged);
    await assert.rejects(limited.readSubject(`${stream}.single`), isDamaged);
    const leader = createLeaderReader(opened.connection, stream);
    await assert.rejects(leader.readLast(`${stream}.single`), isDamaged);
    assert.equal((await limited.readLast(`${stream}.many`))?.sequence, 5);
  });

  it('does not say so while messages are missing that no limit has taken', async () => {
    const limited = await openLimited({});
    await api(opened.connection, `STREAM.MSG.DELETE.${stream}`, { seq: 3 });
    await assert.rejects(limited.readLast(`${stream}.never`), isDamaged);
    assert.equal((await limited.readLast(`${stream}.many`))?.sequence, 5);
  });
});

describe('what is missing of a stream with limits', () => {
  /** `count` messages on each of the subjects, by turns; #1 is the first of `subjects[0]`. */
  const filled = async (config: object, subjects: readonly string[], each: number): Promise<void> => {
    stream = `G${(count += 1)}`;
    await api(opened.connection, `STREAM.CREATE.${stream}`, {
      ...{ name: stream, subjects: [`${stream}.>`], storage: 'file', allow_direct: true, allow_atomic: true },
      ...config,
    });
    const all = Array.from({ length: each }, (_, turn) => subjects.map((subject) => `${subject}-${turn}`)).flat();
    await createAppender(opened.connection, stream).append(
      all.map((id) => ({ subject: `${stream}.${id.split('-')[0]}`, id, data: bytes(id) })),
    );
  };
  const remove = (...sequences: readonly number[]) =>
    Promise.all(sequences.map((seq) => api(opened.connection, `STREAM.MSG.DELETE.${stream}`, { seq })));
  const gaps = () => findGaps(opened.connection, stream);

  it('is nothing when its limits have taken it', async () => {
    await filled({ max_msgs: 3 }, ['a'], 9);
    assert.equal(await gaps(), undefined);
    await filled({ max_msgs_per_subject: 2 }, ['a', 'b', 'c'], 9);
    assert.equal(await gaps(), undefined);
    await filled({ max_msgs_per_subject: 1 }, ['a', 'b'], 9);
    assert.equal(await gaps(), undefined);
  });

  it('is told with the first of it, where limits take from the beginning', async () => {
    await filled({ max_msgs: 8 }, ['a'], 10);
    await remove(5, 6, 9);
    assert.deepEqual(await gaps(), { missing: 3, first: 5 });
  });

  it('is told with a limit for each subject, behind what that can have taken', async () => {
    // a: #1, #3 … #19; b: #2, #4 … #20. Then only a goes on, and is at its limit: its oldest is #13.
    await filled({ max_msgs_per_subject: 10 }, ['a', 'b'], 9);
    assert.equal(await gaps(), undefined);
    await createAppender(opened.connection, stream).append(
      Array.from({ length: 7 }, (_, turn) => ({ subject: `${stream}.a`, id: `late-${turn}`, data: bytes('late') })),
    );
    assert.equal(await gaps(), undefined);
    const first = await createLimitedStreamReader(opened.connection, stream).readSubject(`${stream}.a`, { limit: 1 });
    assert.equal(first[0]?.sequence, 13);
    await remove(4);
    assert.equal(await gaps(), undefined, 'a limit may have taken it');
    await remove(16, 18);
    assert.deepEqual(await gaps(), { missing: 2, first: 16 });
  });
});

/** Ended after a minute, with a code that no test expects. */
const runCli = (instance: RunningInstance, argv: readonly string[]) =>
  new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
    const env = { ...process.env, OPSTREAM_NATS_URL: instance.server.url };
    const child = execFile(
      process.execPath,
      [...nodeArguments('src/cli/main.ts'), ...argv],
      { env, timeout: 60_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, text: `${stdout}${stderr}` }),
    );
  });

describe('a command on what cannot be read any more', () => {
  it('fails, to be sent again, and is neither refused nor begins anew', async () => {
    const instance = await startInstance({ copies: { projector: 1, 'operator-runtime': 0 } });
    try {
      const { client } = instance;
      const tellsDamage = async (...argv: readonly string[]): Promise<void> => {
        const { code, text } = await runCli(instance, argv);
        assert.equal(code, 1, text);
        assert.match(text, /operators: OPSTREAM_EVENTS: .*restore it/);
      };
      await mustApply(client, operatorNamed('op'));
      await mustApply(client, datasetOf('op', 'first', { value: 'mark-of-first' }));
      await mustApply(client, operatorNamed('whole'));
      await instance.kill9('command-handler');
      await instance.server.end();
      const block = blockOf(instance.server, instance.names.streams.events);
      turnByteOf('op-channel')(block);
      turnByteOf('mark-of-first')(block);
      await instance.server.restart();
      await instance.start('command-handler');
      await mustApply(client, datasetOf('whole', 'second', { value: 1 }));
      const target = { type: 'resource', workspace: 'public', name: 'first' };
      await assert.rejects(client.send('delete', target), isDamaged);
      await assert.rejects(client.send('apply', datasetOf('op', 'first', { value: 2 })), isDamaged);
      // Its operator is not unknown.
      await assert.rejects(client.send('apply', datasetOf('op', 'other', { value: 1 })), isDamaged);
      await assert.rejects(client.query('history', target), /OPSTREAM_EVENTS: .*restore it/);
      await tellsDamage('verify');
      await tellsDamage('rebuild', 'operators');
      // Nothing was taken away for want of what cannot be read.
      assert.ok((await client.query('get', { type: 'operator', name: 'op' })).ok);

      await instance.kill9('command-handler');
      await instance.server.end();
      cutAt('whole-channel')(block);
      await instance.server.restart();
      await instance.start('command-handler');
      await tellsDamage('verify');
      await assert.rejects(client.send('apply', datasetOf('whole', 'second', { value: 2 })), isDamaged);
      await assert.rejects(client.send('apply', datasetOf('op', 'first', { value: 2 })), isDamaged);
      await assert.rejects(client.query('history', target), /OPSTREAM_EVENTS: .*restore it/);
    } finally {
      await instance.stop();
    }
  });
});
