import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { allVerbs } from '../../../src/cli/verbs/index.ts';
import { opstream } from '../../support/run-opstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-flags-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const manifest = join(folder, 'run.yaml');
writeFileSync(manifest, 'name: run-1\nversion: v1alpha\ntype: resource\nresource: {}\n');

/** Calls that change something, complete but for the flag that is wrong. */
const changing: readonly (readonly string[])[] = [
  ['apply', '-f', manifest],
  ['create', '-f', manifest],
  ['delete', '-n', 'run-1'],
  ['delete', '-f', manifest],
  ['release', '-n', 'run-1'],
  ['patch', '-n', 'run-1', '--patch', '[]'],
  ['run', 'run-1'],
  ['cancel', '-n', 'run-1'],
  ['suspend', '-n', 'run-1'],
  ['resume', '-n', 'run-1'],
];
const wrong = ['--wait=abc', '--expected-generation=x', '--command-id=A b', '--output=xml', '--workspace=A b'];

describe('values of flags', () => {
  for (const call of changing) {
    it(`are all checked before ${call[0]} ${call[1]} sends anything`, async () => {
      const verb = allVerbs.find(({ name }) => name === call[0]);
      const known = wrong.filter((flag) => Object.hasOwn(verb?.flags ?? {}, flag.slice(2, flag.indexOf('='))));
      assert.ok(known.length > 0);
      for (const flag of known) {
        const { code, sent, queries, err } = await opstream([...call, flag]);
        assert.deepEqual({ flag, code, sent, queries }, { flag, code: 2, sent: [], queries: [] });
        assert.match(err, new RegExp(`${flag.slice(0, flag.indexOf('='))}: expected .*; found "`));
      }
    });
  }

  it('have a rule in the table of each verb, which the parser asks', async () => {
    let checked = 0;
    for (const verb of allVerbs) {
      for (const [name, spec] of Object.entries(verb.flags)) {
        if (spec.kind === 'bare') continue;
        const bad = 'N=(t g\u0000od';
        const isRuled = spec.is(bad) !== undefined;
        // Text that somebody else judges: files, patches, names of owners.
        if (!isRuled) continue;
        checked += 1;
        const { code, err, sent } = await opstream([verb.name, `--${name}=${bad}`]);
        assert.deepEqual([verb.name, name, code, sent.length], [verb.name, name, 2, 0]);
        assert.ok(err.includes(`--${name}: `), err);
      }
    }
    assert.ok(checked > 60, `${checked} flags with a rule`);
  });
});
