// The row of the seed's table (NAME | VERSION | TYPE | WORKSPACE | STATUS | RUNTIME | OWNER), from what is wanted and what was seen.
// A status that was reported for an earlier incarnation, or by another operator, does not count.

import {
  OPERATOR_GONE,
  type Condition,
  type Entity,
  type EntityStatus,
  type LifecycleStatus,
  type OperatorStatus,
  type ShownStatus,
} from '../messages/entity.ts';
import type { OperatorDocument, SecretDocument, Summary } from '../messages/queries.ts';

type EntityFacts = Pick<
  Entity,
  | 'uid'
  | 'generation'
  | 'runnable'
  | 'externalName'
  | 'suspended'
  | 'run'
  | 'deletionRequestedAt'
  | 'createdAt'
  | 'updatedAt'
  | 'manifest'
>;
type StatusFacts = Pick<
  EntityStatus,
  'uid' | 'operator' | 'status' | 'runtime' | 'run' | 'observedGeneration' | 'externalId'
> &
  Reported;

/** Whether `status` is about this incarnation of the entity. */
export const isAbout = (
  status: Pick<EntityStatus, 'uid' | 'operator'>,
  entity: Pick<Entity, 'uid' | 'manifest'>,
): boolean => status.uid === entity.uid && status.operator === entity.manifest.resource.operator;

const lifecycle = (isDeleting: boolean, observed: LifecycleStatus | undefined): LifecycleStatus =>
  isDeleting ? 'deleting' : (observed ?? 'pending');

/** A wish for its deletion, then that nobody looks after it, then its suspension go before what was observed. */
const entityStatus = (entity: EntityFacts, observed: LifecycleStatus | undefined, isOrphaned: boolean): ShownStatus => {
  const isDeleting = entity.deletionRequestedAt !== undefined;
  if (isOrphaned && !isDeleting) return 'error';
  return entity.suspended && !isDeleting ? 'suspended' : lifecycle(isDeleting, observed);
};

/** The condition `Ready` of a row. */
export type Readiness = Pick<Summary, 'ready' | 'reason'>;

const READY_STATUSES: readonly unknown[] = ['True', 'False', 'Unknown'];
const NOTHING_REPORTED: Readiness = { ready: 'Unknown', reason: 'NothingReported' };

/** What the conditions say. They come from other people's programs: what has not the form says nothing. */
export const readinessIn = (conditions: readonly Condition[] | undefined): Readiness => {
  const condition = conditions?.find(({ type }) => type === 'Ready');
  if (condition === undefined || !READY_STATUSES.includes(condition.status)) return NOTHING_REPORTED;
  return { ready: condition.status, reason: String(condition.reason ?? '') };
};

type Reported = { readonly observedGeneration: number; readonly readiness?: Readiness } & {
  readonly conditions?: readonly Condition[];
};

/** What was reported counts for what is wanted now. */
const readinessOf = (
  wanted: { readonly generation: number; readonly deletionRequestedAt?: string },
  status: Reported | undefined,
  isOrphaned = false,
): Readiness => {
  if (isOrphaned) return { ready: 'False', reason: OPERATOR_GONE };
  if (status === undefined) return NOTHING_REPORTED;
  const told = status.readiness ?? readinessIn(status.conditions);
  if (told.ready !== 'True') return told;
  if (wanted.deletionRequestedAt !== undefined) return { ready: 'False', reason: 'Deleting' };
  return status.observedGeneration < wanted.generation ? { ready: 'Unknown', reason: 'ChangeNotObserved' } : told;
};

/** `isOrphaned`: its operator is gone. */
export const summaryOfEntity = (
  entity: EntityFacts,
  reported: StatusFacts | undefined,
  isOrphaned = false,
): Summary => {
  const { manifest } = entity;
  const status = reported !== undefined && isAbout(reported, entity) ? reported : undefined;
  const externalId = status?.externalId ?? status?.run?.externalId;
  const isRunAnswered = status?.run?.id === entity.run?.id;
  // Also of a type that knows only actions, once one was asked for.
  const runtime =
    entity.runnable || entity.run !== undefined
      ? isRunAnswered
        ? (status?.runtime ?? 'pending')
        : 'pending'
      : (status?.runtime ?? '');
  return {
    name: manifest.name,
    version: manifest.version,
    type: 'resource',
    workspace: manifest.workspace,
    status: entityStatus(entity, status?.status, isOrphaned),
    runtime,
    owner: manifest.owner,
    ...readinessOf(entity, status, isOrphaned),
    operator: manifest.resource.operator,
    resourceType: manifest.resource.type,
    layer: manifest.layer,
    ...(entity.externalName === undefined ? {} : { externalName: entity.externalName }),
    ...(externalId === undefined ? {} : { externalId }),
    ...(isOrphaned ? { orphaned: true } : {}),
    tags: manifest.tags,
    generation: entity.generation,
    observedGeneration: status?.observedGeneration ?? 0,
    createdAt: entity.createdAt,
    updatedAt: entity.updatedAt,
  };
};

/** The condition that says that it cannot work, if it does. */
const notReadyOf = (conditions: readonly Condition[] | undefined): Pick<Summary, 'notReady'> => {
  const failing = conditions?.find(({ type, status }) => type === 'Ready' && status === 'False');
  return failing === undefined ? {} : { notReady: { reason: failing.reason, message: failing.message } };
};

export const summaryOfOperator = (
  operator: Omit<OperatorDocument, 'sequence'>,
  status:
    (Pick<OperatorStatus, 'status' | 'observedGeneration'> & Partial<Pick<OperatorStatus, 'conditions'>>) | undefined,
): Summary => ({
  name: operator.name,
  version: operator.manifest.version,
  type: 'operator',
  workspace: '',
  status: lifecycle(operator.deletionRequestedAt !== undefined, status?.status),
  runtime: '',
  owner: operator.manifest.owner,
  ...readinessOf(operator, status),
  layer: operator.manifest.layer,
  ...notReadyOf(status?.conditions),
  tags: operator.manifest.tags,
  generation: operator.generation,
  observedGeneration: status?.observedGeneration ?? 0,
  createdAt: operator.createdAt,
  updatedAt: operator.updatedAt,
});

/** Nothing reconciles a secret: what is stored is what is. */
export const summaryOfSecret = ({
  manifest,
  ...secret
}: Omit<SecretDocument, 'sequence' | 'contentSequence'>): Summary => ({
  name: secret.name,
  version: manifest.version,
  type: 'secret',
  workspace: secret.workspace,
  status: 'active',
  runtime: '',
  owner: manifest.owner,
  ready: 'True',
  reason: '',
  layer: manifest.layer,
  tags: manifest.tags,
  generation: secret.generation,
  observedGeneration: secret.generation,
  createdAt: secret.createdAt,
  updatedAt: secret.updatedAt,
});
