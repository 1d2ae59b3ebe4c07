// Where a nats-server can come from when the machine has none: Debian's packages, the official release, `go install`. Used by
// nats-server.mjs only. Each takes an empty folder, works in there alone, and gives the path of the binary in it.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { mustRun } from './run-command.mjs';
import { atLeast, MINIMUM_VERSION, parseVersion } from './version.mjs';

/** What is fetched where a version has to be named: the one the tests were last run with. */
const RELEASE = 'v2.15.1';
const APT_MS = 5 * 60_000;
const GO_MS = 15 * 60_000;
const SMALL_DOWNLOAD_MS = 20_000;
const LARGE_DOWNLOAD_MS = 5 * 60_000;

/** Suites by names that do not age, the smallest first. */
const DISTRIBUTIONS = {
  debian: { suites: ['stable-backports', 'testing', 'unstable'], component: 'main' },
  ubuntu: { suites: ['devel'], component: 'universe' },
};

const KEYRINGS = (distribution) => [
  `/usr/share/keyrings/${distribution}-archive-keyring.gpg`,
  `/usr/share/keyrings/${distribution}-archive-keyring.pgp`,
];

const osRelease = async () => {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const known = [field('ID'), ...field('ID_LIKE').split(' ')].find((id) => id in DISTRIBUTIONS);
  return { distribution: known, codename: field('VERSION_CODENAME') };
};

/**
 * The mirror that this machine's own configuration names for its own release, out of the lines of `apt-get indextargets` (site, release,
 * architecture); other repositories that happen to be configured come after it.
 */
export const mirrorFrom = (lines, codename) => {
  const targets = lines
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([site]) => site?.includes(':/'))
    .map(([site, release, architecture]) => ({ site, release, architecture }));
  return targets.find(({ release }) => release === codename) ?? targets[0];
};

/**
 * apt with lists, cache, state and source list of its own. It is a configuration file given with `-c`, because only there can the hooks be
 * cleared that a system may run after each update (they empty the system's own cache, or refresh its catalogues).
 */
const aptConfiguration = (place) =>
  [
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    ...Object.entries({
      'Dir::State': join(place, 'state'),
      'Dir::State::lists': join(place, 'lists'),
      'Dir::State::status': join(place, 'status'),
      'Dir::Cache': join(place, 'cache'),
      'Dir::Cache::archives': join(place, 'cache', 'archives'),
      'Dir::Log': join(place, 'log'),
      'Dir::Etc::sourcelist': join(place, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::Etc::preferences': '-',
      'Dir::Etc::preferencesparts': '-',
      'APT::Sandbox::User': '',
      'APT::Update::Error-Mode': 'any',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '1',
      'Acquire::http::Timeout': '20',
      'Acquire::https::Timeout': '20',
    }).map(([name, value]) => `${name} "${value}";`),
    '',
  ].join('\n');

const readable = (path) =>
  readFile(path).then(
    () => true,
    () => false,
  );

const firstReadable = async (paths) => {
  for (const path of paths) if (await readable(path)) return path;
  return undefined;
};

const fromSuite = async (place, { suite, component, mirror, keyring }) => {
  for (const name of ['lists/partial', 'cache/archives/partial', 'state', 'log', 'root'])
    await mkdir(join(place, name), { recursive: true });
  const options = [`arch=${mirror.architecture}`, 'target=Packages', ...(keyring ? [`signed-by=${keyring}`] : [])];
  await writeFile(join(place, 'sources.list'), `deb [${options.join(' ')}] ${mirror.site} ${suite} ${component}\n`);
  await writeFile(join(place, 'status'), '');
  const configuration = join(place, 'apt.conf');
  await writeFile(configuration, aptConfiguration(place));
  const own = ['-c', configuration];
  await mustRun('apt-get', [...own, '-q', 'update'], { timeoutMs: APT_MS });
  const shown = await mustRun('apt-cache', [...own, 'show', 'nats-server'], { timeoutMs: APT_MS });
  const offered = /^Version: (.*)$/m.exec(shown)?.[1] ?? 'none';
  const version = parseVersion(offered);
  if (version === undefined || !atLeast(version, MINIMUM_VERSION)) throw new Error(`it has ${offered}`);
  await mustRun('apt-get', [...own, '-q', 'download', 'nats-server'], { cwd: place, timeoutMs: APT_MS });
  const file = (await readdir(place)).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error('apt-get download left no package');
  await mustRun('dpkg', ['-x', join(place, file), join(place, 'root')], { timeoutMs: APT_MS });
  const root = join(place, 'root', 'usr');
  return firstReadable([join(root, 'sbin', 'nats-server'), join(root, 'bin', 'nats-server')]);
};

const fromDebian = async (folder) => {
  const { distribution, codename } = await osRelease();
  if (distribution === undefined) throw new Error('this is neither Debian nor Ubuntu');
  const format = '$(SITE) $(RELEASE) $(ARCHITECTURE)';
  const mirror = mirrorFrom(
    await mustRun('apt-get', ['indextargets', '--format', format], { timeoutMs: APT_MS }),
    codename,
  );
  if (mirror === undefined) throw new Error('apt has no mirror configured');
  const { suites, component } = DISTRIBUTIONS[distribution];
  const keyring = await firstReadable(KEYRINGS(distribution));
  const problems = [];
  for (const suite of suites) {
    const place = join(folder, suite);
    try {
      const binary = await fromSuite(place, { suite, component, mirror, keyring });
      if (binary !== undefined) return binary;
      problems.push(`${suite}: the package holds no nats-server`);
    } catch (error) {
      problems.push(`${suite}: ${reasonOf(error)}`);
    }
  }
  throw new Error(problems.join('; '));
};

/** The most telling line of an error that may carry a program's whole output. */
export const reasonOf = (error) => {
  const lines = error.message.split('\n').filter((line) => line.trim() !== '');
  return (
    lines.findLast((line) => /^\s*E:|error|cannot|could not|not found/i.test(line))?.trim() ??
    lines[0] ??
    'no reason given'
  );
};

const download = async (url, timeoutMs) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error) => {
    throw new Error(`${url} could not be read: ${error.cause?.message ?? error.message}`);
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};

/** The checksum that a SHA256SUMS file gives for `name`. */
export const checksumOf = (sums, name) => {
  for (const line of sums.split('\n')) {
    const [checksum, file] = line.trim().split(/\s+\*?/);
    if (file === name) return checksum?.toLowerCase();
  }
  return undefined;
};

const fromRelease = async (folder) => {
  const cpu = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386' }[arch()];
  if (cpu === undefined || !['linux', 'darwin'].includes(platform()))
    throw new Error(`there is no archive that this script can use for ${platform()} on ${arch()}`);
  const name = `nats-server-${RELEASE}-${platform()}-${cpu}`;
  const base = `https://github.com/nats-io/nats-server/releases/download/${RELEASE}`;
  const sums = await download(`${base}/SHA256SUMS`, SMALL_DOWNLOAD_MS);
  const expected = checksumOf(sums.toString('utf8'), `${name}.tar.gz`);
  if (expected === undefined) throw new Error(`SHA256SUMS of ${RELEASE} has no line for ${name}.tar.gz`);
  const archive = await download(`${base}/${name}.tar.gz`, LARGE_DOWNLOAD_MS);
  const found = createHash('sha256').update(archive).digest('hex');
  if (expected !== found)
    throw new Error(`${name}.tar.gz has the wrong checksum: expected ${expected}, found ${found}`);
  const file = join(folder, 'release.tar.gz');
  await writeFile(file, archive);
  await mustRun('tar', ['-xzf', file, '-C', folder]);
  return join(folder, name, 'nats-server');
};

const fromGo = async (folder) => {
  await mustRun('go', ['install', `github.com/nats-io/nats-server/v2@${RELEASE}`], {
    env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' },
    cwd: folder,
    timeoutMs: GO_MS,
  });
  return join(folder, 'nats-server');
};

export const sources = [
  { name: 'Debian packages', fetchInto: fromDebian },
  { name: 'the official release', fetchInto: fromRelease },
  { name: 'go install', fetchInto: fromGo },
];
