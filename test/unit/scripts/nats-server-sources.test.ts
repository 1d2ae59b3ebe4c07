import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checksumOf, mirrorFrom, reasonOf, sources } from '../../../scripts/nats-server-sources.mjs';
import { temporaryFolder } from '../../support/children.ts';

test("takes the mirror of the machine's own release before any other repository", () => {
  const lines = [
    'https://tools.example/apt stable amd64',
    'http://mirror.example/debian-security bookworm-security amd64',
    'http://mirror.example/debian bookworm amd64',
    'http://other.example/debian bookworm amd64',
  ].join('\n');
  assert.deepEqual(mirrorFrom(lines, 'bookworm'), {
    site: 'http://mirror.example/debian',
    release: 'bookworm',
    architecture: 'amd64',
  });
  assert.equal(mirrorFrom(lines, 'unheard-of')?.site, 'https://tools.example/apt');
  assert.equal(mirrorFrom('\n', 'bookworm'), undefined);
});

test('finds the checksum of exactly the file asked for', () => {
  const sums = 'AA  server-linux-amd64.tar.gz\nbb *server-linux-arm64.tar.gz\ncc  old-server-linux-amd64.tar.gz\n';
  assert.equal(checksumOf(sums, 'server-linux-amd64.tar.gz'), 'aa');
  assert.equal(checksumOf(sums, 'server-linux-arm64.tar.gz'), 'bb');
  assert.equal(checksumOf(sums, 'linux-amd64.tar.gz'), undefined);
});

test('picks the telling line out of what a program printed', () => {
  assert.equal(reasonOf(new Error('apt-get ended with 100:\nHit:1\nE: no such suite\ndone')), 'E: no such suite');
  assert.equal(reasonOf(new Error('plain')), 'plain');
});

test(
  'unpacks the release when its checksum is right, and refuses it when it is not',
  { skip: platform() !== 'linux' || arch() !== 'x64' ? 'made for linux on x64' : false },
  async (t) => {
    const folder = temporaryFolder();
    t.after(() => folder.remove());
    let isTampered = false;
    const answer = (url: string): Buffer => {
      const name = /([^/]+)\.tar\.gz$/.exec(url)?.[1];
      const version = /download\/(v[\d.]+)\//.exec(url)?.[1] ?? '';
      const archive = archiveOf(folder.path, `nats-server-${version}-linux-amd64`);
      if (name !== undefined) return isTampered ? Buffer.concat([archive, Buffer.from('x')]) : archive;
      const sum = createHash('sha256').update(archive).digest('hex');
      return Buffer.from(`${sum}  nats-server-${version}-linux-amd64.tar.gz\n`);
    };
    t.mock.method(globalThis, 'fetch', async (url: string) => new Response(new Uint8Array(answer(url))));
    const release = sources.find(({ name }) => name === 'the official release');
    const place = join(folder.path, 'place');
    mkdirSync(place);
    assert.equal(readFileSync((await release?.fetchInto(place)) ?? '', 'utf8'), 'a server');
    isTampered = true;
    await assert.rejects(
      release?.fetchInto(place) ?? Promise.resolve(),
      /wrong checksum: expected [0-9a-f]{64}, found/,
    );
  },
);

const archives = new Map<string, Buffer>();

const archiveOf = (folder: string, name: string): Buffer => {
  const known = archives.get(name);
  if (known !== undefined) return known;
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'nats-server'), 'a server');
  const archive = execFileSync('tar', ['-czf', '-', '-C', folder, name]);
  archives.set(name, archive);
  return archive;
};
