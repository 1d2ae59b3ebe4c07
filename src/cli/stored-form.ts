// What `get -d` prints: one thing whole, in the seed's order of fields: the manifest, what the instance added (generation, uid, created),
// and what was observed, with the metadata that the component synchronized under `properties`. Pure.

import type { JsonObject } from '../core/json.ts';
import type { GetAnswer } from '../messages/queries.ts';
import { toYaml } from './yaml.ts';

const given = (fields: Readonly<Record<string, unknown>>): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;

const metaOf = ({ manifest }: { readonly manifest: GetManifest }): JsonObject =>
  given({
    name: manifest.name,
    version: manifest.version,
    type: manifest.type,
    layer: manifest.layer,
    tags: manifest.tags,
    labels: manifest.labels,
    description: manifest.description,
    owner: manifest.owner,
  });

type GetManifest =
  | Extract<GetAnswer, { type: 'resource' }>['entity']['manifest']
  | Extract<GetAnswer, { type: 'operator' }>['operator']['manifest']
  | Extract<GetAnswer, { type: 'secret' }>['secret']['manifest'];

const resourceForm = ({ entity, status, summary }: Extract<GetAnswer, { type: 'resource' }>): JsonObject =>
  given({
    ...metaOf(entity),
    workspace: entity.manifest.workspace,
    resource: entity.manifest.resource,
    generation: entity.generation,
    uid: entity.uid,
    created: entity.createdAt,
    updated: entity.updatedAt,
    createdBy: entity.createdBy,
    updatedBy: entity.updatedBy,
    suspended: entity.suspended ? true : undefined,
    deletionRequested: entity.deletionRequestedAt,
    run: entity.run,
    status: given({
      aggregateStatus: summary.status,
      runtimeState: summary.runtime === '' ? undefined : { status: summary.runtime },
      observedGeneration: summary.observedGeneration,
      externalId: status?.externalId,
      message: status?.message,
      run: status?.run,
      conditions: status?.conditions,
      properties: status?.properties,
      updated: status?.updatedAt,
    }),
  });

const operatorForm = ({ operator, status, summary }: Extract<GetAnswer, { type: 'operator' }>): JsonObject =>
  given({
    ...metaOf(operator),
    operator: operator.manifest.operator,
    generation: operator.generation,
    uid: operator.uid,
    created: operator.createdAt,
    updated: operator.updatedAt,
    createdBy: operator.createdBy,
    updatedBy: operator.updatedBy,
    deletionRequested: operator.deletionRequestedAt,
    status: given({
      aggregateStatus: summary.status,
      observedGeneration: summary.observedGeneration,
      message: status?.message,
      nats: status?.nats,
      components: status?.components,
      conditions: status?.conditions,
      updated: status?.updatedAt,
    }),
  });

/** The query-responder has masked the values. */
const secretForm = ({ secret, summary }: Extract<GetAnswer, { type: 'secret' }>): JsonObject =>
  given({
    ...metaOf(secret),
    workspace: secret.workspace,
    secret: secret.manifest.secret,
    generation: secret.generation,
    uid: secret.uid,
    created: secret.createdAt,
    updated: secret.updatedAt,
    createdBy: secret.createdBy,
    updatedBy: secret.updatedBy,
    status: { aggregateStatus: summary.status, observedGeneration: summary.observedGeneration },
  });

export const storedForm = (answer: GetAnswer): JsonObject =>
  answer.type === 'resource'
    ? resourceForm(answer)
    : answer.type === 'operator'
      ? operatorForm(answer)
      : secretForm(answer);

/** With the comment that the seed's tools put above: `# name:version:type` and the workspace if there is one. */
export const storedYaml = (answer: GetAnswer): string => {
  const { name, version, type, workspace } = answer.summary;
  return `# ${[name, version, type, workspace].filter((part) => part !== '').join(':')}\n${toYaml(storedForm(answer))}`;
};
