import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.ts';

// The README's tour, run as it stands with the real nats CLI against `opstream up --example` on a port of its own.

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const natsCli = process.env['OPSTREAM_NATS_CLI'];
const skip =
  natsCli === undefined
    ? `the nats CLI is not there: ${process.env['OPSTREAM_NATS_CLI_MISSING'] ?? 'OPSTREAM_NATS_CLI is not set'}`
    : false;

type Step = { readonly expected: string; readonly command: string };

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const steps: readonly Step[] = [...readme.matchAll(/<!-- tour(?:: (.*?))? -->\n```sh\n([\s\S]*?)```/g)].map(
  (match) => ({
    expected: match[1] ?? '',
    command: (match[2] ?? '').trim(),
  }),
);

describe('the tour of the README', { skip }, () => {
  let url = '';
  let output = '';
  let folder = '';
  let instance: ReturnType<typeof spawn> | undefined;
  let background: ReturnType<typeof spawn> | undefined;
  let heard = '';

  const environment = () => ({
    ...process.env,
    NATS_URL: url,
    PATH: [
      natsCli === undefined || natsCli === 'nats' ? '' : dirname(resolve(natsCli)),
      process.env['PATH'] ?? '',
    ].join(delimiter),
  });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'opstream-tour-'));
    const program = join(root, 'dist', 'cli', 'main.js');
    const started = spawn(process.execPath, [program, 'up', '--example', '--port', '0', '--data', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    instance = started;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const found = await waitFor(
      () => {
        assert.equal(started.exitCode, null, output);
        return /NATS server\s+(nats:\S+)/.exec(output);
      },
      { timeoutMs: 60_000, what: 'opstream up' },
    );
    url = found[1] ?? '';
  });

  after(async () => {
    background?.kill('SIGKILL');
    if (instance !== undefined && instance.exitCode === null) {
      const ended = new Promise((done) => instance?.once('exit', done));
      instance.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (command: string): Promise<{ readonly code: number | null; readonly text: string }> =>
    new Promise((done) => {
      const child = spawn('bash', ['-c', command], {
        cwd: root,
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      child.once('close', (code) => {
        clearTimeout(timer);
        done({ code, text });
      });
    });

  it('has steps', () => {
    assert.ok(steps.length >= 15, `found ${steps.length} steps`);
  });

  for (const { expected, command } of steps) {
    it(command.split('\n')[0]?.slice(0, 100) ?? '', async () => {
      if (expected === 'background') {
        const child = spawn('bash', ['-c', `exec ${command}`], {
          cwd: root,
          env: environment(),
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        background = child;
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => (heard += chunk.toString()));
        await waitFor(() => heard.includes('Subscribing'), { what: 'subscription' });
        return;
      }
      const tried = async () => {
        const { code, text } = await run(command);
        return { code, text, isGood: code === 0 && text.includes(expected) };
      };
      // The component's first status comes when it has started: a person who reads the page on the way is slower than that.
      const isOfStatus = command.startsWith('nats stream get OPSTREAM_STATUS');
      if (isOfStatus) await waitFor(async () => (await tried()).isGood, { what: 'a status', timeoutMs: 30_000 });
      const { code, text } = await tried();
      assert.equal(code, 0, text);
      assert.ok(text.includes(expected), `expected ${expected} in:\n${text}`);
    });
  }

  it('was seen live: events, statuses and the outcome', async () => {
    await waitFor(
      () =>
        [
          'live.event.resource.public.pipeline-run-1',
          'live.status.adf-operator.public.pipeline-run-1',
          'live.outcome.tour-1',
        ].every((subject) => heard.includes(subject)),
      {
        what: 'live messages',
      },
    );
  });

  it('ends with the resource gone', async () => {
    await waitFor(
      async () =>
        (await run(`nats req --raw opstream.query.get '{"name":"pipeline-run-1"}'`)).text.includes('NOT_FOUND'),
      {
        timeoutMs: 30_000,
        intervalMs: 200,
        what: 'deletion',
      },
    );
  });
});
