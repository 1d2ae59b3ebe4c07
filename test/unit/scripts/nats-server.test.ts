// Which nats-server is taken, with programs that only print a version in the place of real ones.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findNatsServer } from '../../../scripts/nats-server.mjs';
import { temporaryFolder } from '../../support/children.ts';

const writeServer = (path: string, version: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
};

type Candidate = { readonly name: string; readonly fetchInto: (place: string) => Promise<string> };

const offering = (version: string): Candidate => ({
  name: `a shop with ${version}`,
  fetchInto: async (place) => writeServer(join(place, 'deep', 'nats-server'), version),
});
const failing: Candidate = {
  name: 'a closed shop',
  fetchInto: async () => {
    throw new Error('the shop is closed');
  },
};

const scene = (t: TestContext) => {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const cache = join(folder.path, 'cache');
  const bin = join(folder.path, 'bin');
  const said: string[] = [];
  const find = (candidates: readonly Candidate[], environment: Record<string, string> = {}): Promise<string> =>
    findNatsServer({
      folder: cache,
      candidates,
      environment: { PATH: `${bin}:${join(folder.path, 'nowhere')}`, ...environment },
      log: (text: string) => said.push(text),
    });
  return { bin, cache, find, said, cached: join(cache, 'nats-server'), other: join(folder.path, 'other') };
};

test('takes the one on the PATH when it is new enough', async (t) => {
  const { bin, find, cached } = scene(t);
  const installed = writeServer(join(bin, 'nats-server'), '2.12.3');
  assert.equal(await find([failing]), installed);
  assert.equal(existsSync(cached), false);
});

test('fetches once when the one on the PATH is too old, says so, and leaves nothing else behind', async (t) => {
  const { bin, cache, find, said, cached } = scene(t);
  writeServer(join(bin, 'nats-server'), '2.12.2');
  assert.equal(await find([failing, offering('2.15.1')]), cached);
  assert.match(said.join(''), /bin\/nats-server is version 2\.12\.2, needed is nats-server 2\.12\.3 or newer/);
  assert.deepEqual(readdirSync(cache), ['nats-server']);
  assert.equal(await find([failing]), cached, 'the second time nothing is fetched');
});

test('fetches again when what is cached is too old or broken', async (t) => {
  const { find, cached } = scene(t);
  writeServer(cached, '2.11.0');
  assert.equal(await find([offering('2.15.1')]), cached);
  writeFileSync(cached, '\u007fELF half of a binary');
  assert.equal(await find([offering('2.15.1')]), cached);
});

test('says what was tried, why each failed and what to do', async (t) => {
  const { cache, find } = scene(t);
  await assert.rejects(find([failing, offering('2.9.0')]), (error: Error) => {
    assert.match(error.message, /No nats-server 2\.12\.3 or newer was found/);
    assert.match(error.message, /a closed shop: the shop is closed/);
    assert.match(error.message, /a shop with 2\.9\.0: what came is version 2\.9\.0/);
    assert.match(error.message, /set OPSTREAM_NATS_SERVER/);
    return true;
  });
  assert.deepEqual(readdirSync(cache), []);
});

test('takes OPSTREAM_NATS_SERVER before all, and refuses one that is too old or none', async (t) => {
  const { bin, find, other } = scene(t);
  writeServer(join(bin, 'nats-server'), '2.15.1');
  const named = (path: string) => find([offering('2.15.1')], { OPSTREAM_NATS_SERVER: path });
  assert.equal(await named(writeServer(other, '2.14.0')), other);
  writeServer(other, '2.10.7');
  await assert.rejects(named(other), /needed is nats-server 2\.12\.3 or newer, found version 2\.10\.7[^]*Install one/);
  await assert.rejects(named('/bin/true'), /found a program that is no nats-server/);
  await assert.rejects(named(join(dirname(other), 'missing')), /found a program that does not run/);
});

test('two at once both get a whole one, and what a killed fetch left is removed', async (t) => {
  const { cache, find, cached } = scene(t);
  await find([offering('2.15.1')]);
  const { hostname } = await import('node:os');
  const gone = join(cache, `fetch-${hostname()}-4194304-abc`);
  mkdirSync(gone);
  writeServer(cached, '2.0.0');
  assert.deepEqual(await Promise.all([find([offering('2.15.1')]), find([offering('2.15.1')])]), [cached, cached]);
  assert.deepEqual(readdirSync(cache), ['nats-server']);
});
