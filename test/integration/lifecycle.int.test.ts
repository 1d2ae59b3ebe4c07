// Programs as the operating system sees them: exit codes, signals, what they print.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

type Program = { output(): string; kill(signal: NodeJS.Signals): void; readonly code: Promise<number | null> };

const run = (script: string, env: Readonly<Record<string, string>> = {}, argv: readonly string[] = []): Program => {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, '--', ...argv], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    output: () => text,
    kill: (signal) => child.kill(signal),
    code: new Promise((resolve) => child.once('close', resolve)),
  };
};

const program = (main: string): string =>
  `import { runProcess } from ${source('program/lifecycle.ts')};
   import { Fault } from ${source('core/fault.ts')};
   await runProcess('test', async (signal, context) => { ${main} }, { stopDeadlineMs: 500 });`;

const started = async (one: Program): Promise<void> => {
  await waitFor(() => one.output().includes('started'), { what: 'start' });
};

test('the exit code says how it ended', async () => {
  const cases: readonly (readonly [string, number])[] = [
    ['return;', 0],
    ['return 3;', 3],
    ["throw new Fault('CONFIG_INVALID', 'x');", 2],
    ["throw new Fault('NATS_UNREACHABLE', 'x');", 4],
    ["throw new Fault('JS_REFUSED', 'x');", 1],
    ["throw new Error('bug');", 70],
    ["setTimeout(() => { throw new Error('bug'); }, 1); await new Promise(() => {});", 70],
    ["Promise.reject(new Error('bug')); await new Promise((resolve) => setTimeout(resolve, 1000));", 70],
  ];
  const codes = await Promise.all(cases.map(([main]) => run(program(main)).code));
  assert.deepEqual(
    codes,
    cases.map(([, code]) => code),
  );
});

test('a closed terminal is a polite end', async () => {
  const one = run(
    program(
      "context.print('started'); const alive = setInterval(() => {}, 1000); await new Promise((resolve) => signal.addEventListener('abort', resolve)); clearInterval(alive); return 5;",
    ),
  );
  await started(one);
  one.kill('SIGHUP');
  assert.equal(await one.code, 5);
});

test('the first signal lets it end, a second one does not wait, and nothing waits for ever', async () => {
  const untilAborted =
    "context.print('started'); await new Promise((resolve) => { const alive = setInterval(() => {}, 1000); signal.addEventListener('abort', () => { clearInterval(alive); resolve(); }); });";
  const deaf = "context.print('started'); setInterval(() => {}, 1000); await new Promise(() => {});";
  const polite = run(program(untilAborted));
  const impatient = run(program(deaf));
  const stubborn = run(program(deaf));
  await Promise.all([polite, impatient, stubborn].map(started));
  polite.kill('SIGTERM');
  assert.equal(await polite.code, 0);
  impatient.kill('SIGINT');
  await waitFor(() => impatient.output().includes('stopping'), { what: 'first signal seen' });
  impatient.kill('SIGTERM');
  assert.equal(await impatient.code, 130);
  stubborn.kill('SIGTERM');
  assert.equal(await stubborn.code, 3);
});

test('a log that is written to a full disk does not end the program', async () => {
  const full = openSync('/dev/full', 'w');
  const main = "for (let line = 0; line < 100; line += 1) context.log.info({ line }, 'a line'); return 5;";
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program(main)], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', full, 'ignore'],
  });
  closeSync(full);
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 5);
});

test('a component names every problem of its configuration and ends with the usage code', async () => {
  const component = run(
    `import { runOperator } from ${source('sdk/index.ts')};
     await runOperator({ reconciler: { id: () => 'test', init: () => {}, reconcile: async () => ({}) } });`,
    { OPERATOR_MAX_WORKERS: 'many', METRIC_PORT: 'x', OPSTREAM_NATS_PASSWORD: 'hunter2' },
  );
  assert.equal(await component.code, 2);
  for (const name of ['OPERATOR_MAX_WORKERS', 'METRIC_PORT', 'ENTITY_OF_INTEREST_MESSAGE_STREAM']) {
    assert.ok(component.output().includes(name), name);
  }
  assert.ok(!component.output().includes('hunter2'));
});

test('a component that waits for its server stops when it is told to', async () => {
  const component = run(
    `import { runOperator } from ${source('sdk/index.ts')};
     await runOperator({ reconciler: { id: () => 'test', init: () => {}, reconcile: async () => ({}) } });`,
    {
      OPSTREAM_NATS_URL: 'nats://127.0.0.1:1',
      METRIC_PORT: '0',
      ENTITY_OF_INTEREST_MESSAGE_STREAM: 's',
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'c',
    },
  );
  const port = await waitFor(() => /"port":(\d+)/.exec(component.output())?.[1], { what: 'metrics port' });
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 503);
  assert.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /reconcile_duration_seconds_count 0/);
  component.kill('SIGTERM');
  assert.equal(await component.code, 0);
});

test('everything that was printed arrives, also through a pipe that is read slowly', async () => {
  // The reader begins late: the pipe is full long before the program ends.
  const script = program(
    "for (let line = 0; line < 5000; line += 1) process.stdout.write('x'.repeat(99) + '\\n'); process.stderr.write('printed');",
  );
  const command = 'exec 3<&0; "$0" --import tsx --input-type=module -e "$1" | { read go <&3; wc -l; }';
  const child = spawn('sh', ['-c', command, process.execPath, script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH: process.env['PATH'] ?? '' },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.once('data', () => child.stdin.end('go\n'));
  await new Promise((resolve) => child.once('close', resolve));
  assert.equal(Number(text.trim()), 5000);
});
