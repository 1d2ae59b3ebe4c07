// What the lint says of `http` blocks and of computes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../../src/core/json.ts';
import { jsonDocument } from '../../../../src/manifest/document.ts';
import { lintOperator } from '../../../../src/manifest/lint/lint.ts';

const findings = (http: JsonObject, compute = 'runnable-default') =>
  lintOperator(
    jsonDocument({
      name: 'op',
      version: 'v1alpha',
      type: 'operator',
      operator: {
        components: [
          {
            ...{ name: 'c', type: 'worker', compute, image: 'opstream/http', replicas: 1 },
            environmentVars: { API_TOKEN: 'set-elsewhere' },
          },
        ],
        resources: [{ name: 'note', http }],
        enabledWorkspaces: ['public'],
      },
    }),
  )
    .filter(({ code }) => code.startsWith('HTTP_') || code === 'COMPUTE_UNKNOWN')
    .map(({ code, pointer, hint }) => [code, pointer, hint]);

const AT = '/operator/resources/0/http';

describe('an http block', () => {
  it('that is right gives nothing', () => {
    const headers = { authorization: 'Bearer {{ .env.API_TOKEN }}', other: '{{ .env.FROM_A_SECRET }}' };
    const body = { text: '{{ {a: .spec.x} }}', plain: '{}', program: '{x: .y}' };
    assert.deepEqual(findings({ baseUrl: 'http://api', object: { create: { url: '/v1/things', headers, body } } }), []);
  });

  it('with a template of one brace is told how to write it', () => {
    assert.deepEqual(findings({ headers: { authorization: 'Bearer { .env.API_TOKEN }' } }), [
      ['HTTP_TEMPLATE', `${AT}/headers/authorization`, 'write "{{ .env.API_TOKEN }}"'],
    ]);
  });

  it('with a variable that nearly is one of the components is told which', () => {
    assert.deepEqual(findings({ headers: { authorization: '{{ .env.API_TOKN }}' } }), [
      ['HTTP_VARIABLE_UNKNOWN', `${AT}/headers/authorization`, 'did you mean .env.API_TOKEN?'],
    ]);
  });

  it('with an absolute url below its base is told to write the path', () => {
    assert.deepEqual(findings({ baseUrl: 'http://api', object: { read: { url: 'http://api/v1' } } }), [
      ['HTTP_URL_ABSOLUTE', `${AT}/object/read/url`, 'write the path alone, such as /v1/things'],
    ]);
  });
});

describe('a compute', () => {
  it('that no instance knows by itself is noted', () => {
    assert.deepEqual(
      findings({}, 'k8s').map(([code, pointer]) => [code, pointer]),
      [['COMPUTE_UNKNOWN', '/operator/components/0/compute']],
    );
    assert.deepEqual(findings({}, 'external'), []);
  });
});
