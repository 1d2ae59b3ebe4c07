// What components print, from their outputs over OPSTREAM_LOGS to `opstream logs`: a runtime that is killed with -9 loses and doubles nothing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { decodeLogMessage } from '../../src/messages/component-log.ts';
import { endComponents } from '../../src/compute/instance-records.ts';
import { ended, temporaryFolder, track } from '../support/children.ts';
import { nodeArguments, root } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { componentOf, supervisedOperator } from '../support/supervised-operator.ts';
import { waitFor } from '../support/wait-for.ts';

const OPERATOR = 'talker';
const WORD = 'swordfish-42';
const component = join(root, 'test', 'support', 'talking-component.mjs');

let folder: ReturnType<typeof temporaryFolder>;
let instance: RunningInstance;

before(async () => {
  folder = temporaryFolder();
  const env = {
    OPSTREAM_DATA: folder.path,
    OPSTREAM_COMPONENT_NATS_PASSWORD: WORD,
    OPSTREAM_COMPUTES: 'runnable-default=process',
    OPSTREAM_CONTAINER_ENGINE: 'no-container-engine',
  };
  instance = await startInstance({ env });
});
after(async () => {
  await instance.stop();
  await endComponents(folder.path, 100);
  folder.remove();
});

const operator = (change: JsonObject = {}): JsonObject =>
  supervisedOperator(OPERATOR, {
    command: ['node', component],
    environmentVars: { METRIC_PORT: 0, SECRET_WORD: WORD, TALK_EVERY_MS: 20 },
    ...change,
  });
const apply = async (manifest: JsonObject): Promise<void> => {
  const receipt = await instance.client.send('apply', encodeJson(manifest));
  assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
};

const stored = async () => {
  const { names } = instance;
  const messages = await instance.messages(names.streams.logs);
  return messages.flatMap((message) => {
    const decoded = decodeLogMessage(message.data);
    assert.ok(decoded, 'a message that can be read');
    return decoded.lines.map((line) => ({ ...line, instance: decoded.instance, subject: message.subject }));
  });
};

/** `opstream logs` as a program. */
const logs = (...flags: readonly string[]) => {
  const args = [...nodeArguments('src/cli/main.ts'), 'logs', '-t', 'operator', '-n', OPERATOR, ...flags];
  const env = { ...process.env, OPSTREAM_NATS_URL: instance.server.url };
  const child = track(
    spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] }),
    'opstream logs',
  );
  const texts = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
  child.stderr?.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
  return {
    texts,
    lines: (): readonly string[] => texts.out.split('\n').slice(0, -1),
    interrupt: async (): Promise<number | null> => {
      child.kill('SIGINT');
      await ended(child);
      return child.exitCode;
    },
    end: async (): Promise<number | null> => {
      await ended(child);
      return child.exitCode;
    },
  };
};

/** 1, 2, 3, … as far as there are any. */
const numbersIn = (lines: readonly string[]): readonly number[] =>
  lines.flatMap((text) => (/^line \d+$/.test(text) ? [Number(text.slice(5))] : []));
const assertWhole = (numbers: readonly number[], first = 1): void =>
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, index) => first + index),
  );

describe('logs of components', () => {
  it('are in the stream once each, although the runtime is killed again and again', async () => {
    await apply(operator());
    const follower = logs('-c', 'worker', '-f', '--tail', '-1');
    for (let kills = 0; kills < 3; kills += 1) {
      const enough = 60 * (kills + 1);
      await waitFor(async () => numbersIn((await stored()).map(({ text }) => text)).length >= enough, {
        what: `${enough} lines in the stream`,
        timeoutMs: 30_000,
        intervalMs: 100,
      });
      await instance.replace('operator-runtime');
    }
    await waitFor(async () => numbersIn((await stored()).map(({ text }) => text)).length >= 260, {
      what: '260 lines in the stream',
      timeoutMs: 30_000,
      intervalMs: 100,
    });
    const lines = await stored();
    assert.equal(new Set(lines.map((line) => line.instance)).size, 1, 'the component went on');
    assert.deepEqual([...new Set(lines.map((line) => line.subject))], [`opstream.log.${OPERATOR}.worker.0`]);
    assertWhole(numbersIn(lines.filter(({ output }) => output === 'stdout').map(({ text }) => text)));
    assert.ok(lines.some(({ output, text }) => output === 'stderr' && text === 'error 10'));
    assert.equal(lines[0]?.text, 'the word is ***');

    await waitFor(() => numbersIn(follower.lines()).length >= 260, { what: 'the follower to have them' });
    assert.equal(await follower.interrupt(), 0, follower.texts.err);
    assertWhole(numbersIn(follower.lines()));
    assert.ok(follower.lines().includes('error 10'));
    assert.ok(!follower.texts.out.includes(WORD));
  });

  it('are listed by number, by age and as JSON', async () => {
    const few = logs('-c', 'worker', '--tail', '5');
    assert.equal(await few.end(), 0, few.texts.err);
    assert.equal(few.lines().length, 5);
    assertWhole(numbersIn(few.lines()), numbersIn(few.lines())[0]);
    const json = logs('--since', '1h', '-o', 'json');
    assert.equal(await json.end(), 0, json.texts.err);
    const entries = json.lines().map((line) => JSON.parse(line) as JsonObject);
    assert.ok(entries.length >= 260);
    const { time, ...first } = entries[0] ?? {};
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 3_600_000);
    assert.match(String(first['instance']), /^talker\.worker\.0\.[0-9a-f]+$/);
    assert.deepEqual(
      { ...first, instance: '', revision: '' },
      {
        ...{ operator: OPERATOR, component: 'worker', replica: 0, revision: '', instance: '' },
        ...{ output: 'stdout', text: 'the word is ***' },
      },
    );
  });

  it('say what is missing', async () => {
    const component = logs('-c', 'workr');
    assert.equal(await component.end(), 1);
    assert.match(component.texts.err, /has no component "workr"; it has worker; did you mean worker\?/);
    const name = logs('-n', 'nobody').end();
    assert.equal(await name, 2);
  });

  it('tell replicas apart, and are there when the operator is gone', async () => {
    await apply(operator({ replicas: 2 }));
    await waitFor(
      async () =>
        (await componentOf(instance.client, OPERATOR))?.instances?.filter(({ state }) => state === 'ready').length ===
        2,
      {
        what: 'two replicas',
        timeoutMs: 20_000,
      },
    );
    await waitFor(async () => (await stored()).some(({ subject }) => subject.endsWith('.worker.1')), {
      what: 'lines of the second',
    });
    const both = logs('--tail', '3');
    assert.equal(await both.end(), 0, both.texts.err);
    assert.deepEqual([...new Set(both.lines().map((line) => line.split(' ')[0]))].sort(), ['[worker/0]', '[worker/1]']);
    assert.equal(both.lines().length, 6);

    const { accepted } = await instance.client.send('delete', encodeJson({ type: 'operator', name: OPERATOR }));
    assert.equal(accepted, true);
    await waitFor(async () => (await stored()).filter(({ text }) => text === 'the last word').length === 2, {
      what: 'the last word of both',
      timeoutMs: 20_000,
    });
    await waitFor(async () => !(await instance.client.query('get', { type: 'operator', name: OPERATOR })).ok, {
      what: 'the operator to be gone',
      timeoutMs: 20_000,
    });
    // What it wrote to its two outputs at the same moment has no order between them.
    const late = logs('-c', 'worker', '--replica', '1', '--tail', '5');
    assert.equal(await late.end(), 0, late.texts.err);
    assert.equal(late.lines().length, 5);
    assert.ok(late.lines().includes('the last word'), late.lines().join('\n'));
  });
});
