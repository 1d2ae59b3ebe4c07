// Values that many tests need: a valid operator, a valid resource, stored events in order. Plain data; each call makes fresh objects.

import { schemaUri } from '../../src/messages/envelope.ts';
import type { DomainEvent, NewEvent } from '../../src/messages/events.ts';
import type { OperatorManifest, ResourceManifest } from '../../src/messages/manifest-types.ts';
import type { JsonObject } from '../../src/core/json.ts';

export const operatorManifest = (changes: Partial<OperatorManifest> = {}): OperatorManifest => ({
  name: 'adf-operator',
  version: 'v1alpha',
  type: 'operator',
  layer: 'user',
  tags: ['adf'],
  owner: 'iamgroot',
  operator: {
    components: [{ name: 'adf-controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
    resources: [
      {
        name: 'pipeline-run',
        isRunnable: true,
        specSchema: {
          jsonSchema: JSON.stringify({ type: 'object', properties: { pipelineName: { type: 'string' } } }),
        },
        natsApi: {
          command: { stream: 'dataos-azure-entities', subject: 'adf.pipeline.run' },
          query: { subject: 'adf.pipeline.run.query', replySubject: 'dataos.operator.adf.reply' },
        },
      },
      {
        name: 'dataset',
        isRunnable: false,
        natsApi: {
          command: { stream: 'dataos-azure-entities', subject: 'adf.dataset' },
          query: { subject: 'adf.dataset.query', replySubject: 'dataos.operator.adf.dataset.reply' },
        },
      },
    ],
    enabledWorkspaces: ['public', 'sandbox'],
  },
  ...changes,
});

export const resourceManifest = (
  spec: JsonObject = { pipelineName: 'copy' },
  changes: Partial<ResourceManifest> = {},
): ResourceManifest => ({
  name: 'run-1',
  version: 'v1alpha',
  type: 'resource',
  layer: 'user',
  tags: [],
  owner: 'iamgroot',
  workspace: 'public',
  resource: { operator: 'adf-operator', type: 'pipeline-run', spec },
  ...changes,
});

/** Gives a new event the envelope that the engine would give it. Time and id follow from `index`. */
export const dated = (event: NewEvent, index: number, subject = 'resource.public.run-1'): DomainEvent =>
  ({
    specversion: '1.0',
    id: `event-${index}`,
    source: '/opstream/command-handler',
    type: event.type,
    subject,
    time: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(),
    datacontenttype: 'application/json',
    dataschema: schemaUri(event.type),
    correlationid: `command-${index}`,
    causationid: `command-${index}`,
    commandid: `command-${index}`,
    actor: 'iamgroot',
    generation: event.generation,
    data: event.data,
  }) as DomainEvent;
