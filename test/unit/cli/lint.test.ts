// opstream lint: what it prints, what it asks, and how it exits.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import { reject } from '../../../src/core/rejection.ts';
import { applied, opstream } from '../../support/run-opstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-lint-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const resource = (name: string, spec: string): string =>
  `name: ${name}\nversion: v1alpha\ntype: resource\nresource:\n  operator: op\n  type: run\n  spec:\n    ${spec}\n`;
const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const clean = write('clean.yaml', resource('a', 'rows: 3'));
const suspect = write('suspect.yaml', resource('b', 'password: geheim'));
const wrong = write('wrong.yaml', 'name: c\nversio: v1alpha\ntype: resource\n');
const fixture = 'test/fixtures/manifests/seed-operator-inline-secrets.corrected.yaml';

const away = { fault: new Fault('NATS_UNREACHABLE', 'connecting') };

describe('opstream lint', () => {
  it('finds nothing in what is right', async () => {
    const { code, out, err } = await opstream(['lint', '-f', clean, '--offline']);
    assert.deepEqual([code, out], [0, '']);
    assert.match(err, /lint\.\.\.nothing found/);
  });

  it('names file, line, column and code, and exits with 0 unless it is to be strict', async () => {
    const { code, out } = await opstream(['lint', '-f', suspect, '--offline']);
    assert.equal(code, 0);
    const [head = '', hint = ''] = out.split('\n');
    assert.ok(head.startsWith(`${suspect}:8:5 warning: the field "password" `), head);
    assert.match(head, /\[INLINE_CREDENTIAL\]$/);
    assert.match(hint, /^ {4}\S/);
    assert.doesNotMatch(out, /geheim/);
    assert.equal((await opstream(['lint', '-f', suspect, '--offline', '--strict'])).code, 1);
    assert.equal((await opstream(['lint', '-f', clean, '--offline', '--strict'])).code, 0);
  });

  it('exits with 1 for what would be refused, and does not ask then', async () => {
    const { code, out, sent } = await opstream(['lint', '-f', wrong]);
    assert.equal(code, 1);
    assert.match(out, /:2:1 error: unknown field "versio"; did you mean "version"\?/);
    assert.equal(sent.length, 0);
    const unreadable = write('tabs.yaml', 'name: x\n\ttype: y\n');
    const other = await opstream(['lint', '-f', unreadable, '--offline']);
    assert.equal(other.code, 1);
    assert.match(other.out, /tabs\.yaml:2:1 error: .*tabs/);
  });

  it('takes folders, and points into the right file', async () => {
    const all = join(folder, 'all');
    mkdirSync(all);
    writeFileSync(join(all, '1.yaml'), resource('a', 'rows: 3'));
    writeFileSync(join(all, '2.yaml'), resource('b', 'token: abc'));
    const { out } = await opstream(['lint', '-f', all, '--offline']);
    assert.ok(out.startsWith(`${join(all, '2.yaml')}:8:5 warning`), out);
  });

  it('asks an instance when there is one, by a dry run, and believes it', async () => {
    const rejection = reject('OPERATOR_NOT_FOUND', 'operator "op" is not registered; did you mean "ops"?', [
      {
        code: 'OPERATOR_NOT_FOUND',
        message: 'did you mean "ops"?',
        pointer: '/resource/operator',
        line: 5,
        column: 13,
      },
    ]);
    const { code, out, sent } = await opstream(['lint', '-f', clean], {
      receipt: { ...applied, accepted: false, events: [], rejection },
    });
    assert.equal(code, 1);
    assert.ok(out.includes(`${clean}:5:13 error: did you mean "ops"? [OPERATOR_NOT_FOUND]`), out);
    assert.deepEqual(
      sent.map(({ verb, options }) => [verb, options.dryRun]),
      [['apply', true]],
    );
    assert.equal((await opstream(['lint', '-f', clean])).code, 0);
    assert.equal((await opstream(['lint', '-f', clean, '--offline'])).sent.length, 0);
  });

  it('does without one, and says so', async () => {
    const { code, err } = await opstream(['lint', '-f', clean], away);
    assert.equal(code, 0);
    assert.match(err, /only the manifests were looked at: no instance answers/);
  });

  it('prints all of it as JSON', async () => {
    const { code, out } = await opstream(['lint', '-f', fixture, '-o', 'json'], away);
    assert.equal(code, 0);
    const said = JSON.parse(out) as { findings: { code: string; path: string; line: number }[]; warnings: number };
    assert.deepEqual(
      said.findings.map(({ code: one, line }) => `${line} ${one}`),
      [
        '33 ELECTION_STATE_FILE',
        '40 ELECTION_SIZE',
        '49 CHANNEL_MISMATCH',
        '56 INLINE_CREDENTIAL',
        '67 SCHEMA_KEYWORD_NOT_STANDARD',
      ],
    );
    assert.deepEqual([said.warnings, said.findings[0]?.path], [3, fixture]);
    assert.doesNotMatch(out, /LGz8Q/);
  });
});

describe('opstream apply', () => {
  it('shows the advice of the receipt at its place', async () => {
    const warnings = [
      { code: 'X', severity: 'warning', message: 'that is odd', hint: 'do this', pointer: '/a', line: 3, column: 2 },
    ] as const;
    const { code, err } = await opstream(['apply', '-f', clean], { receipt: { ...applied, warnings } });
    assert.equal(code, 0);
    assert.ok(err.includes(`WARN[0000] ${clean}:3:2 warning: that is odd [X]\n    do this\n`), err);
  });
});
