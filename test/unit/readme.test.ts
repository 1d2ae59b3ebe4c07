import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { rejectionCodes } from '../../src/core/rejection.ts';
import { commandHeaders } from '../../src/messages/envelope.ts';
import { queryVerbs } from '../../src/messages/queries.ts';
import { metricCatalogue, programs, type MetricDefinition } from '../../src/messages/metric-catalogue.ts';
import { instanceTable } from '../../src/program/instance-config.ts';
import { componentTable } from '../../src/sdk/config.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

const variablesOf = (
  table: Readonly<Record<string, { readonly env?: string | readonly string[] }>>,
): readonly string[] =>
  Object.values(table).flatMap(({ env }) => (env === undefined ? [] : typeof env === 'string' ? [env] : [...env]));

describe('the README', () => {
  it('has every rejection code with its meaning, and no other', () => {
    const section = readme.slice(readme.indexOf('<!-- rejection codes'), readme.indexOf('### Configuration'));
    const rows = [...section.matchAll(/^\| `([A-Z_]+)` \| (.+) \|$/gm)].map((match) => [match[1], match[2]]);
    assert.deepEqual(rows, Object.entries(rejectionCodes));
  });

  it('names every variable of the processes and of components', () => {
    const names = [...variablesOf(instanceTable), ...variablesOf(componentTable)];
    assert.ok(names.length > 15);
    const written = (name: string): boolean =>
      readme.includes(`\`${name}\``) || readme.includes(`\`…${name.replace('ENTITY_OF_INTEREST_MESSAGE', '')}\``);
    assert.deepEqual(
      names.filter((name) => !written(name)),
      [],
    );
  });

  it('names every header and query', () => {
    const missing = [...Object.values(commandHeaders), ...queryVerbs].filter((name) => !readme.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });

  it('has every metric with its kind, labels and programs, and no other', () => {
    const section = readme.slice(readme.indexOf('<!-- metrics:'), readme.indexOf('## What is promised'));
    const rows = [...section.matchAll(/^\| `(opstream_\w+)` \| (\w+) \| (.*) \| (.*) \| (.*) \|$/gm)].map((match) =>
      match.slice(1),
    );
    const expected = Object.values<MetricDefinition>(metricCatalogue).map((one) => [
      ...[one.name, one.kind, one.labels.map((label) => `\`${label}\``).join(', ')],
      one.programs.length === programs.length ? 'all' : one.programs.join(', '),
      one.help,
    ]);
    assert.ok(expected.length > 20);
    assert.deepEqual(rows, expected);
  });
});
