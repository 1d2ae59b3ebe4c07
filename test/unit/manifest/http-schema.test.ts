import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { expressionsIn, expressionsOf } from '../../../src/manifest/http-schema.ts';
import { parseManifests } from '../../../src/manifest/parse.ts';
import { validateManifest } from '../../../src/manifest/validate.ts';
import { operatorManifest } from '../../support/fixtures.ts';

const run = {
  start: { method: 'POST', url: '/start/{{ .spec.a }}', externalId: '.response.body.id' },
  read: { url: '/{{ .externalId }}', state: '.response.body.state', states: { succeeded: ['done'] } },
};
const section = (changes: JsonObject = {}): JsonObject => ({ baseUrl: 'https://example.com', run, ...changes });

/** Pointers of what is wrong with it. */
const problems = (http: JsonValue, actions: JsonValue = [{ name: 'pause' }]): readonly string[] => {
  const manifest = operatorManifest();
  const [type] = manifest.operator.resources;
  const resources = [{ ...type, actions, http }];
  const text = JSON.stringify({ ...manifest, operator: { ...manifest.operator, resources } });
  const parsed = parseManifests(new TextEncoder().encode(text));
  assert.ok(parsed.ok);
  const [document] = parsed.value;
  assert.ok(document);
  const result = validateManifest(document, { defaultWorkspace: 'public', actor: 'me' });
  return result.ok
    ? []
    : result.error.details.map(({ pointer = '' }) => pointer.replace('/operator/resources/0/http', ''));
};

describe('an http section', () => {
  it('may have everything that is described, and only that', () => {
    const full = section({
      auth: { type: 'oauth2ClientCredentials', tokenUrl: 'u', clientId: 'i', clientSecret: 's', scope: 'x' },
      ...{ headers: { 'x-a': 'b' }, pollInterval: '500ms', timeout: '1.5s', retry: { statuses: [500] } },
      throttle: { statuses: [429], pause: '5s', requests: 10, per: '1m' },
    });
    assert.deepEqual(problems(full), []);
    const without = (...[name]: readonly ['start' | 'read']): JsonObject => {
      const { [name]: _left, ...rest } = run;
      return rest;
    };
    for (const [wrong, place] of [
      [section({ surprise: 1 }), ''],
      [section({ run: without('start') }), '/run'],
      [section({ run: { ...run, begin: run.start } }), '/run'],
      [section({ run: { ...run, start: { ...run.start, method: 'TRACE' } } }), '/run/start/method'],
      [section({ run: { ...run, read: { ...run.read, states: { done: ['x'] } } } }), '/run/read/states'],
      [section({ object: { read: { url: '/' } } }), '/object'],
      [section({ auth: { type: 'bearer' } }), '/auth'],
      [section({ auth: { type: 'bearer', token: 't', password: 'p' } }), '/auth'],
      [section({ retry: { statuses: [100] } }), '/retry/statuses/0'],
      [section({ throttle: { requests: 0 } }), '/throttle/requests'],
      [section({ baseUrl: 7 }), '/baseUrl'],
    ] as const) {
      const found = problems(wrong);
      assert.ok(
        found.some((pointer) => pointer.startsWith(place)),
        `${place}: ${JSON.stringify(found)}`,
      );
    }
  });

  it('may have several requests for a change, look-ups, actions and errors', () => {
    const get = { url: '/x' };
    const object = {
      let: { folder: { ...get, value: '.a' } },
      ...{ create: { ...get, externalId: '.id' }, read: { ...get, gone: '.gone' }, restore: get },
      update: [get, { ...get, when: '.w', if: '.i', each: '.e' }],
      delete: { ...get, gone: '.gone' },
    };
    const more = { object, actions: { pause: { start: get } }, errors: { when: '.w', text: '.t' }, settle: '30s' };
    assert.deepEqual(problems(section(more)), []);
    assert.deepEqual(problems(section({ object: { ...object, update: get } })), []);
    for (const [wrong, place] of [
      [{ object: { ...object, update: [] } }, '/object/update'],
      [{ object: { ...object, let: { 'a-b': { ...get, value: '.a' } } } }, '/object/let'],
      [{ object: { ...object, let: { a: get } } }, '/object/let/a'],
      [{ actions: { pause: {} } }, '/actions/pause'],
      [{ errors: { why: '.x' } }, '/errors'],
    ] as const)
      assert.ok(
        problems(section(wrong)).some((pointer) => pointer.startsWith(place)),
        place,
      );
    assert.deepEqual(problems(section(more), [{ name: 'paus' }]), ['/actions/pause'], 'of no action');
    const programs = expressionsOf(section(more)).map(({ path }) => path.join('.'));
    for (const path of ['object.let.folder.value', 'object.update.1.each', 'object.read.gone', 'errors.text'])
      assert.ok(programs.includes(path), path);
  });

  it('has durations that are a length of time', () => {
    for (const good of ['1ms', '0.5s', '10m', '1h', '00.10s', '05s'])
      assert.deepEqual(problems(section({ timeout: good })), [], good);
    for (const bad of ['0s', '0.0s', '00ms', '5', '-1s', '1d', '1 s', '', '.5s'])
      assert.deepEqual(problems(section({ pollInterval: bad })), ['/pollInterval'], bad);
  });
});

describe('the programs in it', () => {
  it('end at the first }} outside their own brackets and strings', () => {
    const programs = (text: string) => expressionsIn(text).map(({ program }) => program);
    assert.deepEqual(programs('a{{ .b }}c{{.d}}'), ['.b', '.d']);
    assert.deepEqual(programs('{{ {a: {b: 1}} }}-{{ {a: 1}}}'), ['{a: {b: 1}}', '{a: 1}']);
    assert.deepEqual(programs('{{ "}}" }}{{ "\\"}}" }}'), ['"}}"', '"\\"}}"']);
    assert.deepEqual(programs('no } } or { { here'), []);
    assert.deepEqual(programs('{{ .never'), ['.never']);
    const [first] = expressionsIn('ab{{ .c }}d');
    assert.deepEqual(first, { start: 2, end: 10, program: '.c' });
  });

  it('are all found, with their places', () => {
    const http = section({
      baseUrl: '{{ .env.URL }}',
      run: { ...run, start: { ...run.start, body: { list: ['{{ .x }}', 'plain'], when: '{{ .in_body }}' } } },
    });
    const found = expressionsOf(http).map(({ path, program }) => `/${path.join('/')} ${program}`);
    assert.deepEqual(found.toSorted(), [
      '/baseUrl .env.URL',
      '/run/read/state .response.body.state',
      '/run/read/url .externalId',
      '/run/start/body/list/0 .x',
      '/run/start/body/when .in_body',
      '/run/start/externalId .response.body.id',
      '/run/start/url .spec.a',
    ]);
  });
});
