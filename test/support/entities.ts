// Entities and commands as a component receives them. Fresh objects each call.

import { COMMAND_TYPE, type Entity, type EntityCommand } from '../../src/messages/entity.ts';
import { schemaUri } from '../../src/messages/envelope.ts';
import { resourceManifest } from './fixtures.ts';

export const entityAt = (sequence: number, changes: Partial<Entity> & { readonly name?: string } = {}): Entity => {
  const { name = 'run-1', ...rest } = changes;
  return {
    key: `public.${name}`,
    uid: 'uid-1',
    generation: 1,
    runnable: false,
    suspended: false,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'iamgroot',
    updatedBy: 'iamgroot',
    manifest: resourceManifest({ pipelineName: `p${sequence}` }, { name }),
    sequence,
    ...rest,
  };
};

export const commandFor = (entity: Entity): EntityCommand => ({
  specversion: '1.0',
  id: `event-${entity.sequence}-command`,
  source: '/opstream/operator-runtime',
  type: COMMAND_TYPE,
  subject: `resource.${entity.key}`,
  time: '2026-01-01T00:00:00.000Z',
  datacontenttype: 'application/json',
  dataschema: schemaUri(COMMAND_TYPE),
  correlationid: `correlation-${entity.sequence}`,
  causationid: `event-${entity.sequence}`,
  commandid: `command-${entity.sequence}`,
  actor: 'iamgroot',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'rojo=1',
  generation: entity.generation,
  data: { command: entity.deletionRequestedAt === undefined ? 'apply' : 'delete', entity, fence: 1 },
});
