import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinManifests, tooLargeMessage } from '../../../src/cli/joined-manifests.ts';
import { rejectionLines } from '../../../src/cli/rejection-text.ts';
import { parseManifests } from '../../../src/manifest/parse.ts';
import { reject } from '../../../src/core/rejection.ts';

const encoder = new TextEncoder();
const file = (path: string, text: string) => ({ path, data: encoder.encode(text) });

describe('several files as one command', () => {
  const files = [
    file('a.yaml', 'name: a\ntype: resource\n---\nname: a2\n'),
    file('b.json', '[{"name":"b"},{"name":"b2"}]'),
    file('c.yaml', '\ufeff---\nname: c\nlist:\n  - x\n'),
  ];
  const joined = joinManifests(files);

  it('are one stream of all their documents', () => {
    const parsed = parseManifests(joined.data);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual(
      parsed.value.map(({ value }) => (value as { name: string }).name),
      ['a', 'a2', 'b', 'b2', 'c'],
    );
    assert.deepEqual(
      joined.documents.map(({ path }) => path),
      ['a.yaml', 'a.yaml', 'b.json', 'b.json', 'c.yaml'],
    );
  });

  it('lead from a line back to the file and its line', () => {
    const parsed = parseManifests(joined.data);
    assert.ok(parsed.ok);
    const last = parsed.value.at(-1);
    const at = last?.locate('/list/0');
    assert.deepEqual(joined.place({ message: '', ...at }), { path: 'c.yaml', line: 4, column: 5 });
    const second = parsed.value[1]?.locate('/name');
    assert.deepEqual(joined.place({ message: '', ...second }), { path: 'a.yaml', line: 4, column: 1 });
  });

  it('lead from a document back to the file when there is no line', () => {
    assert.deepEqual(joined.place({ message: '', document: 3 }), { path: 'b.json' });
    assert.deepEqual(joined.place({ message: '', document: 4 }), { path: 'c.yaml' });
  });

  it('are left as they are when there is one', () => {
    const one = file('x.json', '{"name":"x"}');
    assert.deepEqual(joinManifests([one]).data, one.data);
    assert.deepEqual(joinManifests([one]).place({ message: '', pointer: '/name' }), { path: 'x.json' });
  });

  it('say before sending that they are too large', () => {
    assert.equal(tooLargeMessage(new Uint8Array(1024)), undefined);
    assert.match(tooLargeMessage(new Uint8Array(2 * 1024 * 1024)) ?? '', /at most 1024 KiB together, found 2048 KiB/);
  });
});

describe('a refusal', () => {
  it('has a line for each problem, with file, line, column and pointer', () => {
    const manifests = joinManifests([file('run.yaml', 'name: x\ntype: resource\n')]);
    const rejection = reject('MANIFEST_INVALID', 'resource manifest "x": two problems', [
      { message: 'missing field "version"', pointer: '/version', line: 1, column: 1 },
      { message: 'unknown', pointer: '/type', line: 2, column: 7 },
      { message: 'no place' },
    ]);
    assert.deepEqual(rejectionLines(rejection, manifests), [
      'resource manifest "x": two problems [MANIFEST_INVALID]',
      '  run.yaml:1:1 /version missing field "version"',
      '  run.yaml:2:7 /type unknown',
      '  run.yaml no place',
    ]);
    assert.deepEqual(rejectionLines(reject('NOT_FOUND', 'no', [{ message: 'x', pointer: '/name' }])), [
      'no [NOT_FOUND]',
      '  /name x',
    ]);
  });
});
