// Finds a nats-server that is new enough, or fetches one once into .cache/ below the project. Used by every npm script and, as a
// program that prints the path, by `opstream up`.
//
// Order: OPSTREAM_NATS_SERVER; the one on the PATH; the one fetched before; then what the platform offers: Debian's package (with apt
// lists and cache of our own, so the system stays as it is), the official release with its checksum, `go install`.

import { createHash } from 'node:crypto';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProgress } from './progress.mjs';
import { mustRun, runCommand } from './run-command.mjs';

export const MINIMUM_VERSION = [2, 12, 3];
/** What is fetched where a version has to be named. */
const RELEASE = 'v2.12.4';
const SUITES = ['trixie-backports', 'sid'];

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const cacheFolder = join(root, '.cache', 'nats-server');
const cachedBinary = join(cacheFolder, 'nats-server');

/** `[2, 15, 1]` of "nats-server: v2.15.1"; undefined when there is no version in the text. */
export const parseVersion = (text) => {
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : match.slice(1, 4).map(Number);
};

export const isNewEnough = (version, minimum = MINIMUM_VERSION) => {
  for (const [index, wanted] of minimum.entries()) {
    const found = version[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
};

const versionOf = async (path) => {
  const { code, output } = await runCommand(path, ['--version']);
  return code === 0 ? parseVersion(output) : undefined;
};

const usable = async (path) => {
  const version = await versionOf(path);
  return version !== undefined && isNewEnough(version) ? version : undefined;
};

/** Moves a finished binary to its place in one step: nobody ever sees half of it, and two at once do not hurt each other. */
const adopt = async (binary) => {
  await mkdir(cacheFolder, { recursive: true });
  await chmod(binary, 0o755);
  const staged = `${cachedBinary}.${process.pid}`;
  await copyFile(binary, staged);
  await rename(staged, cachedBinary);
};

const fromDebian = async (folder) => {
  const targets = await mustRun('apt-get', ['indextargets', '--format', '$(SITE) $(ARCHITECTURE)']);
  const [site, architecture] = (targets.split('\n').find((line) => line.includes('://')) ?? '').split(' ');
  if (!site) throw new Error('apt knows no mirror');
  const problems = [];
  for (const suite of SUITES) {
    const place = join(folder, suite);
    for (const name of ['lists/partial', 'cache/archives/partial', 'state', 'root'])
      await mkdir(join(place, name), { recursive: true });
    await writeFile(join(place, 'sources.list'), `deb [arch=${architecture}] ${site} ${suite} main\n`);
    await writeFile(join(place, 'status'), '');
    const options = [
      `Dir::State=${join(place, 'state')}`,
      `Dir::State::lists=${join(place, 'lists')}`,
      `Dir::State::status=${join(place, 'status')}`,
      `Dir::Cache=${join(place, 'cache')}`,
      `Dir::Etc::sourcelist=${join(place, 'sources.list')}`,
      'Dir::Etc::sourceparts=-',
      'APT::Sandbox::User=',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    try {
      await mustRun('apt-get', [...options, 'update', '-q']);
      const shown = await mustRun('apt-cache', [...options, 'show', 'nats-server']);
      const version = parseVersion(/^Version: (.*)$/m.exec(shown)?.[1] ?? '');
      if (version === undefined || !isNewEnough(version)) throw new Error(`it has ${version?.join('.') ?? 'none'}`);
      await mustRun('apt-get', [...options, 'download', 'nats-server'], { cwd: place });
      const file = (await readdir(place)).find((name) => name.endsWith('.deb'));
      await mustRun('dpkg', ['-x', join(place, file ?? ''), join(place, 'root')]);
      return join(place, 'root', 'usr', 'sbin', 'nats-server');
    } catch (error) {
      problems.push(`${suite}: ${error.message.split('\n')[0]}`);
    }
  }
  throw new Error(problems.join('; '));
};

const download = async (url) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(120_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};

const fromRelease = async (folder) => {
  const cpu = { x64: 'amd64', arm64: 'arm64', arm: 'arm7' }[arch()] ?? arch();
  const name = `nats-server-${RELEASE}-${platform()}-${cpu}`;
  const base = `https://github.com/nats-io/nats-server/releases/download/${RELEASE}`;
  const [sums, archive] = await Promise.all([download(`${base}/SHA256SUMS`), download(`${base}/${name}.tar.gz`)]);
  const expected = sums
    .toString('utf8')
    .split('\n')
    .find((line) => line.endsWith(`${name}.tar.gz`))
    ?.split(/\s+/)[0];
  const found = createHash('sha256').update(archive).digest('hex');
  if (expected !== found)
    throw new Error(`checksum of ${name}.tar.gz: expected ${expected ?? 'one in SHA256SUMS'}, found ${found}`);
  const file = join(folder, 'release.tar.gz');
  await writeFile(file, archive);
  await mustRun('tar', ['-xzf', file, '-C', folder]);
  return join(folder, name, 'nats-server');
};

const fromGo = async (folder) => {
  await mustRun('go', ['install', `github.com/nats-io/nats-server/v2@${RELEASE}`], {
    env: { ...process.env, GOBIN: folder },
  });
  return join(folder, 'nats-server');
};

const sources = [
  { name: "Debian's packages", fetchInto: fromDebian },
  { name: 'the official release', fetchInto: fromRelease },
  { name: 'go install', fetchInto: fromGo },
];

const fetchOnce = async () => {
  const problems = [];
  await mkdir(cacheFolder, { recursive: true });
  for (const { name, fetchInto } of sources) {
    const folder = await mkdtemp(join(cacheFolder, 'fetch-'));
    try {
      const binary = await withProgress(`fetching nats-server from ${name}`, () => fetchInto(folder));
      if ((await usable(binary)) === undefined) throw new Error('what came is not a nats-server that is new enough');
      await adopt(binary);
      return cachedBinary;
    } catch (error) {
      problems.push(`  ${name}: ${error.message.split('\n')[0]}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new Error(
    [
      `no nats-server ${MINIMUM_VERSION.join('.')} or newer was found or could be fetched:`,
      ...problems,
      'Install one (https://docs.nats.io/running-a-nats-service/introduction/installation) so that it is on the PATH,',
      'or set OPSTREAM_NATS_SERVER to its path.',
    ].join('\n'),
  );
};

/** The path of a nats-server that is new enough. Rejects with a message that says what was tried and what to do. */
export const findNatsServer = async () => {
  const named = process.env['OPSTREAM_NATS_SERVER'];
  if (named) {
    const version = await versionOf(named);
    if (version !== undefined && isNewEnough(version)) return named;
    const found = version === undefined ? 'no program that tells a version' : `version ${version.join('.')}`;
    throw new Error(
      `OPSTREAM_NATS_SERVER is ${named}: expected nats-server ${MINIMUM_VERSION.join('.')} or newer, found ${found}`,
    );
  }
  if ((await usable('nats-server')) !== undefined) return 'nats-server';
  const isCached = await access(cachedBinary).then(
    () => true,
    () => false,
  );
  if (isCached && (await usable(cachedBinary)) !== undefined) return cachedBinary;
  return fetchOnce();
};

const isMain = process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain) {
  try {
    process.stdout.write(`${await findNatsServer()}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
