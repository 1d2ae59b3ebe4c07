// The README's table of the operator page, held against the schemas (every field that a manifest may have), the page's samples (every key,
// variable and flag) and the tests that it names: they exist and speak of what they are said to show.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { allVerbs } from '../../src/cli/verbs/index.ts';
import { isJsonObject, type JsonValue } from '../../src/core/json.ts';
import { knownVariables } from '../../src/manifest/lint/known-variables.ts';
import { operatorSchema } from '../../src/manifest/operator-schema.ts';
import { parseManifests } from '../../src/manifest/parse.ts';
import { resourceSchema } from '../../src/manifest/resource-schema.ts';
import { secretSchema } from '../../src/manifest/secret-schema.ts';
import { settingsTable as azureSettings } from '../../src/operators/azure-data-factory/settings.ts';
import { settingsTable as hightouchSettings } from '../../src/operators/hightouch/settings.ts';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const section = readme.slice(readme.indexOf('<!-- attributes:'), readme.indexOf('## What is promised'));

type Row = { readonly names: readonly string[]; readonly what: string; readonly tests: readonly string[] };

const quoted = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
const rows: readonly Row[] = section
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, names = '', what = '', tests = ''] = line
      .split(' | ')
      .flatMap((cell, at) => (at === 0 ? ['', cell] : [cell]));
    return { names: quoted(names), what, tests: quoted(tests) };
  });
const named = new Set(rows.flatMap(({ names }) => names));

const KINDS: Readonly<Record<string, string>> = { unit: '.test.ts', integration: '.int.test.ts', e2e: '.e2e.test.ts' };
const testFile = (name: string): URL => new URL(`test/${name}${KINDS[name.split('/')[0] ?? ''] ?? ''}`, root);

/** A test with the support files that it imports: they may set the variables. */
const textOf = (test: string): string => {
  const file = testFile(test);
  const text = readFileSync(file, 'utf8');
  const imported = [...text.matchAll(/'(\.[^']*\/support\/[^']+)'/g)].map(([, path = '']) => new URL(path, file));
  return [text, ...imported.map((path) => readFileSync(path, 'utf8'))].join('\n');
};

/** What a test has to speak of: the last part of a path, the first word of a command. */
const wordOf = (name: string): string => (/[A-Za-z]+$/.exec(name.replace(/\[\]$/, '').split(/ -/)[0] ?? '') ?? [''])[0];
const spokenOf = (name: string): string => (/^(?:[A-Z_]+|--\w+)$/.test(name) ? name : wordOf(name));

/** Paths of all fields in a schema; `http` has a section of its own, and what is forbidden is none. */
const fieldsOf = (schema: JsonValue | undefined, path: string): readonly string[] => {
  if (!isJsonObject(schema) || isJsonObject(schema['not'])) return [];
  const here = path === '' ? [] : [path];
  if (path.endsWith('.http')) return here;
  if (isJsonObject(schema['items']) && isJsonObject(schema['items']['properties']))
    return fieldsOf(schema['items'], `${path}[]`);
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  return [
    ...here,
    ...Object.entries(properties).flatMap(([name, one]) => fieldsOf(one, path === '' ? name : `${path}.${name}`)),
  ];
};

/** The keys of a sample: variables by their name, everything else by its path; a schema is text and ends the walk. */
const keysOf = (value: JsonValue, path: string): readonly string[] => {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap((one) => keysOf(one, path));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, one]) => {
    if (path.endsWith('.environmentVars') || path === 'secret.data') return [name];
    const list = Array.isArray(one) && one.some((item) => isJsonObject(item)) ? '[]' : '';
    const next = `${path === '' ? name : `${path}.${name}`}${list}`;
    return [next, ...keysOf(one, next)];
  });
};

const fixtures = new URL('test/fixtures/manifests/', root);
const samples = readdirSync(fixtures)
  .map((name) => parseManifests(readFileSync(new URL(name, fixtures))))
  .flatMap((parsed) => (parsed.ok ? parsed.value.map(({ value }) => value) : []));

const withoutRow = (names: readonly string[]): readonly string[] => [
  ...new Set(
    names.filter((name) => !named.has(name) && name !== 'operator' && name !== 'resource' && name !== 'secret'),
  ),
];

describe("the README's table of the operator page", () => {
  it('has a row for every field that a manifest may have', () => {
    const fields = [operatorSchema, resourceSchema, secretSchema].flatMap((schema) => fieldsOf(schema, ''));
    assert.ok(fields.length > 60, String(fields.length));
    assert.deepEqual(withoutRow(fields), []);
  });

  it('has a row for every key and variable of the samples', () => {
    const keys = samples.flatMap((value) => keysOf(value, ''));
    assert.ok(samples.length >= 4 && keys.length > 100, `${samples.length} ${keys.length}`);
    assert.ok(keys.includes('AZURE_TENANT_ID') && keys.includes('operator.components[].ports[].servicePort'));
    assert.deepEqual(withoutRow(keys), []);
    const words = samples.flatMap((value) => JSON.stringify(value).match(/--[A-Za-z]{3,}/g) ?? []);
    assert.ok(words.includes('--electionStateFile'));
    assert.deepEqual(withoutRow(words), []);
  });

  it('has no row for a field that there is not', () => {
    const fields = new Set([operatorSchema, resourceSchema, secretSchema].flatMap((schema) => fieldsOf(schema, '')));
    const sampled = samples.flatMap((value) => keysOf(value, '')).filter((name) => name.startsWith('resource.spec.'));
    const others = ['secret.files', 'resource.spec.parameters', 'resource.spec.referencePipelineRunID'];
    const unsampled = ['resource.spec.startActivityName', 'resource.spec.startFromFailure'];
    const known = new Set([...fields, ...sampled, ...others, ...unsampled]);
    const paths = [...named].filter((name) => /^(?:operator|resource|secret)\./.test(name));
    assert.deepEqual(
      paths.filter((name) => !known.has(name)),
      [],
    );
  });

  it('has a row for every variable that the page defines', () =>
    assert.deepEqual(withoutRow(Object.keys(knownVariables)), []));

  it('names tests that are there and speak of it, or says why there is nothing to show', () => {
    assert.ok(rows.length > 80, String(rows.length));
    const problems = rows.flatMap(({ names, what, tests }) => {
      if (tests.length === 0) return what.startsWith('not used: ') ? [] : [`${names.join()}: no test, and no word why`];
      const missing = tests.filter((test) => !existsSync(testFile(test)));
      if (missing.length > 0) return missing.map((test) => `${names.join()}: there is no ${test}`);
      const texts = tests.map(textOf);
      const idle = tests.filter((_, at) => !names.some((name) => texts[at]?.includes(spokenOf(name))));
      const unshown = names.filter((name) => !texts.some((text) => text.includes(spokenOf(name))));
      return [
        ...idle.map((test) => `${test} does not speak of ${names.map(spokenOf).join(' or ')}`),
        ...unshown.map((name) => `none of ${tests.join()} speaks of ${spokenOf(name)} (${name})`),
      ];
    });
    assert.deepEqual(problems, []);
  });
});

describe('the README', () => {
  it('names every verb of the command line, and no other', () => {
    const block = readme.slice(readme.indexOf('## The command line'), readme.indexOf('Exit codes: 0 done'));
    const verbs = [...block.matchAll(/^opstream ([a-z]+)/gm)].map(([, verb]) => verb);
    assert.deepEqual(verbs.toSorted(), allVerbs.map(({ name }) => name).toSorted());
  });

  it('names every setting of the reference operators, with its default', () => {
    const entries = [...Object.values(azureSettings), ...Object.values(hightouchSettings)];
    assert.ok(entries.length > 15);
    for (const entry of entries) {
      const { env, fallback } = entry as unknown as { readonly env: string; readonly fallback?: string };
      const line =
        readme.split('\n').find((one) => one.startsWith(`| \`${env}\``) && one.split('|').length === 5) ?? '';
      assert.ok(readme.includes(`\`${env}\``), env);
      if (fallback !== undefined) assert.ok(line.includes(`\`${fallback}\``), `${env}: default ${fallback}: ${line}`);
    }
  });
});
