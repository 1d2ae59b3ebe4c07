// Documents to manifests: the exact fields, defaults, names, channels, and messages that say what to do.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { documentFromValue, jsonDocument } from '../../../src/manifest/document.ts';
import { parseManifests } from '../../../src/manifest/parse.ts';
import type { OperatorManifest } from '../../../src/messages/manifest-types.ts';
import { validateManifest } from '../../../src/manifest/validate.ts';
import { accepted, bytes, oneDocument, refused } from '../messages/support.ts';

const context = { defaultWorkspace: 'public', actor: 'me' };
const validate = (value: unknown) => validateManifest(jsonDocument(value as JsonValue), context);
const problems = (value: unknown) =>
  refused(validate(value)).details.map(({ pointer, message }) => `${pointer ?? ''}: ${message}`);

const resource = (changes: JsonObject = {}) => ({
  name: 'run-1',
  version: 'v1alpha',
  type: 'resource',
  resource: { operator: 'adf-operator', type: 'pipeline-run', spec: { a: 1 } },
  ...changes,
});

const component = { name: 'controller', type: 'worker', compute: 'runnable-default', image: 'x:1', replicas: 1 };
const natsApi = {
  command: { stream: 'adf', subject: 'adf.run' },
  query: { subject: 'adf.run.query', replySubject: 'adf.run.reply' },
};
const operator = (block: JsonObject = {}, changes: JsonObject = {}) => ({
  name: 'adf-operator',
  version: 'v1alpha',
  type: 'operator',
  operator: { components: [component], resources: [{ name: 'run', natsApi }], enabledWorkspaces: ['public'], ...block },
  ...changes,
});
const withComponent = (change: JsonObject) => {
  const { image: _, ...rest } = component;
  return operator({ components: [{ ...rest, ...change }] });
};
const typesOf = (value: unknown) => (accepted(validate(value)) as OperatorManifest).operator.resources;

describe('a resource', () => {
  it('gets its defaults', () =>
    assert.deepEqual(accepted(validate(resource())), {
      ...resource(),
      layer: 'user',
      tags: [],
      owner: 'me',
      workspace: 'public',
    }));
  it('keeps what it says', () => {
    const said = resource({
      layer: 'system',
      tags: ['a'],
      owner: 'you',
      workspace: 'sandbox',
      labels: { 'a.b/c': 'd' },
      description: 'e',
    });
    assert.deepEqual(accepted(validate(said)), said);
  });
  it('may leave its spec out', () => {
    const manifest = accepted(validate(resource({ resource: { operator: 'o', type: 't' } })));
    assert.deepEqual(manifest.type === 'resource' && manifest.resource.spec, {});
  });
  it('is told everything that is wrong at once', () =>
    assert.deepEqual(
      problems(
        resource({ version: 'v1alhpa', tgas: [], tags: 'a', layer: null, resource: { operator: 'o', spec: [] } }),
      ).sort(),
      [
        '/layer: expected one of user, system; found nothing',
        '/resource/spec: expected a mapping, found an empty list',
        '/resource/type: missing field "type": expected lower-case letters, digits and "-", starting and ending with a letter or digit, 1 to 64 characters',
        '/tags: expected a list, found the text "a"',
        '/tgas: unknown field "tgas"; did you mean "tags"?',
        '/version: expected one of v1alpha, v1beta, v1; found the text "v1alhpa"; did you mean "v1alpha"?',
      ],
    ));
  it('says NAME_INVALID when a name is all that is wrong', () => {
    for (const name of ['Run', 'a.b', 'a b', '-a', 'a-', '', 'a'.repeat(65), 'a\r\nPUB x', '*', '>', 'ä', 1, null]) {
      const rejection = refused(validate(resource({ name })));
      assert.equal(rejection.code, 'NAME_INVALID', JSON.stringify(name));
      assert.equal(rejection.details[0]?.pointer, '/name');
      assert.doesNotMatch(rejection.message, /[\r\n]/);
    }
    assert.equal(refused(validate(resource({ name: 'A', x: 1 }))).code, 'MANIFEST_INVALID');
    assert.equal(refused(validate(resource({ workspace: 'A.B' }))).details[0]?.pointer, '/workspace');
  });
  it('is told when the workspace given beside it is no name', () => {
    const rejection = refused(validateManifest(jsonDocument(resource()), { ...context, defaultWorkspace: 'a.>' }));
    assert.equal(rejection.code, 'NAME_INVALID');
    accepted(validateManifest(jsonDocument(resource({ workspace: 'x' })), { ...context, defaultWorkspace: 'a.>' }));
  });
});

describe('a component', () => {
  it('needs no image where its command says all', () => {
    const manifest = accepted(validate(withComponent({ command: ['/opt/controller'] }))) as OperatorManifest;
    assert.equal(manifest.operator.components[0]?.image, undefined);
  });
  it('needs one of the two', () => {
    for (const change of [{}, { command: [] }, { arguments: ['--fast'] }])
      assert.deepEqual(problems(withComponent(change)), [
        '/operator/components/0: expected "image", or "command" with the program to start; found neither',
      ]);
  });
});

describe('a type', () => {
  it('must be there and known', () => {
    assert.match(problems({ name: 'a' })[0] ?? '', /\/type: missing field "type"/);
    assert.match(problems({ type: 'Resource' })[0] ?? '', /did you mean "resource"/);
    assert.match(problems({ type: 'depot' })[0] ?? '', /expected "type: operator", "type: resource" or "type: secret"/);
    assert.match(problems(['a'])[0] ?? '', /expected a mapping/);
  });
  it('needs its block, and one problem says so', () => {
    assert.deepEqual(problems({ name: 'a', version: 'v1', type: 'operator' }), [
      '/operator: missing field "operator": expected a mapping',
    ]);
    assert.deepEqual(problems({ name: 'a', version: 'v1', type: 'resource' }), [
      '/resource: missing field "resource": expected a mapping',
    ]);
  });
});

describe('an operator', () => {
  it('lives in no workspace', () => {
    const [problem] = problems(operator({}, { workspace: 'public' }));
    assert.match(problem ?? '', /^\/workspace: an operator is instance-level/);
  });
  it('gives each type its own channel, the shared one, or a derived one', () => {
    assert.deepEqual(typesOf(operator())[0], { name: 'run', isRunnable: false, natsApi });
    assert.deepEqual(typesOf(operator({ resources: [{ name: 'run' }], natsApi }))[0]?.natsApi, natsApi);
    assert.deepEqual(typesOf(operator({ resources: [{ name: 'run', isRunnable: true }] }))[0], {
      name: 'run',
      isRunnable: true,
      natsApi: {
        command: { stream: 'adf-operator-commands', subject: 'operators.adf-operator.run' },
        query: { subject: 'operators.adf-operator.run.query', replySubject: 'operators.adf-operator.run.reply' },
      },
    });
  });
  it('is the same when its stored form is validated again', () => {
    const stored = accepted(
      validate(operator({ natsClusterConfig: { name: 'n', compute: 'c' } }, { description: 'd', tags: ['t'] })),
    );
    const again = accepted(validate(stored));
    assert.equal(JSON.stringify(again), JSON.stringify(stored));
  });
  it('keeps the actions of a type, with their description', () => {
    const actions = [{ name: 'backup', description: 'copy it to a bucket', specSchema: { jsonSchema: '{}' } }];
    assert.deepEqual(typesOf(operator({ resources: [{ name: 'run', actions }] }))[0]?.actions, actions);
  });
  it('keeps numbers and booleans in environmentVars', () => {
    const environmentVars = { A: 'x', B: 1, C: true };
    const manifest = accepted(
      validate(operator({ components: [{ ...component, environmentVars }] })),
    ) as OperatorManifest;
    assert.deepEqual(manifest.operator.components[0]?.environmentVars, environmentVars);
    assert.match(
      problems(operator({ components: [{ ...component, environmentVars: { A: null } }] }))[0] ?? '',
      /environmentVars\/A: expected text/,
    );
    assert.match(
      problems(operator({ components: [{ ...component, environmentVars: { 'A B': 'x' } }] }))[0] ?? '',
      /environmentVars\/A B: .*a name of letters/,
    );
  });
  it('never repeats what may be secret', () => {
    const [problem] = problems(
      operator({ components: [{ ...component, environmentVars: { CLIENT_SECRET: ['s3cret'] }, runAsApiKey: 31337 }] }),
    );
    assert.doesNotMatch(
      JSON.stringify(problems(operator({ components: [{ ...component, runAsApiKey: 31337 }] }))),
      /31337/,
    );
    assert.doesNotMatch(problem ?? '', /s3cret/);
  });
  it('is told everything that is wrong at once, with schema, channel and name problems', () => {
    const rejection = refused(
      validate(
        operator({
          enabledWorkspace: ['public'],
          components: [component, { ...component, type: 'wroker', replicas: 'two' }],
          resources: [
            { name: 'run', specSchema: { jsonSchema: '{"type": }' }, natsApi },
            { name: 'run', natsApi: { ...natsApi, command: { stream: 'KV_x', subject: 'a.*' } } },
          ],
          enabledWorkspaces: ['public', 'public', 'A'],
        }),
      ),
    );
    assert.equal(rejection.code, 'MANIFEST_INVALID');
    assert.deepEqual(rejection.details.map(({ pointer, code }) => `${pointer ?? ''} ${code ?? ''}`).sort(), [
      '/operator/components/1/name ',
      '/operator/components/1/replicas ',
      '/operator/components/1/type ',
      '/operator/enabledWorkspace ',
      '/operator/enabledWorkspaces/1 ',
      '/operator/enabledWorkspaces/2 NAME_INVALID',
      '/operator/resources/0/specSchema/jsonSchema SCHEMA_INVALID',
      '/operator/resources/1/name ',
      '/operator/resources/1/natsApi/command/stream CHANNEL_INVALID',
      '/operator/resources/1/natsApi/command/subject CHANNEL_INVALID',
    ]);
  });
  it('is told where, in YAML', () => {
    const text =
      'name: a\nversion: v1\ntype: operator\noperator:\n  components: []\n  resources:\n    - name: run\n      isRunable: true\n  enabledWorkspaces: [public]\n';
    const { details } = refused(validateManifest(oneDocument(text), context));
    assert.deepEqual(
      details.map(({ pointer, line, column }) => [pointer, line, column]),
      [
        ['/operator/components', 5, 3],
        ['/operator/resources/0/isRunable', 8, 7],
      ],
    );
    assert.match(details[1]?.message ?? '', /did you mean "isRunnable"/);
  });
  it('is told in which document', () => {
    const [, second] = accepted(parseManifests(bytes('type: x\n---\ntype: y\n')));
    assert.ok(second !== undefined);
    const [detail] = refused(validateManifest(second, context)).details;
    assert.deepEqual([detail?.document, detail?.line], [1, 3]);
  });
});

describe('channels', () => {
  const withChannel = (stream: string, subject = 'a.b', query = 'a.c', replySubject = 'a.d') =>
    operator({
      resources: [{ name: 'run', natsApi: { command: { stream, subject }, query: { subject: query, replySubject } } }],
    });
  const rejected = (value: JsonValue) => {
    const rejection = refused(validate(value));
    assert.equal(rejection.code, 'CHANNEL_INVALID');
    return rejection.details.map((detail) => detail.pointer?.replace('/operator/resources/0/natsApi', ''));
  };
  it('refuse streams that are not names, or not for operators', () => {
    for (const stream of ['', 'a b', 'a.b', 'x'.repeat(65), '$JS', 'KV_a', 'OBJ_a', 'OPSTREAM_EVENTS', 'a*']) {
      assert.deepEqual(rejected(withChannel(stream)), ['/command/stream'], stream);
    }
    assert.equal(
      refused(validateManifest(jsonDocument(withChannel('MY_X_EVENTS')), { ...context, prefix: 'my-x' })).code,
      'CHANNEL_INVALID',
    );
    accepted(validate(withChannel('OPSTREAM')));
  });
  it('refuse subjects with wildcards, of the server, or of opstream', () => {
    const long = Array.from({ length: 17 }, () => 'a').join('.');
    for (const subject of [
      '',
      'a..b',
      '.a',
      'a.*',
      '>',
      'a b',
      '$SYS.a',
      '_INBOX.a',
      '_INBOX',
      '_R_.x',
      'opstream.event.x',
      'opstream',
      long,
      'x'.repeat(201),
      'a\r\nb',
    ]) {
      assert.deepEqual(rejected(withChannel('s', subject)), ['/command/subject'], subject);
    }
    accepted(validate(withChannel('s', 'opstreams.a')));
  });
  it('refuse a subject in two roles', () => {
    assert.deepEqual(rejected(withChannel('s', 'a.b', 'a.b')), ['/query/subject']);
    assert.deepEqual(rejected(withChannel('s', 'a.b', 'a.c', 'a.b')), ['/query/replySubject']);
    assert.deepEqual(rejected(withChannel('s', 'a.b', 'a.c', 'a.c')), ['/query/replySubject']);
  });
  it('refuse a command subject of two types', () => {
    const two = [
      { name: 'a', natsApi },
      { name: 'b', natsApi },
    ];
    assert.deepEqual(
      refused(validate(operator({ resources: two }))).details.map((detail) => detail.pointer),
      ['/operator/resources/1/natsApi/command/subject'],
    );
    const shared = refused(validate(operator({ resources: [{ name: 'a' }, { name: 'b' }], natsApi })));
    assert.equal(shared.details[0]?.pointer, '/operator/natsApi');
  });
});

describe('whatever the value', () => {
  it('answers and does not throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => void validate(value)),
      { numRuns: 300 },
    );
    const mutated = fc.tuple(
      fc.constantFrom(resource(), operator()),
      fc.constantFrom('name', 'version', 'resource', 'operator', 'tags', 'labels', 'workspace'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(mutated, ([base, field, value]) => void validate({ ...base, [field]: value })),
      { numRuns: 500 },
    );
    const block = fc.tuple(
      fc.constantFrom('components', 'resources', 'enabledWorkspaces', 'natsApi', 'natsClusterConfig'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(
        block,
        ([field, value]) =>
          void validate(
            operator({
              [field]: value as JsonValue,
              resources: field === 'resources' ? (value as JsonValue) : [value as JsonValue],
            }),
          ),
      ),
      { numRuns: 500 },
    );
  });
});

describe('documentFromValue', () => {
  it('holds a patched value to the same limits', () => {
    let deep: JsonValue = 1;
    for (let level = 0; level < 65; level += 1) deep = { a: deep };
    assert.equal(refused(documentFromValue(deep)).code, 'MANIFEST_TOO_DEEP');
    assert.equal(refused(documentFromValue({ a: 'x'.repeat(300 * 1024) })).code, 'MANIFEST_TOO_LARGE');
    assert.equal(
      refused(documentFromValue(JSON.parse('{"a":{"__proto__":1}}') as JsonValue)).details[0]?.pointer,
      '/a/__proto__',
    );
    assert.equal(refused(documentFromValue({ a: 2 ** 60 })).code, 'MANIFEST_INVALID');
    assert.deepEqual(accepted(documentFromValue(resource())).value, resource());
  });
});
