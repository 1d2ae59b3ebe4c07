// The official suite of JSON Schema, draft 2020-12 and draft-07: every verdict is right, or the schema is refused and the list below says why.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../../src/core/json.ts';
import { compileSpecSchema } from '../../../src/manifest/spec-schema.ts';
import { suiteFiles, suiteMissing } from '../../support/suites.ts';

type Group = {
  readonly description: string;
  readonly schema: JsonValue;
  readonly tests: readonly { readonly description: string; readonly data: JsonValue; readonly valid: boolean }[];
};

const REMOTE = /leads to nothing in this schema; schemas are never fetched/;
const NUMBER = /whole numbers beyond 9007199254740991/;
const PROTO = /the key "__proto__" is not accepted/;
const META = /\$schema: expected https:\/\/json-schema\.org\/draft\/2020-12\/schema or/;
const LITERAL = /does not lead to a subschema/;

/** Schemas that are refused: where, why, and which; no names: all groups of the file. */
const REFUSED: readonly (readonly [file: string, why: RegExp, groups?: readonly string[]])[] = [
  ['draft2020-12/const.json', NUMBER, ['float and integers are equal up to 64-bit representation limits']],
  ['draft2020-12/defs.json', REMOTE, ['validate definition against metaschema']],
  [
    'draft2020-12/dynamicRef.json',
    REMOTE,
    [
      'strict-tree schema, guards against misspelled properties',
      'tests for implementation dynamic anchor and reference link',
      '$ref and $dynamicAnchor are independent of order - $defs first',
      '$ref and $dynamicAnchor are independent of order - $ref first',
      '$ref to $dynamicRef finds detached $dynamicAnchor',
    ],
  ],
  [
    'draft2020-12/optional/bignum.json',
    NUMBER,
    [
      'maximum integer comparison',
      'float comparison with high precision',
      'minimum integer comparison',
      'float comparison with high precision on negative numbers',
    ],
  ],
  ['draft2020-12/optional/cross-draft.json', REMOTE, ['refs to historic drafts are processed as historic drafts']],
  ['draft2020-12/optional/format-assertion.json', META],
  ['draft2020-12/optional/refOfUnknownKeyword.json', LITERAL, ['reference internals of known non-applicator']],
  ['draft2020-12/properties.json', PROTO, ['properties whose names are Javascript object property names']],
  ['draft2020-12/ref.json', REMOTE, ['remote ref, containing refs itself']],
  ['draft2020-12/refRemote.json', REMOTE],
  ['draft2020-12/vocabulary.json', META],
  ['draft7/const.json', NUMBER, ['float and integers are equal up to 64-bit representation limits']],
  ['draft7/definitions.json', REMOTE, ['validate definition against metaschema']],
  ['draft7/properties.json', PROTO, ['properties whose names are Javascript object property names']],
  ['draft7/ref.json', REMOTE, ['remote ref, containing refs itself']],
  ['draft7/refRemote.json', REMOTE],
];

/** Known formats are checked here (the suite's mandatory files read `format` as an annotation, as 2020-12 has it by default). */
const ANNOTATION = /^(\S+) format: .* is only an annotation by default$/;
const isChecked = (format: string | undefined): boolean => format !== undefined && !UNKNOWN_FORMATS.includes(format);

/** Verdicts of ajv-formats that differ from the suite: how many it takes wrongly, and refuses wrongly. */
const OF_THE_LIBRARY: Readonly<Record<string, readonly [number, number]>> = {
  'date-time': [2, 1],
  duration: [2, 0],
  'ecmascript-regex': [1, 0],
  email: [0, 5],
  hostname: [24, 0],
  'uri-reference': [6, 0],
  'uri-template': [1, 2],
  uri: [3, 0],
  uuid: [1, 0],
};
/** Not checked, and named by the lint. */
const UNKNOWN_FORMATS = ['idn-email', 'idn-hostname', 'iri', 'iri-reference'];

const files = suiteFiles('json-schema') as readonly (readonly [string, readonly Group[]])[];

/** Files of draft-07 do not say so themselves. */
const textOf = (file: string, schema: JsonValue): string =>
  JSON.stringify(
    file.startsWith('draft7/') && typeof schema === 'object'
      ? { $schema: 'http://json-schema.org/draft-07/schema#', ...schema }
      : schema,
  );

const verdicts = (file: string, group: Group): readonly (readonly [string, boolean, boolean])[] => {
  const compiled = compileSpecSchema(textOf(file, group.schema), '/schema');
  assert.ok(compiled.ok, compiled.ok ? '' : `${file}: ${group.description}: ${compiled.error.message}`);
  return group.tests.map(({ description, data, valid }) => {
    const problems = compiled.value.validate(data, '');
    assert.ok(
      problems.every(({ code }) => code !== 'SCHEMA_INVALID'),
      `${file}: ${group.description}: ${description}: ${problems[0]?.message ?? ''}`,
    );
    return [`${group.description}: ${description}`, valid, problems.length === 0];
  });
};

const refusalOf = (file: string, { description }: Group) =>
  REFUSED.find(([name, , groups]) => name === file && (groups === undefined || groups.includes(description)));

describe('the official suite of JSON Schema', { skip: suiteMissing('json-schema') }, () => {
  it('is there as a whole', () => {
    const count = files.reduce((sum, [, groups]) => sum + groups.reduce((all, { tests }) => all + tests.length, 0), 0);
    assert.ok(count >= 3000, `${count} tests`);
  });

  for (const [file, groups] of files.filter(([name]) => !name.includes('/format/'))) {
    it(`${file} has no wrong verdict`, () => {
      for (const group of groups) {
        const refusal = refusalOf(file, group);
        if (refusal !== undefined) {
          const compiled = compileSpecSchema(textOf(file, group.schema), '/schema');
          assert.ok(!compiled.ok, `${group.description} is not refused any more`);
          assert.ok(
            compiled.error.details.some(({ message }) => refusal[1].test(message)),
            compiled.error.message,
          );
          continue;
        }
        for (const [what, wanted, found] of verdicts(file, group)) {
          assert.equal(found, wanted !== isChecked(ANNOTATION.exec(what)?.[1]), what);
        }
      }
    });
  }

  for (const [file, groups] of files.filter(([name]) => name.includes('/format/'))) {
    const format = file.slice(file.lastIndexOf('/') + 1, -'.json'.length);
    const isUnknown = UNKNOWN_FORMATS.includes(format);
    it(`format ${format} is ${isUnknown ? 'not checked' : 'what the library says it is'}`, () => {
      const all = groups.flatMap((group) => verdicts(file, group));
      const taken = all.filter(([, wanted, found]) => found && !wanted);
      const refused = all.filter(([, wanted, found]) => wanted && !found);
      if (isUnknown) assert.deepEqual(refused, []);
      else
        assert.deepEqual(
          [taken.length, refused.length],
          OF_THE_LIBRARY[format] ?? [0, 0],
          JSON.stringify([taken, refused]),
        );
    });
  }
});
