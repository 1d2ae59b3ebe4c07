// The row of the seed's table (NAME | VERSION | TYPE | WORKSPACE | STATUS | RUNTIME | OWNER), from what is wanted and what was seen.
// A status that was reported for an earlier incarnation, or by another operator, does not count.

import type { Entity, EntityStatus, LifecycleStatus, OperatorStatus } from '../messages/entity.ts';
import type { OperatorDocument, Summary } from '../messages/queries.ts';

type EntityFacts = Pick<
  Entity,
  'uid' | 'generation' | 'runnable' | 'run' | 'deletionRequestedAt' | 'createdAt' | 'updatedAt' | 'manifest'
>;
type StatusFacts = Pick<EntityStatus, 'uid' | 'operator' | 'status' | 'runtime' | 'run' | 'observedGeneration'>;

/** Whether `status` is about this incarnation of the entity. */
export const isAbout = (
  status: Pick<EntityStatus, 'uid' | 'operator'>,
  entity: Pick<Entity, 'uid' | 'manifest'>,
): boolean => status.uid === entity.uid && status.operator === entity.manifest.resource.operator;

const lifecycle = (isDeleting: boolean, observed: LifecycleStatus | undefined): LifecycleStatus =>
  isDeleting ? 'deleting' : (observed ?? 'pending');

export const summaryOfEntity = (entity: EntityFacts, reported: StatusFacts | undefined): Summary => {
  const { manifest } = entity;
  const status = reported !== undefined && isAbout(reported, entity) ? reported : undefined;
  const isRunAnswered = status?.run?.id === entity.run?.id;
  const runtime = entity.runnable
    ? isRunAnswered
      ? (status?.runtime ?? 'pending')
      : 'pending'
    : (status?.runtime ?? '');
  return {
    name: manifest.name,
    version: manifest.version,
    type: 'resource',
    workspace: manifest.workspace,
    status: lifecycle(entity.deletionRequestedAt !== undefined, status?.status),
    runtime,
    owner: manifest.owner,
    operator: manifest.resource.operator,
    resourceType: manifest.resource.type,
    tags: manifest.tags,
    generation: entity.generation,
    observedGeneration: status?.observedGeneration ?? 0,
    createdAt: entity.createdAt,
    updatedAt: entity.updatedAt,
  };
};

export const summaryOfOperator = (
  operator: Omit<OperatorDocument, 'sequence'>,
  status: Pick<OperatorStatus, 'status' | 'observedGeneration'> | undefined,
): Summary => ({
  name: operator.name,
  version: operator.manifest.version,
  type: 'operator',
  workspace: '',
  status: lifecycle(operator.deletionRequestedAt !== undefined, status?.status),
  runtime: '',
  owner: operator.manifest.owner,
  tags: operator.manifest.tags,
  generation: operator.generation,
  observedGeneration: status?.observedGeneration ?? 0,
  createdAt: operator.createdAt,
  updatedAt: operator.updatedAt,
});
