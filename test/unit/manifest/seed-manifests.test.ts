// The manifests of the operator page: as published they are not YAML, and the answer says where; put right they mean what the page says.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifests } from '../../../src/manifest/parse.ts';
import { validateManifest } from '../../../src/manifest/validate.ts';
import type { Manifest, OperatorManifest, ResourceManifest } from '../../../src/messages/manifest-types.ts';
import { compileSpecSchema } from '../../../src/manifest/spec-schema.ts';
import { accepted, fixture, refused, shipped } from '../messages/support.ts';

const context = { defaultWorkspace: 'public', actor: 'iamgroot' };

const read = (data: Uint8Array): Manifest => {
  const [document] = accepted(parseManifests(data));
  assert.ok(document !== undefined);
  return accepted(validateManifest(document, context));
};
const operator = (data: Uint8Array): OperatorManifest => {
  const manifest = read(data);
  assert.equal(manifest.type, 'operator');
  return manifest as OperatorManifest;
};

describe('as published', () => {
  const published: readonly (readonly [string, number, number, RegExp])[] = [
    ['seed-operator-inline-secrets.published.yaml', 8, 1, /lines 8 to 10 are indented with tabs/],
    ['seed-operator-secret-reference.published.yaml', 23, 17, /check the indentation/],
    ['seed-resource.published.yaml', 6, 1, /lines 6 to 7 are indented with tabs/],
    ['seed-copy-operator-inline-secrets.published.yaml', 10, 1, /indentation/],
    ['seed-copy-operator-secret-reference.published.yaml', 10, 1, /indentation/],
    ['seed-copy-resource.published.yaml', 9, 1, /indentation/],
  ];
  for (const [name, line, column, message] of published) {
    it(name, () => {
      const rejection = refused(parseManifests(fixture(name)));
      assert.equal(rejection.code, 'MANIFEST_UNREADABLE');
      const [first] = rejection.details;
      assert.deepEqual([first?.line, first?.column], [line, column]);
      assert.match(first?.message ?? '', message);
      assert.ok(rejection.details.every((detail) => detail.line !== undefined && detail.column !== undefined));
    });
  }
  it('a secret is accepted as it stands, without a type', () => {
    const [document] = accepted(parseManifests(fixture('seed-secret.published.yaml')));
    assert.ok(document !== undefined);
    const manifest = accepted(validateManifest(document, context));
    assert.deepEqual([manifest.type, manifest.name, manifest.version], ['secret', 'adf-operator', 'v1']);
    assert.deepEqual(manifest.type === 'secret' && manifest.secret, {
      type: 'key-value-properties',
      acl: 'rw',
      data: {
        AZURE_TENANT_ID: 'azure tenant id',
        AZURE_CLIENT_ID: 'azure client id',
        AZURE_CLIENT_SECRET: 'azure client secret',
        AZURE_SUBSCRIPTION_ID: 'azure subscription id',
      },
    });
  });
});

const channel = {
  command: { stream: 'dataos-zure-entities', subject: 'adf.pipeline.run' },
  query: { subject: 'adf.pipeline.run.query', replySubject: 'dataos.operator.adf.reply' },
};

describe('put right', () => {
  it('the operator with inline secrets', () => {
    const manifest = operator(fixture('seed-operator-inline-secrets.corrected.yaml'));
    assert.equal(manifest.name, 'azure-data-factory');
    assert.equal(manifest.description, 'provides management of azure data factory resources lifecycle');
    assert.deepEqual(manifest.tags, ['operator', 'adf', 'azure-data-factory']);
    assert.deepEqual(manifest.operator.enabledWorkspaces, ['public', 'sandbox']);
    const [component] = manifest.operator.components;
    assert.equal(component?.type, 'worker');
    assert.equal(component?.image, 'docker.io/rubiklabs/azure-operator:0.1.5-dev');
    assert.deepEqual(component?.arguments, [
      'operator',
      'adf',
      '--electionStateFile',
      '/opt/tmdc-io/leader-election.log',
    ]);
    assert.equal(component?.replicas, 2);
    assert.equal(component?.environmentVars?.['METRIC_PORT'], 30001);
    assert.equal(component?.environmentVars?.['MESSAGE_DURABILITY'], true);
    assert.deepEqual(component?.ports, [{ name: 'metrics', servicePort: 30001, targetPort: 30001 }]);
    const [type] = manifest.operator.resources;
    assert.equal(type?.name, 'pipeline-run');
    assert.equal(type?.isRunnable, true);
    assert.deepEqual(type?.natsApi, channel);
  });
  it('the operator with a secret reference', () => {
    const manifest = operator(fixture('seed-operator-secret-reference.corrected.yaml'));
    const secret = { name: 'adf-operator', workspace: 'user-system', allKeys: true, consumptionType: 'envVars' };
    assert.deepEqual(manifest.operator.components[0]?.dataosSecrets, [secret]);
    assert.deepEqual(manifest.operator.resources[0]?.natsApi, channel);
  });
  it('the resource', () => {
    const expected: ResourceManifest = {
      name: 'pipeline-run-1',
      version: 'v1alpha',
      type: 'resource',
      layer: 'user',
      description: 'adf pipeline run',
      tags: ['adf-pipeline', 'adf-operator'],
      owner: 'iamgroot',
      workspace: 'public',
      resource: {
        operator: 'adf-operator',
        type: 'pipeline-run',
        spec: {
          factoryName: 'datafactoryoz3un3trdpaa',
          pipelineName: 'ArmtemplateSampleCopyPipeline',
          resourceGroupName: 'Engineering',
        },
      },
    };
    assert.deepEqual(read(fixture('seed-resource.corrected.yaml')), expected);
    assert.deepEqual(read(shipped('resource.yaml')), expected);
  });
  it('the copy lost its image, and the answer points there', () => {
    const { details } = refused(parseManifests(fixture('seed-copy-operator-inline-secrets.corrected.yaml')));
    assert.deepEqual(
      details.map(({ pointer, line, column }) => [pointer, line, column]),
      [['/operator/components/0/image', 26, 14]],
    );
    assert.match(details[0]?.message ?? '', /placeholder without a value/);
  });
});

describe('shipped', () => {
  const manifest = operator(shipped('operator.yaml'));
  it('has the name that its resources use', () => {
    const resource = read(shipped('resource.yaml')) as ResourceManifest;
    assert.equal(manifest.name, resource.resource.operator);
  });
  it('has one channel, in the manifest and in the variables of the component', () => {
    const { command, query } = manifest.operator.resources[0]?.natsApi ?? channel;
    const variables = manifest.operator.components[0]?.environmentVars ?? {};
    assert.equal(variables['ENTITY_OF_INTEREST_MESSAGE_STREAM'], command.stream);
    assert.equal(variables['ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT'], command.subject);
    assert.equal(variables['ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT'], query.subject);
    assert.equal(variables['ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT'], query.replySubject);
  });
  it('has a schema that takes its resource, and null where the schema says nullable', () => {
    const { validate, warnings } = accepted(
      compileSpecSchema(manifest.operator.resources[0]?.specSchema?.jsonSchema ?? '', ''),
    );
    const { spec } = (read(shipped('resource.yaml')) as ResourceManifest).resource;
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      validate({ ...spec, referencePipelineRunID: null, startFromFailure: null, parameters: { a: [1] } }, ''),
      [],
    );
    assert.equal(validate({ ...spec, factoryName: null }, '/resource/spec')[0]?.pointer, '/resource/spec/factoryName');
  });
});
