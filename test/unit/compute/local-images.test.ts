import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { imageName, resolveProgram, type ProgramQuestion } from '../../../src/compute/local-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'opstream-images-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'operator');
writeFileSync(program, '#!/bin/sh\n');
chmodSync(program, 0o755);
const tablePath = join(folder, 'images.yaml');

const question = (change: Partial<ProgramQuestion> = {}): ProgramQuestion => ({
  ...{ image: 'docker.io/a/b:1.0', command: ['/nowhere/x'], tablePath: undefined, searchPath: folder },
  builtIn: new Map([['opstream/http', { command: ['node', 'http.js'], environment: {} }]]),
  ...change,
});

describe('the program of an image', () => {
  it('is what the table says, for any tag', () => {
    writeFileSync(tablePath, 'docker.io/a/b:\n  command: [operator, --fast]\n  environment: {SIZE: 3}\n');
    for (const image of ['docker.io/a/b:1.0', 'docker.io/a/b', 'docker.io/a/b@sha256:00'])
      assert.deepEqual(resolveProgram(question({ image, tablePath })), {
        ...{ path: program, command: ['operator', '--fast'], environment: { SIZE: '3' } },
      });
  });

  it('is built in for the reference operators, and else the command', () => {
    assert.equal(resolveProgram(question({ image: 'opstream/http:2' })).path, process.execPath);
    assert.equal(resolveProgram(question({ command: [program] })).path, program);
    assert.equal(resolveProgram(question({ command: ['operator'] })).path, program);
    assert.equal(resolveProgram(question({ image: undefined, command: ['operator'] })).path, program);
  });

  it('is missed with what was looked for and what can be done', () => {
    const cases: readonly (readonly [Partial<ProgramQuestion>, RegExp])[] = [
      [
        {},
        /program \/nowhere\/x is not on this machine, and image docker\.io\/a\/b is not in the table.*OPSTREAM_LOCAL_IMAGES/,
      ],
      [
        { image: undefined },
        /program \/nowhere\/x is not on this machine; install it, or use a compute with the container driver$/,
      ],
      [{ command: ['nothing'] }, /program nothing is not on this machine in PATH \(/],
      [{ command: [] }, /image docker\.io\/a\/b:1\.0 has no program on this machine and the component has no command/],
      [{ tablePath: join(folder, 'no.yaml') }, /no\.yaml cannot be read \(ENOENT\)/],
    ];
    for (const [change, message] of cases)
      assert.throws(() => resolveProgram(question(change)), { code: 'COMPONENT_NOT_STARTABLE', message });
    writeFileSync(tablePath, 'broken:\n  command: absent\n');
    assert.throws(() => resolveProgram(question({ tablePath })), { message: /has no command for broken; expected/ });
  });
});

describe('the name of an image', () => {
  it('is without tag and digest, but with the port of its registry', () => {
    assert.equal(imageName('localhost:5000/a/b:1'), 'localhost:5000/a/b');
    assert.equal(imageName('localhost:5000/a/b'), 'localhost:5000/a/b');
    assert.equal(imageName('a@sha256:12'), 'a');
  });
});
