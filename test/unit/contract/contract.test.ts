import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { allChecks } from '../../../src/contract/all-checks.ts';
import { reportLines } from '../../../src/contract/report-text.ts';
import { root } from '../../support/processes.ts';
import { opstream } from '../../support/run-opstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-contract-test-'));
after(() => rmSync(folder, { recursive: true }));
const manifest = join(root, 'test', 'components', 'python', 'operator.yaml');

describe('opstream contract: what it is called with', () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no manifest', ['--', 'component'], /-f OPERATOR\.yaml is missing/],
    ['no command', ['-f', manifest], /the command that starts the component is missing/],
    ['a file that is not there', ['-f', join(folder, 'none.yaml'), '--', 'x'], /cannot be read \(ENOENT\)/],
    ['a type left open', ['-f', manifest, '--', 'x'], /has 2 types; say which: note, tally/],
    ['a type that is not there', ['-f', manifest, '--type', 'notes', '--', 'x'], /did you mean note\?/],
    [
      'a check that is not there',
      ['-f', manifest, '--type', 'note', '--only', 'report', '--', 'x'],
      /did you mean reports\?/,
    ],
    ['a variable without a value', ['-f', manifest, '--type', 'note', '--env', 'X', '--', 'x'], /expected NAME=VALUE/],
  ];
  for (const [what, args, message] of cases) {
    it(`refuses ${what}`, async () => {
      const { code, err } = await opstream(['contract', ...args]);
      assert.equal(code, 2);
      assert.match(err, message);
    });
  }

  it('refuses a manifest that is no operator', async () => {
    const path = join(folder, 'resource.yaml');
    writeFileSync(path, 'name: x\nversion: v1\ntype: resource\nresource: {operator: o, type: t, spec: {}}\n');
    const { code, err } = await opstream(['contract', '-f', path, '--', 'x']);
    assert.equal(code, 2);
    assert.match(err, /expected a manifest of type: operator/);
  });
});

describe('opstream contract: its report', () => {
  it('has checks with names of their own', () => {
    assert.equal(new Set(allChecks.map(({ name }) => name)).size, allChecks.length);
    for (const { name } of allChecks) assert.match(name, /^[a-z]+(-[a-z]+)*$/);
  });

  it('says what was expected, found and what to do', () => {
    const lines = reportLines({
      ...({ name: 'doubled', about: 'changes nothing', result: 'failed', durationMs: 1500 } as const),
      ...{ expected: 'no status', found: 'one\nmore', advice: 'compare sequences' },
    });
    assert.deepEqual(lines, [
      'FAIL doubled: changes nothing [1.5 s]',
      '     expected no status',
      '     found    one',
      '              more',
      '     do       compare sequences',
    ]);
  });

  it('says why a check does not apply', () => {
    const report = { name: 'runs', about: 'runs', result: 'skipped', durationMs: 0, remark: 'does not run' } as const;
    assert.deepEqual(reportLines(report), ['-    runs: runs (does not run)']);
  });
});
