import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

// The table of src/README.md, enforced. It counts what it saw: a check that reads nothing would always pass.

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../src');

const PURE = ['core', 'json-schema', 'messages', 'manifest', 'domain', 'views'];
const LANGUAGE = ['core', 'json-schema', 'messages', 'manifest'];
const BELOW_USERS = [...LANGUAGE, 'domain', 'views', 'engine', 'jetstream', 'program', 'jq', 'vault'];
const allowed: Record<string, readonly string[]> = {
  core: [],
  'json-schema': ['core'],
  messages: ['core', 'json-schema'],
  manifest: ['core', 'json-schema', 'messages'],
  domain: LANGUAGE,
  views: [...LANGUAGE, 'domain'],
  engine: [...LANGUAGE, 'domain', 'views'],
  jetstream: ['core', 'messages', 'engine/ports'],
  program: ['core', 'messages', 'engine/ports'],
  jq: ['core', 'engine/ports'],
  compute: [...LANGUAGE, 'engine/ports', 'engine/supervision/ports.ts', 'engine/own-server/ports.ts'],
  vault: ['core', 'manifest', 'engine/ports'],
  sdk: BELOW_USERS,
  testing: [...LANGUAGE, 'domain', 'views', 'engine', 'sdk'],
  client: BELOW_USERS,
  embedded: [...BELOW_USERS, 'compute'],
  contract: [...BELOW_USERS, 'compute', 'client', 'embedded'],
  cli: [...BELOW_USERS, 'compute', 'client', 'embedded', 'contract'],
  processes: [...BELOW_USERS, 'compute', 'processes/common'],
  operators: ['sdk/index.ts'],
  'stand-ins': ['stand-ins/common'],
  index: ['core', 'messages', 'manifest', 'client', 'domain'],
};

/** The rooms of the engine, and what each may import beside itself. */
const LOOPS = ['ports', 'loops', 'history'];
const engineRooms: Record<string, readonly string[]> = {
  ports: [],
  loops: ['ports'],
  history: ['ports', 'loops'],
  evolution: LOOPS,
  commands: [...LOOPS, 'evolution'],
  projection: LOOPS,
  queries: LOOPS,
  supervision: LOOPS,
  'own-server': [...LOOPS, 'supervision'],
  dispatch: [...LOOPS, 'evolution', 'supervision'],
};

/** Packages and where they may be imported: a prefix of the file's path below src. */
const packageHomes: Record<string, readonly string[]> = {
  nats: ['jetstream/'],
  ajv: ['manifest/bodies/shape.ts', 'json-schema/'],
  'ajv-formats': ['json-schema/formats.ts'],
  re2js: ['json-schema/'],
  yaml: ['manifest/', 'cli/'],
  'fast-json-patch': ['messages/patch.ts'],
  pino: ['program/'],
  uuid: ['program/'],
  'jq-wasm': ['jq/'],
  'prom-client': ['program/', 'sdk/'],
};

type Import = { readonly file: string; readonly target: string };

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const importsOf = (file: string): readonly string[] =>
  [...textOf(file).matchAll(/(?:\bfrom\s+|^import\s+|\bimport\()\s*['"]([^'"]+)['"]/gm)].map((match) => match[1] ?? '');
const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : file.replace(/\.ts$/, ''));

const internal: Import[] = [];
const external: Import[] = [];
for (const file of files) {
  for (const target of importsOf(file)) {
    if (target.startsWith('.')) internal.push({ file, target: relative(root, resolve(root, dirname(file), target)) });
    else external.push({ file, target });
  }
}

const isAllowed = ({ file, target }: Import): boolean => {
  const room = roomOf(file);
  const own =
    room === 'operators' || room === 'stand-ins' || room === 'processes' ? file.split('/').slice(0, 2).join('/') : room;
  if (target.startsWith(`${own}/`)) return true;
  return (allowed[room] ?? []).some((place) => target === place || target.startsWith(`${place}/`));
};

describe('the rooms of src', () => {
  it('are all in the table', () => {
    assert.deepEqual(
      [...new Set(files.map(roomOf))].filter((room) => !(room in allowed)),
      [],
    );
  });

  it('import only downwards', () => {
    assert.ok(internal.length > 200, `saw only ${internal.length} imports between files`);
    assert.deepEqual(
      internal.filter((one) => !isAllowed(one)).map(({ file, target }) => `${file} -> ${target}`),
      [],
    );
  });

  it('import packages only where they are at home', () => {
    assert.ok(external.length > 20, `saw only ${external.length} imports of packages`);
    const strays = external.filter(({ file, target }) => {
      if (target.startsWith('node:')) return PURE.includes(roomOf(file)) || roomOf(file) === 'engine';
      const name = target.split('/')[0] ?? target;
      return !(packageHomes[name] ?? []).some((home) => file.startsWith(home));
    });
    assert.deepEqual(
      strays.map(({ file, target }) => `${file} -> ${target}`),
      [],
    );
  });

  it('import only downwards within the engine too', () => {
    const within = internal.filter(({ file, target }) => file.startsWith('engine/') && target.startsWith('engine/'));
    assert.ok(within.length > 100, `saw only ${within.length} imports within the engine`);
    const engineRoomOf = (path: string): string => path.split('/')[1] ?? '';
    const strays = within.filter(({ file, target }) => {
      const [from, to] = [engineRoomOf(file), engineRoomOf(target)];
      return from !== to && engineRooms[from]?.includes(to) !== true;
    });
    assert.deepEqual(
      strays.map(({ file, target }) => `${file} -> ${target}`),
      [],
    );
  });

  it('have no circle of files', () => {
    const targetsOf = new Map<string, string[]>();
    for (const { file, target } of internal) targetsOf.set(file, [...(targetsOf.get(file) ?? []), target]);
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, way: readonly string[]): void => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
      if (done.has(file) || way.includes(file)) return;
      for (const target of targetsOf.get(file) ?? []) visit(target, [...way, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    assert.deepEqual(circles, []);
  });

  it('keep clocks, chance and the process out of the pure ones', () => {
    const impure = /\b(?:process\.|Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|crypto\.)/;
    const codeOf = (file: string): string =>
      textOf(file)
        .replaceAll(/\/\*[\s\S]*?\*\//g, '')
        .replaceAll(/^\s*\/\/.*$/gm, '');
    const strays = files.filter((file) => [...PURE, 'engine'].includes(roomOf(file)) && impure.test(codeOf(file)));
    assert.deepEqual(strays, []);
  });

  it('read the environment in one place', () => {
    const readers = files.filter((file) => /\bprocess\.env\b/.test(textOf(file)) && !file.startsWith('stand-ins/'));
    assert.deepEqual(
      readers.filter((file) => !file.startsWith('program/')),
      [],
    );
  });

  it('have files of at most 300 lines', () => {
    assert.deepEqual(
      files.filter((file) => textOf(file).split('\n').length > 301),
      [],
    );
  });
});

describe('the top level', () => {
  it('has no folder beside the source, the tests, the scripts and the definitions of streams', () => {
    const folders = readdirSync(resolve(root, '..'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      // Made by npm and by the build, and not in the repository.
      .filter((name) => name !== 'node_modules' && !name.startsWith('dist') && name !== '__pycache__');
    assert.deepEqual(folders.sort(), ['scripts', 'src', 'streams', 'test']);
  });
});
