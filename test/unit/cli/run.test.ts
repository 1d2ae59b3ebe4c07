import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { allVerbs } from '../../../src/cli/verbs/index.ts';
import { VERSION } from '../../../src/cli/version.ts';
import { Fault } from '../../../src/core/fault.ts';
import { reject } from '../../../src/core/rejection.ts';
import { ok } from '../../../src/core/result.ts';
import type { ListAnswer, Summary } from '../../../src/messages/queries.ts';
import { summaryOfEntity } from '../../../src/views/summary.ts';
import { entityAt } from '../../support/entities.ts';
import { applied, opstream } from '../../support/run-opstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const manifest = join(folder, 'run.yaml');
writeFileSync(manifest, 'name: run-1\nversion: v1alpha\ntype: resource\nresource: {}\n');

describe('opstream', () => {
  it('has the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.equal(VERSION, version);
    assert.equal((await opstream(['version'])).out, `opstream ${version}\n`);
  });

  it('explains itself, each verb by itself', async () => {
    const help = await opstream(['help']);
    assert.equal(help.code, 0);
    for (const { name } of allVerbs) {
      assert.match(help.out, new RegExp(`^  ${name} `, 'm'));
      const own = await opstream([name, '--help']);
      assert.equal(own.code, 0);
      assert.match(own.out, new RegExp(`^usage: opstream ${name} `));
      assert.equal((await opstream(['help', name])).out, own.out);
    }
  });

  it('answers wrong usage with 2 and the nearest name', async () => {
    assert.equal((await opstream([])).code, 2);
    const verb = await opstream(['aply', '-f', 'x']);
    assert.equal(verb.code, 2);
    assert.match(verb.err, /unknown verb "aply"; did you mean apply\?/);
    const flag = await opstream(['apply', '--dryrun', '-f', manifest]);
    assert.equal(flag.code, 2);
    assert.match(flag.err, /unknown flag --dryrun; did you mean --dry-run\?/);
    assert.equal((await opstream(['get', '-o', 'xml'])).code, 2);
    assert.equal((await opstream(['run'])).code, 2);
    assert.equal((await opstream(['apply', '-f', join(folder, 'nope.yaml')])).code, 2);
    assert.equal((await opstream(['get', '--prefix', 'Not A Token'])).code, 2);
    const address = await opstream(['get', '--nats-url', 'nats://127.0.0.1:99999']);
    assert.equal(address.code, 2);
    assert.match(address.err, /--nats-url.*server addresses such as nats:/);
  });

  it('answers an unreachable server with 4 and what to do, without passwords', async () => {
    const fault = new Fault('NATS_UNREACHABLE', 'connecting: CONNECTION_REFUSED');
    const { code, err: text } = await opstream(['get'], {
      fault,
      env: { OPSTREAM_NATS_URL: 'nats://me:geheim@host:4222' },
    });
    assert.equal(code, 4);
    assert.match(text, /no NATS server answers at nats:\/\/host:4222; start an instance with `opstream up`/);
    assert.doesNotMatch(text, /geheim/);
  });

  it('colours levels only on a terminal that wants it', async () => {
    assert.match((await opstream(['get'], { isTerminal: true })).err, /\u001b\[36mINFO\u001b\[0m\[0000\]/);
    assert.doesNotMatch((await opstream(['get'], { isTerminal: true, env: { NO_COLOR: '1' } })).err, /\u001b/);
    assert.doesNotMatch((await opstream(['get'])).err, /\u001b/);
  });
});

describe('opstream apply', () => {
  it('belongs to the trace of whoever calls it', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const traceOf = async (TRACEPARENT: string) =>
      (await opstream(['apply', '-f', manifest], { env: { TRACEPARENT } })).sent[0]?.options?.traceparent;
    assert.equal(await traceOf(traceparent), traceparent);
    assert.equal(await traceOf('nonsense'), undefined);
  });

  it('sends the manifest as it stands and says what became of it', async () => {
    const { code, sent, err: text, out } = await opstream(['apply', '-f', manifest, '-w', 'public']);
    assert.equal(code, 0);
    assert.deepEqual(sent, [
      { verb: 'apply', body: readFileSync(manifest, 'utf8'), options: { actor: 'iamgroot', workspace: 'public' } },
    ]);
    assert.equal(out, '');
    assert.deepEqual(text.split('\n').slice(0, 3), [
      'INFO[0000] 🛠 apply...',
      'INFO[0000] 🔧 applying(public) run-1:v1alpha:resource...created',
      'INFO[0000] 🛠 apply...complete',
    ]);
  });

  it('reads stdin, and prints the receipt on request', async () => {
    const { sent, out } = await opstream(['apply', '-f', '-', '-o', 'json', '--dry-run'], { stdin: '{"name":"x"}' });
    assert.equal(sent[0]?.body, '{"name":"x"}');
    assert.equal(sent[0]?.options.dryRun, true);
    assert.deepEqual(JSON.parse(out), applied);
  });

  it('shows where a refused manifest is wrong, and exits with 1', async () => {
    const rejection = reject('MANIFEST_INVALID', 'it is wrong', [
      { message: 'missing', pointer: '/resource', line: 4, column: 11 },
    ]);
    const { code, err: text } = await opstream(['apply', '-f', manifest], {
      receipt: { ...applied, accepted: false, events: [], rejection },
    });
    assert.equal(code, 1);
    assert.ok(text.includes(`  ${manifest}:4:11 /resource missing\n`), text);
  });

  it('waits for what the receipt names, and exits as the waiting ended', async () => {
    const { code, waits } = await opstream(['apply', '-f', manifest, '--wait=1s']);
    assert.equal(code, 0);
    assert.deepEqual(waits, [[{ kind: 'resource', workspace: 'public', name: 'run-1' }, 2]]);
    assert.equal((await opstream(['apply', '-f', manifest, '--wait'], { waited: { outcome: 'failed' } })).code, 1);
    assert.equal((await opstream(['apply', '-f', manifest, '--wait'], { waited: { outcome: 'timed-out' } })).code, 3);
    assert.equal((await opstream(['apply', '-f', manifest])).waits.length, 0);
  });

  it('refuses 2 MiB before anything is sent', async () => {
    const large = join(folder, 'large.yaml');
    writeFileSync(large, 'a'.repeat(2 * 1024 * 1024));
    const { code, sent, err: text } = await opstream(['apply', '-f', large]);
    assert.equal(code, 1);
    assert.equal(sent.length, 0);
    assert.match(text, /at most 1024 KiB together, found 2048 KiB/);
    rmSync(large);
  });

  it('reads a folder in the order of names, as one command', async () => {
    const nested = mkdtempSync(join(folder, 'd-'));
    writeFileSync(join(nested, 'b.yaml'), 'name: b\n');
    writeFileSync(join(nested, 'a.yml'), 'name: a\n');
    writeFileSync(join(nested, 'c.txt'), 'name: c\n');
    const { sent } = await opstream(['apply', '-f', nested]);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.body, 'name: a\n\n---\nname: b\n');
  });
});

const row: Summary = {
  name: 'run-1',
  version: 'v1alpha',
  type: 'resource',
  workspace: 'public',
  status: 'active',
  runtime: '',
  owner: 'iamgroot',
  ready: 'True',
  reason: 'Reconciled',
  tags: [],
  generation: 1,
  observedGeneration: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};

describe('opstream get', () => {
  const page: ListAnswer = { items: [row], total: 1, sequence: 1 };

  it('asks for what the caller owns in public, unless told otherwise', async () => {
    const bodyOf = async (...argv: string[]) => {
      const { queries } = await opstream(['get', ...argv], { answer: ok(page) });
      const { limit: _, ...rest } = (queries[0] as { body: Record<string, unknown> }).body;
      return rest;
    };
    assert.deepEqual(await bodyOf(), { type: 'resource', workspace: 'public', owner: 'iamgroot' });
    assert.deepEqual(await bodyOf('-a'), { type: 'resource' });
    assert.deepEqual(await bodyOf('-a', '-w', 'x'), { type: 'resource', workspace: 'x' });
    assert.deepEqual(await bodyOf('-t', 'operator', '--owner', 'me'), { type: 'operator', owner: 'me' });
    assert.deepEqual(
      await bodyOf('-a', '--not-ready', '--status', 'error', '--runtime=failed', '--reason', 'RunFailed'),
      { type: 'resource', notReady: true, status: 'error', runtime: 'failed', reason: 'RunFailed' },
    );
    for (const wrong of [['--status', 'broken'], ['--runtime', 'x'], ['--not-ready=1'], ['--reason']])
      assert.equal((await opstream(['get', ...wrong], { answer: ok(page) })).code, 2, wrong.join(' '));
  });

  it('prints the table to stdout and the progress to stderr', async () => {
    const { out, err: text, code } = await opstream(['get'], { answer: ok(page) });
    assert.equal(code, 0);
    assert.match(out, /^\n NAME .*\| OWNER|^\n\s+NAME/);
    assert.match(out, /\n {2}run-1 \| v1alpha \| resource \| public {4}\| active \| {9}\| {2}iamgroot\n$/);
    assert.equal(text, 'INFO[0000] 🔍 get...\nINFO[0000] 🔍 get...complete\n');
  });

  it('adds READY and REASON behind the columns of the seed when readiness is asked for', async () => {
    const { out } = await opstream(['get', '--not-ready'], { answer: ok(page) });
    assert.match(out, /\| +OWNER +\| READY \| +REASON/);
    assert.match(out, /\| iamgroot \| True {2}\| {2}Reconciled\n$/);
  });

  it('prints JSON that is nothing but JSON', async () => {
    const { out } = await opstream(['get', '-o', 'json'], { answer: ok(page) });
    assert.deepEqual(JSON.parse(out), { items: [row], total: 1 });
  });

  it('prints one thing in its stored form', async () => {
    const entity = entityAt(1);
    const answer = ok({ type: 'resource', summary: summaryOfEntity(entity, undefined), entity, sequence: 1 });
    const { out } = await opstream(['get', '-n', 'run-1', '-o', 'json'], { answer });
    const { name, uid, status } = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual([name, uid], [entity.manifest.name, entity.uid]);
    assert.deepEqual(status, { aggregateStatus: 'pending', observedGeneration: 0 });
    assert.match(
      (await opstream(['get', '-n', 'run-1', '-d'], { answer })).out,
      /^# run-1:v1alpha:resource:public\nname: run-1\n/,
    );
  });

  it('says nothing and exits with 1 when the named thing is not there', async () => {
    const { code, err: text } = await opstream(['get', '-n', 'nope']);
    assert.equal(code, 1);
    assert.match(text, /get\.\.\.nothing/);
  });
});

describe('opstream patch, run and delete', () => {
  it('name their target', async () => {
    const patch = await opstream([
      'patch',
      '-t',
      'operator',
      '-n',
      'adf',
      '--patch',
      '[{"op":"remove","path":"/description"}]',
    ]);
    assert.deepEqual(patch.sent[0]?.body, {
      type: 'operator',
      name: 'adf',
      patch: [{ op: 'remove', path: '/description' }],
    });
    const run = await opstream(['run', '-n', 'run-1', '-w', 'x', '--command-id', 'once', '--expected-generation', '4']);
    assert.deepEqual(run.sent[0]?.body, { type: 'resource', workspace: 'x', name: 'run-1' });
    assert.deepEqual(run.sent[0]?.options, {
      actor: 'iamgroot',
      workspace: 'x',
      commandId: 'once',
      expectedGeneration: 4,
    });
  });

  it('take a patch with --patch, and with -p from a file or as it stands', async () => {
    const operations = '[{"op":"remove","path":"/description"}]';
    const path = join(folder, 'patch.json');
    writeFileSync(path, operations);
    for (const given of [
      ['--patch', operations],
      ['-p', path],
      ['-p', ` ${operations}`],
    ]) {
      const { sent } = await opstream(['patch', '-n', 'run-1', ...given]);
      const { patch } = (sent[0]?.body ?? {}) as { readonly patch?: unknown };
      assert.deepEqual(patch, JSON.parse(operations));
    }
    assert.match((await opstream(['patch', '-n', 'run-1', '-p', '[{'])).err, /the patch is not JSON/);
    assert.match(
      (await opstream(['patch', '-n', 'run-1', '-p', 'none.json'])).err,
      /none\.json: the file cannot be read/,
    );
  });

  it('delete what manifests declare, resources before their operators', async () => {
    const both = join(folder, 'both.yaml');
    writeFileSync(both, 'name: adf\ntype: operator\n---\nname: run-1\ntype: resource\n');
    const { sent, waits } = await opstream(['delete', '-f', both]);
    assert.deepEqual(
      sent.map(({ body }) => body),
      [
        { type: 'resource', workspace: 'public', name: 'run-1' },
        { type: 'operator', name: 'adf' },
      ],
    );
    assert.equal(waits.length, 1);
    const failed = await opstream(['delete', '-f', both], { waited: { outcome: 'timed-out' } });
    assert.equal(failed.code, 3);
    assert.equal(failed.sent.length, 1);
  });
});
