// What the bench sends: an operator with the seed's schema, and resources of some 600 bytes.

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    factoryName: { type: 'string' },
    pipelineName: { type: 'string' },
    resourceGroupName: { type: 'string' },
    parameters: { type: 'object', additionalProperties: true },
    referencePipelineRunID: { type: 'string', nullable: true },
  },
  required: ['factoryName', 'pipelineName', 'resourceGroupName'],
  additionalProperties: false,
};

export const operator = {
  name: 'bench-operator',
  version: 'v1alpha',
  type: 'operator',
  owner: 'bench',
  operator: {
    components: [{ name: 'bench', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
    resources: [
      {
        name: 'job',
        isRunnable: false,
        specSchema: { jsonSchema: JSON.stringify(schema) },
        natsApi: {
          command: { stream: 'bench-channel', subject: 'bench.job' },
          query: { subject: 'bench.job.query', replySubject: 'bench.job.reply' },
        },
      },
    ],
    enabledWorkspaces: ['public'],
  },
};

export const componentVariables = {
  ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'bench',
  ENTITY_OF_INTEREST_MESSAGE_STREAM: 'bench-channel',
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'bench.job',
  ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: 'bench.job.query',
  ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: 'bench.job.reply',
  ELECTION_CLUSTER_NAME: 'bench',
  OPERATOR_MAX_WORKERS: '256',
  OPERATOR_RECONCILE_WORKERS_INTERVAL: '1h',
  OPERATOR_STATE_STORE_TYPE: 'jetstream_kv',
  LOG_LEVEL: 'warn',
};

const encoder = new TextEncoder();

export const resource = (name) =>
  encoder.encode(
    JSON.stringify({
      name,
      version: 'v1alpha',
      type: 'resource',
      owner: 'bench',
      description: 'one of many resources that the bench declares, with a description of usual length',
      tags: ['bench', 'load'],
      resource: {
        operator: 'bench-operator',
        type: 'job',
        spec: {
          factoryName: 'datafactoryoz3un3trdpaa',
          pipelineName: 'ArmtemplateSampleCopyPipeline',
          resourceGroupName: 'Engineering',
          parameters: { day: '2026-01-01', source: 'https://example.org/some/where/in/a/store.csv', retries: 3, name },
        },
      },
    }),
  );

const envelope = (name, index, type, generation, data) =>
  encoder.encode(
    JSON.stringify({
      specversion: '1.0',
      id: `01a206cc-ea2b-7116-ab12-${String(index).padStart(12, '0')}`,
      source: '/opstream/command-handler',
      type: `io.opstream.resource.${type}.v1`,
      subject: `resource.public.${name}`,
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      dataschema: `https://opstream.io/schemas/io.opstream.resource.${type}.v1.json`,
      correlationid: `bench-${name}`,
      causationid: `bench-${name}`,
      commandid: `bench-${name}`,
      actor: 'anonymous',
      generation,
      data,
    }),
  );

/** An event of the size that an apply of `resource` stores: what the raw limit publishes. */
export const eventBytes = (name, index) =>
  envelope(name, index, 'declared', 1, {
    uid: `01a206cc-ea2b-7116-ab12-${String(index).padStart(12, '0')}`,
    manifest: { ...JSON.parse(new TextDecoder().decode(resource(name))), workspace: 'public', layer: 'user' },
    runnable: false,
  });

/** A later change of it: two fields. */
export const changeBytes = (name, index, change) =>
  envelope(name, index, 'changed', change + 1, {
    patch: [
      { op: 'replace', path: '/description', value: `change ${change} of one of many resources` },
      { op: 'replace', path: '/resource/spec/parameters/retries', value: change },
    ],
  });
