// The command line as a user has it: the build, an instance of its own, the example's component and stand-in, the seed's manifests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectNats } from '../../src/jetstream/connection.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import { commandHeaders } from '../../src/messages/envelope.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { silentLog } from '../../src/program/logger.ts';
import { temporaryFolder, track } from '../support/children.ts';
import { cliProgram, dataFolder, startUp, untilUp, type CliResult } from '../support/instance.ts';
import { leakGuard, root, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const shipped = join(root, 'src', 'operators', 'azure-data-factory', 'manifests');
const published = join(root, 'test', 'fixtures', 'manifests', 'seed-operator-inline-secrets.published.yaml');
const data = dataFolder();
const files = temporaryFolder();
let up: TestProcess;
let url = '';

before(async () => {
  up = await startUp(data.path, { arguments: ['--port', '0', '--example', '--fast'] });
  url = await untilUp(up);
});
after(async () => {
  await up.terminate(25_000);
  await data.remove();
  files.remove();
});

type Around = { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> };

const start = (argv: readonly string[], { stdin = '', env = {} }: Around = {}) => {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OPSTREAM_')));
  const child = track(
    spawn(process.execPath, [join(root, cliProgram), ...argv], {
      cwd: files.path,
      env: { ...clean, OPSTREAM_NATS_URL: url, OPSTREAM_ACTOR: 'iamgroot', ...env },
    }),
    `opstream ${argv.join(' ')}`,
  );
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text));
  child.stdin.on('error', () => undefined).end(stdin);
  const ended = new Promise<CliResult>((done) => child.once('close', (code) => done({ code, ...texts })));
  return { child, texts, ended };
};

const opstream = (...argv: string[]): Promise<CliResult> => start(argv).ended;

/** Fails with everything that was printed. */
const expectCode = (result: CliResult, code: number): CliResult => {
  assert.equal(result.code, code, `exit code ${result.code}\n${result.err}${result.out}`);
  return result;
};

const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

const write = (name: string, text: string): string => {
  writeFileSync(join(files.path, name), text);
  return name;
};

const resource = (name: string, pipeline = 'ArmtemplateSampleCopyPipeline', further = ''): string =>
  `name: ${name}
version: v1alpha
type: resource
owner: iamgroot
${further}resource:
  operator: adf-operator
  type: pipeline-run
  spec:
    factoryName: datafactoryoz3un3trdpaa
    pipelineName: ${pipeline}
    resourceGroupName: Engineering
`;

describe('the main job', () => {
  it('refuses the operator as it was published, with the place of every tab', async () => {
    const { err } = expectCode(await opstream('apply', '-f', published), 1);
    assert.match(err, /published\.yaml:\d+:\d+ .*tab/i);
    assert.match(err, /apply\.\.\.error/);
  });

  it('applies the operator and waits until it is ready', async () => {
    const { err } = expectCode(await opstream('apply', '-f', join(shipped, 'operator.yaml'), '--wait=30s'), 0);
    assert.match(err, /^INFO\[\d{4}\] 🛠 apply\.\.\.$/m);
    assert.match(err, /^INFO\[\d{4}\] 🔧 applying adf-operator:v1alpha:operator\.\.\.created$/m);
    assert.match(err, /^INFO\[\d{4}\] 🛠 apply\.\.\.complete$/m);
  });

  it('applies the resource and waits until its run has succeeded', async () => {
    const { err } = expectCode(
      await opstream('apply', '-f', join(shipped, 'resource.yaml'), '-w', 'public', '--wait=60s'),
      0,
    );
    assert.match(err, /applying\(public\) pipeline-run-1:v1alpha:resource\.\.\.created/);
    assert.match(err, /inprogress/);
    assert.match(err, /succeeded/);
    assert.match(
      expectCode(await opstream('apply', '-f', join(shipped, 'resource.yaml')), 0).err,
      /pipeline-run-1:v1alpha:resource\.\.\.unchanged/,
    );
  });

  it('shows the table of the seed on stdout and the rest on stderr', async () => {
    const { out, err } = expectCode(await opstream('get', '-t', 'resource', '-w', 'public'), 0);
    assert.deepEqual(out.trim().split('\n').slice(0, 2), [
      'NAME       | VERSION |   TYPE   | WORKSPACE | STATUS |  RUNTIME  |   OWNER',
      '-----------------|---------|----------|-----------|--------|-----------|-------------------',
    ]);
    assert.match(
      out,
      /^ {2}pipeline-run-1 \| v1alpha \| resource \| public {4}\| active \| succeeded \| {2}iamgroot$/m,
    );
    assert.match(err, /^INFO\[0000\] 🔍 get\.\.\.\nINFO\[\d{4}\] 🔍 get\.\.\.complete\n$/);
    const others = await start(['get'], { env: { OPSTREAM_ACTOR: 'somebody-else' } }).ended;
    assert.equal(others.out, '');
    assert.match(others.err, /nothing of somebody-else in workspace public; -a shows 1 of other owners or workspaces/);
    assert.match(
      (await start(['get', '-a'], { env: { OPSTREAM_ACTOR: 'somebody-else' } }).ended).out,
      /pipeline-run-1/,
    );
    assert.match((await opstream('get', '-t', 'operator', '-a')).out, /adf-operator/);
  });

  it('shows one thing whole, with the metadata that was synchronized', async () => {
    const { out } = expectCode(await opstream('get', '-n', 'pipeline-run-1', '-d'), 0);
    assert.match(out, /^# pipeline-run-1:v1alpha:resource:public$/m);
    assert.match(out, /^ {2}runtimeState:\n {4}status: succeeded$/m);
    assert.match(out, /^ {2}properties:\n {4}\w+/m);
    const form = json((await opstream('get', '-n', 'pipeline-run-1', '-o', 'json')).out);
    assert.equal(form['name'], 'pipeline-run-1');
    assert.match((await opstream('status', '-n', 'pipeline-run-1')).out, /runtime: succeeded/);
  });

  it('shows how it came about', async () => {
    const history = expectCode(await opstream('history', '-n', 'pipeline-run-1'), 0).out;
    assert.match(history, /event {2}.*declared/);
    assert.match(history, /status .*succeeded/);
    const lines = expectCode(await opstream('replay', '-n', 'pipeline-run-1', '--raw'), 0)
      .out.trim()
      .split('\n');
    assert.equal(json(lines[0] ?? '')['stream'], 'events');
    const types = lines.map((line) => (json(line)['event'] as { type: string }).type);
    assert.equal(types[0], 'io.opstream.resource.declared.v1');
    assert.ok(types.includes('io.opstream.entity.observed.v1'), types.join());
    const events = expectCode(await opstream('events', '-n', 'pipeline-run-1', '-o', 'json'), 0)
      .out.trim()
      .split('\n');
    assert.equal(events.length, lines.length);
  });
});

describe('changes', () => {
  it('are shown before they are made', async () => {
    const file = write('two.yaml', resource('two'));
    const dry = json(expectCode(await opstream('apply', '-f', file, '--dry-run', '-o', 'json'), 0).out);
    assert.equal(dry['dryRun'], true);
    expectCode(await opstream('get', '-n', 'two'), 1);
    expectCode(await opstream('create', '-f', file, '--wait=60s'), 0);
    expectCode(await opstream('create', '-f', file), 1);
    const changed = write('two.changed.yaml', resource('two', 'AnotherPipeline'));
    const diff = expectCode(await opstream('diff', '-f', changed, '--exit-code'), 1).out;
    assert.match(diff, /^- +pipelineName: ArmtemplateSampleCopyPipeline\n\+ +pipelineName: AnotherPipeline$/m);
    assert.match(expectCode(await opstream('diff', '-f', file, '--exit-code'), 0).err, /no differences/);
  });

  it('come as patches, under a generation, once', async () => {
    const patch = JSON.stringify([{ op: 'add', path: '/description', value: 'changed' }]);
    const flags = ['-n', 'two', '--patch', patch, '--command-id', 'patch-two', '-o', 'json'];
    const first = expectCode(await opstream('patch', ...flags), 0);
    assert.deepEqual(json(expectCode(await opstream('patch', ...flags), 0).out), json(first.out));
    const stale = await opstream('patch', '-n', 'two', '--patch', patch, '--expected-generation', '1');
    assert.match(expectCode(stale, 1).err, /VERSION_CONFLICT/);
    const evil = JSON.stringify([{ op: 'add', path: '/__proto__/x', value: 1 }]);
    expectCode(await opstream('patch', '-n', 'two', '--patch', evil), 1);
  });

  it('of several files are one command, and their problems lead to the file', async () => {
    mkdirSync(join(files.path, 'many'), { recursive: true });
    write('many/a.yaml', resource('many-a'));
    write('many/b.yaml', `# a comment\n${resource('many-b', 'X', 'unknownField: 1\n')}`);
    const { err } = expectCode(await opstream('apply', '-f', 'many'), 1);
    assert.match(err, /many\/b\.yaml:6:1 \/unknownField/);
    expectCode(await opstream('get', '-n', 'many-a'), 1);
    const bad = start(['apply', '-f', '-'], { stdin: 'a: [\n' });
    assert.match(expectCode(await bad.ended, 1).err, /stdin:\d+:\d+/);
    write('many/b.yaml', resource('many-b'));
    expectCode(await opstream('apply', '-f', 'many', '--wait=60s'), 0);
  });

  it('can be run again, cancelled, and waited for', async () => {
    const again = expectCode(await opstream('run', '-n', 'two', '--wait=60s'), 0);
    assert.match(again.err, /succeeded/);
    expectCode(await opstream('run', '-n', 'two'), 0);
    expectCode(await opstream('cancel', '-n', 'two'), 0);
    const settled = async (): Promise<boolean> => /cancelled/.test((await opstream('status', '-n', 'two')).out);
    await waitFor(settled, { timeoutMs: 30_000, intervalMs: 200, what: 'the run to be cancelled' });
    const late = await opstream('run', '-n', 'two', '--wait=50ms');
    assert.match(expectCode(late, 3).err, /not done within 50ms; last seen/);
  });
});

describe('what happens', () => {
  it('is seen live, and rows come again as they change', async () => {
    const events = start(['events', '--follow', '-o', 'json']);
    const watch = start(['get', '--watch']);
    await waitFor(() => /listening/.test(events.texts.err) && watch.texts.out.includes('two'), {
      what: 'both to begin',
    });
    expectCode(await opstream('suspend', '-n', 'many-a'), 0);
    expectCode(await opstream('resume', '-n', 'many-a'), 0);
    await waitFor(() => /resource\.resumed/.test(events.texts.out), { what: 'the event' });
    expectCode(await start(['apply', '-f', '-'], { stdin: resource('watched') }).ended, 0);
    await waitFor(() => /^ {2}watched .*inprogress/m.test(watch.texts.out), { timeoutMs: 20_000, what: 'the row' });
    for (const one of [events, watch]) one.child.kill('SIGINT');
    for (const { code } of await Promise.all([events.ended, watch.ended])) assert.ok(code === 0 || code === 130);
  });

  it('to a durable command can be asked later', async () => {
    const connection = await connectNats({ url, name: 'test', log: silentLog });
    const publish = async (commandId: string, manifest: string): Promise<void> => {
      const headers = { [commandHeaders.commandId]: commandId, [commandHeaders.actor]: 'iamgroot' };
      const ack = await createRequester(connection).request(
        namesFor('opstream').command('apply'),
        new TextEncoder().encode(manifest),
        { headers },
      );
      assert.equal(json(new TextDecoder().decode(ack.data))['stream'], 'OPSTREAM_COMMANDS');
    };
    try {
      await publish('kept-1', resource('kept'));
      await publish('kept-2', resource('kept', 'X', 'unknownField: 1\n'));
    } finally {
      await connection.close();
    }
    const done = expectCode(await opstream('outcome', 'kept-1', '--wait=20s'), 0);
    assert.match(done.out, /^apply kept-1: accepted, 1 event stored\n {2}#\d+ io\.opstream\.resource\.declared\.v1 /);
    assert.match(expectCode(await opstream('outcome', 'kept-2', '--wait=20s'), 1).err, /\/unknownField/);
    expectCode(await opstream('outcome', 'no-such-command'), 1);
    expectCode(await opstream('outcome', 'no-such-command', '--wait=100ms'), 3);
  });
});

describe('the end', () => {
  it('of an operator comes after that of its resources', async () => {
    const { err } = expectCode(await opstream('delete', '-t', 'operator', '-n', 'adf-operator'), 1);
    assert.match(err, /deleting adf-operator:operator\.\.\.error/);
    for (const name of ['two', 'many-a', 'many-b', 'watched', 'kept']) {
      expectCode(await opstream('delete', '-n', name, '--wait=60s'), 0);
    }
    expectCode(await opstream('delete', '-f', shipped, '--wait=60s'), 0);
    assert.equal(expectCode(await opstream('get', '-a'), 0).out, '');
    assert.match((await opstream('delete', '-n', 'two')).err, /deleting\(public\) two:resource\.\.\.nothing/);
  });
});

describe('exit codes', () => {
  it('tell wrong usage and an unreachable server from a refusal', async () => {
    assert.match(expectCode(await opstream('aply'), 2).err, /did you mean apply/);
    assert.match(expectCode(await opstream('get', '--al'), 2).err, /did you mean --all/);
    const away = await start(['get'], { env: { OPSTREAM_NATS_URL: 'nats://127.0.0.1:1' } }).ended;
    assert.match(expectCode(away, 4).err, /no NATS server answers at nats:\/\/127\.0\.0\.1:1/);
    const large = `${resource('large')}description: ${'x'.repeat(2 * 1024 * 1024)}\n`;
    assert.match(expectCode(await opstream('apply', '-f', write('large.yaml', large)), 1).err, /at most 1024 KiB/);
    const nobody = await opstream('get', '--prefix', 'nobody-there');
    assert.match(
      expectCode(nobody, 1).err,
      /there is no query-responder of the instance "nobody-there" at this server; start/,
    );
    const silent = await opstream('logs', '-t', 'operator', '-n', 'x', '-c', 'y', '--prefix', 'nobody-there');
    assert.match(expectCode(silent, 1).err, /there are no logs of the instance "nobody-there" at this server; start/);
  });
});
