// A manifest of `type: operator`: exactly the fields of the operator page, including `dataosSecrets` and the operator-level `natsApi` that
// only its samples show. Rules that a schema cannot say are in operator-rules.ts.

import { ifRunningChoices } from '../messages/if-running.ts';
import type { JsonObject } from '../core/json.ts';
import { httpSchema } from './http-schema.ts';
import { fields, META_REQUIRED, metaProperties, text, textList, token } from './meta-schema.ts';

const port: JsonObject = { type: 'integer', minimum: 1, maximum: 65535 };

const secretReference = fields(
  {
    name: text(256),
    workspace: token,
    key: text(256),
    keys: textList(100, 256),
    allKeys: { type: 'boolean' },
    consumptionType: { enum: ['envVars', 'propFile', 'propfile', 'file'] },
  },
  ['name'],
);

const secrets: JsonObject = { type: 'array', maxItems: 100, items: secretReference };

const component = fields(
  {
    name: token,
    type: { enum: ['worker', 'service'] },
    compute: text(128),
    runAsUser: text(256),
    runAsApiKey: text(4096),
    image: text(512),
    imagePullSecret: text(256),
    command: textList(256, 4096),
    arguments: textList(256, 4096),
    replicas: { type: 'integer', minimum: 0, maximum: 100 },
    environmentVars: {
      type: 'object',
      maxProperties: 500,
      propertyNames: {
        pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,127}$',
        'x-expected': 'a name of letters, digits, "_", "." and "-" that does not start with a digit',
      },
      additionalProperties: { type: ['string', 'number', 'boolean'] },
    },
    secrets,
    dataosSecrets: secrets,
    ports: {
      type: 'array',
      maxItems: 100,
      items: fields({ name: token, servicePort: port, targetPort: port }, ['name', 'servicePort', 'targetPort']),
    },
  },
  ['name', 'type', 'compute', 'replicas'],
);

const channelText: JsonObject = { type: 'string', 'x-code': 'CHANNEL_INVALID' };

const natsApi = fields(
  {
    command: fields({ stream: channelText, subject: channelText }, ['stream', 'subject']),
    query: fields({ subject: channelText, replySubject: channelText }, ['subject', 'replySubject']),
  },
  ['command', 'query'],
);

const specSchema = fields(
  {
    jsonSchema: {
      type: 'string',
      minLength: 1,
      'x-expected': 'text that holds a JSON Schema; begin it with "jsonSchema: |"',
    },
  },
  ['jsonSchema'],
);

const action = fields({ name: token, description: text(1024), specSchema }, ['name']);

const resourceType = fields(
  {
    name: token,
    nameJqFilter: text(4096),
    isRunnable: { type: 'boolean' },
    ifRunning: { enum: [...ifRunningChoices] },
    specSchema,
    actions: { type: 'array', minItems: 1, maxItems: 100, items: action },
    http: httpSchema,
    natsApi,
  },
  ['name'],
);

export const operatorSchema = fields(
  {
    ...metaProperties,
    workspace: { not: {}, 'x-message': 'an operator is instance-level and lives in no workspace; remove the field' },
    operator: fields(
      {
        natsClusterConfig: fields({ name: token, compute: text(128), runAsUser: text(256), runAsApiKey: text(4096) }, [
          'name',
          'compute',
        ]),
        components: { type: 'array', minItems: 1, maxItems: 50, items: component },
        resources: { type: 'array', minItems: 1, maxItems: 100, items: resourceType },
        natsApi,
        enabledWorkspaces: { type: 'array', minItems: 1, maxItems: 1000, items: token },
      },
      ['components', 'resources', 'enabledWorkspaces'],
    ),
  },
  [...META_REQUIRED, 'operator'],
);
