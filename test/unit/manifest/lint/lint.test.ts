// Each rule of the lint: what it catches, and what it lets pass.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../../src/core/json.ts';
import { jsonDocument, type ParsedDocument } from '../../../../src/manifest/document.ts';
import { boundedFindings, MAX_WARNINGS, type Finding } from '../../../../src/messages/finding.ts';
import { knownVariables } from '../../../../src/manifest/lint/known-variables.ts';
import { lintDocuments, lintOperator, lintResource } from '../../../../src/manifest/lint/lint.ts';
import { componentTable } from '../../../../src/sdk/config.ts';

type Component = Readonly<Record<string, unknown>>;
const START = 'ENTITY_OF_INTEREST_MESSAGE_';

const operator = (
  components: readonly Component[],
  types: readonly Component[] = [{ name: 'run', natsApi: api('ops', 'op.run') }],
  more: Component = {},
): ParsedDocument =>
  jsonDocument({
    name: 'op',
    version: 'v1alpha',
    type: 'operator',
    operator: {
      components: components.map((given, index) => ({
        name: `c-${index}`,
        type: 'worker',
        compute: 'external',
        image: 'none',
        replicas: 1,
        ...given,
      })),
      resources: types,
      enabledWorkspaces: ['public'],
      ...more,
    },
  } as unknown as JsonObject);

const api = (stream: string, subject: string): Component => ({
  command: { stream, subject },
  query: { subject: `${subject}.query`, replySubject: `${subject}.reply` },
});

const variables = (environmentVars: Component): Component => ({ environmentVars });
const channel = (stream: string, subject: string): Component => ({
  [`${START}STREAM`]: stream,
  [`${START}COMMAND_SUBJECT`]: subject,
  [`${START}QUERY_SUBJECT`]: `${subject}.query`,
  [`${START}QUERY_REPLY_SUBJECT`]: `${subject}.reply`,
});

const codes = (findings: readonly Finding[]): readonly string[] => findings.map(({ code }) => code);
const said = (document: ParsedDocument): readonly string[] => codes(lintOperator(document));
const ofVariables = (environmentVars: Component): readonly string[] => said(operator([variables(environmentVars)]));

describe('the channel', () => {
  it('that agrees is no finding, also one that is derived or lifted', () => {
    assert.deepEqual(ofVariables(channel('ops', 'op.run')), []);
    const lifted = operator([variables(channel('ops', 'op.run'))], [{ name: 'run' }], {
      natsApi: api('ops', 'op.run'),
    });
    assert.deepEqual(said(lifted), []);
    const derived = operator(
      [
        variables({
          [`${START}STREAM`]: 'op-commands',
          [`${START}COMMAND_SUBJECT`]: 'operators.op.run',
        }),
      ],
      [{ name: 'run' }],
    );
    assert.deepEqual(said(derived), []);
  });

  for (const part of ['STREAM', 'COMMAND_SUBJECT', 'QUERY_SUBJECT', 'QUERY_REPLY_SUBJECT']) {
    it(`whose ${part} differs is named at the variable, with the nearest name`, () => {
      const right = channel('ops', 'op.run');
      const wrong = { ...right, [`${START}${part}`]: `${String(right[`${START}${part}`])}x` };
      const [finding, ...others] = lintOperator(operator([variables(wrong)]));
      assert.deepEqual(others, []);
      assert.equal(finding?.code, 'CHANNEL_MISMATCH');
      assert.equal(finding.pointer, `/operator/components/0/environmentVars/${START}${part}`);
      assert.match(finding.hint ?? '', /did you mean/);
    });
  }

  it('of one type mixed with that of another is a mismatch', () => {
    const types = [
      { name: 'run', natsApi: api('ops', 'op.run') },
      { name: 'job', natsApi: api('jobs', 'op.job') },
    ];
    const mixed = { ...channel('ops', 'op.run'), [`${START}STREAM`]: 'jobs' };
    assert.deepEqual(said(operator([variables(mixed), variables(channel('jobs', 'op.job'))], types)), [
      'CHANNEL_MISMATCH',
    ]);
    assert.deepEqual(said(operator([variables(channel('ops', 'op.run'))], types)), ['CHANNEL_UNREAD']);
    assert.deepEqual(
      said(operator([variables(channel('ops', 'op.run')), variables(channel('jobs', 'op.job'))], types)),
      [],
    );
  });
});

describe('variables', () => {
  it('that are known are those that the SDK reads', () => {
    const read = Object.values(componentTable as Readonly<Record<string, { readonly env: string | readonly string[] }>>)
      .flatMap(({ env }) => env)
      .filter((name) => /^(?:OPERATOR|ENTITY|ELECTION|MESSAGE|METRIC)_/.test(name));
    assert.deepEqual(
      Object.keys(knownVariables)
        .filter((name) => name !== 'LOG_LEVEL')
        .sort(),
      [...new Set(read)].sort(),
    );
  });

  const cases: readonly (readonly [Component, readonly string[]])[] = [
    [{ OPERATOR_RECONCILE_WORKERS_INTERVAL: '10s' }, []],
    [{ OPERATOR_RECONCILE_WORKERS_INTERVAL: '10' }, ['VARIABLE_INVALID']],
    [{ OPERATOR_MAINTENANCE_INTERVAL: '1 minute' }, ['VARIABLE_INVALID']],
    [{ OPERATOR_MAINTENANCE_INTERVAL: '1ms' }, ['VARIABLE_INVALID']],
    [{ OPERATOR_PURGE_STATE_STORE_BEFORE: '5min' }, ['VARIABLE_INVALID']],
    [{ OPERATOR_PURGE_STATE_STORE_BEFORE: 0 }, []],
    [{ OPERATOR_MAX_WORKERS: 0 }, ['VARIABLE_INVALID']],
    [{ OPERATOR_STATE_STORE_TYPE: 'redis' }, ['VARIABLE_INVALID']],
    [{ MESSAGE_DURABILITY: true }, []],
    [{ MESSAGE_DURABILITY: 'maybe' }, ['VARIABLE_INVALID']],
    [{ OPERATOR_MAX_WORKER: 2 }, ['VARIABLE_UNKNOWN']],
    [{ OPERATOR_WORKERS: 2 }, ['VARIABLE_UNKNOWN']],
    [{ OPERATOR_RECONCILE_INTERVAL: '1s' }, ['VARIABLE_UNKNOWN']],
    [{ OPERATOR_NAME: 'x', OPERATOR_REGION: 'y', MESSAGE_FORMAT: 'z' }, []],
    [{ METRICS_PORT: 1 }, ['VARIABLE_UNKNOWN']],
    [{ AZURE_TENANT_ID: 'x', MY_OPERATOR: 'y' }, []],
    [{ METRIC_PORT: 9000, METRICS_PORT: 9000 }, ['METRIC_PORT']],
  ];
  for (const [given, wanted] of cases) {
    it(`${JSON.stringify(given)} gives ${wanted.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(ofVariables(given), wanted);
    });
  }

  it('that are nearly known say which is meant', () => {
    const [finding] = lintOperator(operator([variables({ OPERATOR_WORKERS: 2 })]));
    assert.equal(finding?.hint, 'did you mean OPERATOR_MAX_WORKERS?');
  });
});

describe('elections, ports and queues', () => {
  it('ELECTION_CLUSTER_SIZE is held against the replicas', () => {
    const sized = (replicas: number, size: unknown) =>
      said(operator([{ replicas, ...variables({ ELECTION_CLUSTER_SIZE: size }) }]));
    assert.deepEqual(sized(2, 1), ['ELECTION_SIZE']);
    assert.deepEqual(sized(1, 3), ['ELECTION_SIZE']);
    assert.deepEqual(sized(3, 3), []);
    assert.deepEqual(sized(3, 'three'), ['VARIABLE_INVALID']);
  });

  it('--electionStateFile is noted in both notations', () => {
    for (const given of [['--electionStateFile', '/x'], ['--electionStateFile=/x']]) {
      assert.deepEqual(said(operator([{ arguments: given }])), ['ELECTION_STATE_FILE']);
    }
  });

  it('METRIC_PORT is the target of the port named metrics', () => {
    const ports = (targetPort: number) => [{ name: 'metrics', servicePort: 80, targetPort }];
    assert.deepEqual(said(operator([{ ...variables({ METRIC_PORT: 30001 }), ports: ports(30001) }])), []);
    assert.deepEqual(said(operator([{ ...variables({ METRIC_PORT: 30001 }), ports: ports(30002) }])), ['METRIC_PORT']);
    assert.deepEqual(said(operator([{ ports: ports(30002) }])), ['METRIC_PORT']);
  });

  it('two components do not share a METRIC_PORT, nor a queue for different subjects', () => {
    const ports = [{ name: 'metrics', servicePort: 80, targetPort: 9 }];
    const both = operator([
      { ...variables({ METRIC_PORT: 9 }), ports },
      { ...variables({ METRIC_PORT: 9 }), ports },
    ]);
    assert.deepEqual(said(both), ['METRIC_PORT_SHARED']);
    const types = [
      { name: 'run', natsApi: api('ops', 'op.run') },
      { name: 'job', natsApi: api('ops', 'op.job') },
    ];
    const queue = { [`${START}QUEUE`]: 'q' };
    const queues = operator(
      [variables({ ...channel('ops', 'op.run'), ...queue }), variables({ ...channel('ops', 'op.job'), ...queue })],
      types,
    );
    assert.deepEqual(said(queues), ['QUEUE_SHARED']);
  });
});

describe('keywords of a jsonSchema', () => {
  const withSchema = (schema: unknown) =>
    operator(
      [{}],
      [{ name: 'run', natsApi: api('ops', 'op.run'), specSchema: { jsonSchema: JSON.stringify(schema) } }],
    );

  it('that draft 2020-12 does not know are named with their place', () => {
    const [ignored] = lintOperator(withSchema({ type: 'object', properties: { a: { type: 'string', minLenght: 3 } } }));
    assert.equal(ignored?.code, 'SCHEMA_KEYWORD_IGNORED');
    assert.match(ignored.message, /#\/properties\/a: the keyword "minLenght" .*did you mean "minLength"/);
    const [nullable] = lintOperator(withSchema({ properties: { a: { type: 'string', nullable: true } } }));
    assert.equal(nullable?.code, 'SCHEMA_KEYWORD_NOT_STANDARD');
    assert.match(nullable.message, /#\/properties\/a\b.*honoured/);
  });

  it('include formats that nobody checks, as a note', () => {
    const properties = { a: { format: 'customer-number' }, b: { format: 'date-time' } };
    const [format, ...others] = lintOperator(withSchema({ properties }));
    assert.deepEqual([format?.code, format?.severity, others], ['SCHEMA_FORMAT_UNKNOWN', 'note', []]);
    assert.match(format?.message ?? '', /"customer-number" at #\/properties\/a\/format$/);
    assert.match(format?.hint ?? '', /date-time/);
  });

  it('are looked for in the schemas of actions, too', () => {
    const jsonSchema = JSON.stringify({ requierd: ['a'] });
    const actions = [{ name: 'scale', specSchema: { jsonSchema } }];
    const [finding] = lintOperator(operator([{}], [{ name: 'run', natsApi: api('ops', 'op.run'), actions }]));
    assert.equal(finding?.pointer, '/operator/resources/0/actions/0/specSchema/jsonSchema');
  });

  it('that it knows pass, and so does text that is no schema (which is refused elsewhere)', () => {
    assert.deepEqual(said(withSchema({ type: 'object', properties: { nullable: { type: ['string', 'null'] } } })), []);
    for (const jsonSchema of ['{', '[]', 'null', '"x"', `${'['.repeat(200)}${']'.repeat(200)}`]) {
      assert.deepEqual(
        said(operator([{}], [{ name: 'run', natsApi: api('ops', 'op.run'), specSchema: { jsonSchema } }])),
        [],
      );
    }
  });
});

describe('inline credentials', () => {
  const SECRETS: readonly (readonly [string, string])[] = [
    ['AZURE_CLIENT_SECRET', 'hunter2'],
    ['DB_PASSWORD', 'hunter2'],
    ['API_KEY', 'abc'],
    ['githubToken', 'abc'],
    ['SETTING', 'ghp_0123456789abcdefghijABCDEFGHIJ012345'],
    ['SETTING', 'AKIAIOSFODNN7EXAMPLE'],
    ['SETTING', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc'],
    ['SETTING', '-----BEGIN RSA PRIVATE KEY-----\nMIIE'],
    ['SETTING', 'postgres://me:geheim@db/x'],
    ['SETTING', 'DefaultEndpointsProtocol=https;AccountKey=abc=='],
    ['SETTING', 'zX9kQ2vB7nM4pL1wR8tY5uH3jG6fD0sA'],
    ['SETTING', 'LGz8Q-NcuMf~GcPwjAjpJINM6n(iLFiuBsrPubAz'],
  ];
  for (const [name, value] of SECRETS) {
    it(`${name}=${value.slice(0, 8)}… is found, and its value is not shown`, () => {
      const [finding] = lintOperator(operator([variables({ [name]: value })])).filter(
        ({ code }) => code === 'INLINE_CREDENTIAL',
      );
      assert.ok(finding);
      assert.equal(finding.pointer, `/operator/components/0/environmentVars/${name}`);
      assert.ok(!JSON.stringify(finding).includes(value));
    });
  }

  const HARMLESS: readonly (readonly [string, string])[] = [
    ['AZURE_CLIENT_SECRET', '${AZURE_CLIENT_SECRET}'],
    ['AZURE_CLIENT_SECRET', '$SECRET'],
    ['CLIENT_SECRET_FILE', '/run/secrets/client'],
    ['DB_PASSWORD', ''],
    ['TOKEN_URL', 'https://login.example.com/token'],
    ['SECRET_NAME', 'adf-operator'],
    ['TOKEN_TTL', '1h'],
    ['USE_TOKEN', 'true'],
    ['KEYBOARD', 'qwertz'],
    ['TENANT', '191b8015-c70b-4cc7-afb0-818de32c05df'],
    ['CLIENT', '769f7469-eaed-4210-8ab7-obc4549d85a1'],
    ['IMAGE', 'docker.io/rubiklabs/azure-operator:0.1.5-dev'],
    ['SUBJECT', 'dataos.operator.adf.reply'],
    ['PIPELINE', 'ArmtemplateSampleCopyPipeline2024Version3'],
    ['TEXT', 'The Quick Brown Fox 2 jumps over The Lazy Dog 13'],
  ];
  for (const [name, value] of HARMLESS) {
    it(`${name}=${value} is none`, () => assert.deepEqual(ofVariables({ [name]: value }), []));
  }

  it('are found in arguments and in runAsApiKey', () => {
    assert.deepEqual(said(operator([{ arguments: ['--password=geheim'] }])), ['INLINE_CREDENTIAL']);
    assert.deepEqual(said(operator([{ arguments: ['--api-key', 'geheim'] }])), ['INLINE_CREDENTIAL']);
    assert.deepEqual(said(operator([{ arguments: ['--verbose', 'geheim', '--token-file', '/x'] }])), []);
    assert.deepEqual(
      lintOperator(operator([{ runAsApiKey: 'abcdef' }])).map(({ code, severity }) => `${severity} ${code}`),
      ['note INLINE_CREDENTIAL'],
    );
    assert.deepEqual(said(operator([{ runAsApiKey: 'sealed:v1:k1:abc' }])), []);
    assert.deepEqual(said(operator([{ runAsApiKey: '(sealed, key k1)' }])), []);
  });

  it('are found in the spec of a resource, at their place', () => {
    const spec = { connection: [{ url: 'x', password: 'geheim' }], 'a/b': { clientSecret: 'geheim' } };
    const findings = lintResource(jsonDocument({ resource: { spec } }));
    assert.deepEqual(
      findings.map(({ pointer }) => pointer),
      ['/resource/spec/connection/0/password', '/resource/spec/a~1b/clientSecret'],
    );
    assert.ok(!JSON.stringify(findings).includes('geheim'));
  });
});

describe('documents together', () => {
  const resource = (changes: JsonObject, workspace = 'public') =>
    ({
      name: 'r',
      version: 'v1',
      type: 'resource',
      workspace,
      resource: { operator: 'op', type: 'run', ...changes },
    }) as JsonObject;
  const together = (...values: readonly JsonObject[]): readonly string[] => {
    const documents = [operator([{}]).value as JsonObject, ...values];
    const parsed = documents.map((value, index) => jsonDocument(value, index, documents.length));
    return lintDocuments(parsed, { defaultWorkspace: 'public', actor: 'me' }).map(
      ({ severity, code, document, hint }) => `${document} ${severity} ${code} ${hint ?? ''}`,
    );
  };

  it('are held against each other', () => {
    assert.deepEqual(together(resource({})), []);
    assert.deepEqual(together(resource({ operator: 'opp' })), ['1 warning OPERATOR_NOT_FOUND did you mean "op"?']);
    assert.deepEqual(together(resource({ operator: 'far-away', type: 'other' })), []);
    assert.deepEqual(together(resource({ type: 'runs' })), ['1 error TYPE_NOT_FOUND did you mean "run"?']);
    assert.deepEqual(together(resource({}, 'sandbox')), ['1 error WORKSPACE_NOT_ENABLED ']);
  });

  it('say what an apply would refuse', () => {
    assert.deepEqual(together({ ...resource({}), versio: 'x' }), ['1 error MANIFEST_INVALID ']);
  });
});

describe('the lint', () => {
  it('survives anything in the place of anything', () => {
    const odd: readonly unknown[] = [null, 1, 'x', [], {}, [null], [[]], { a: null }];
    for (const first of odd) {
      for (const second of odd) {
        const natsApi = { command: first, query: second };
        const shapes = [
          { operator: first },
          { operator: { components: first, resources: second, natsApi: first, natsClusterConfig: second } },
          { operator: { components: [first], resources: [second], enabledWorkspaces: first } },
          { operator: { components: [{ environmentVars: first, arguments: second, ports: first, name: second }] } },
          { operator: { resources: [{ natsApi, specSchema: first, name: second }] }, name: first },
          { resource: first, type: 'resource' },
          { resource: { spec: first, operator: second }, type: second },
        ];
        for (const shape of shapes) {
          const document = jsonDocument(shape as unknown as JsonObject);
          lintOperator(document);
          lintResource(document);
          lintDocuments([document], { defaultWorkspace: 'public', actor: 'x' });
        }
      }
    }
  });

  it('is bounded in a receipt', () => {
    const many = Array.from({ length: 30 }, (_, index): Finding => ({
      code: `C${index}`,
      severity: 'note',
      message: '',
      pointer: '',
    }));
    const bounded = boundedFindings(many);
    assert.equal(bounded.length, MAX_WARNINGS);
    assert.match(bounded.at(-1)?.message ?? '', /^and 11 more/);
    assert.equal(boundedFindings(many.slice(0, 20)).length, 20);
  });
});
