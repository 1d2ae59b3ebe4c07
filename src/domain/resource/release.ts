// Decides whether a resource may be taken out of opstream without the word of its component. Pure. Deliberately narrow: a release forgets
// what exists outside, so it needs a deletion that was asked for and does not come to its end, or somebody who says `force`.

import { reject } from '../../core/rejection.ts';
import { err, ok } from '../../core/result.ts';
import type { Entity, EntityStatus } from '../../messages/entity.ts';
import type { NewResourceEvent } from '../../messages/events.ts';
import type { LeftBehindItem } from '../../messages/left-behind.ts';
import type { Decision } from '../decision.ts';

export type ReleaseCommand = {
  readonly type: 'release';
  readonly force: boolean;
  readonly by: string;
  readonly isOperatorGone: boolean;
  /** The last status on the resource's subject, whoever reported it about whatever incarnation. */
  readonly lastStatus: EntityStatus | undefined;
  readonly expectedGeneration?: number;
};

const outsideOf = (status: EntityStatus | undefined) => ({
  externalId: status?.externalId ?? status?.run?.externalId,
  lifecycle: status?.status ?? 'pending',
  runtime: status?.runtime,
});

const leftOf = (entity: Entity, lastStatus: EntityStatus | undefined): LeftBehindItem => {
  const { workspace, name, resource } = entity.manifest;
  const { externalId, lifecycle, runtime } = outsideOf(lastStatus?.uid === entity.uid ? lastStatus : undefined);
  return {
    workspace,
    name,
    operator: resource.operator,
    resourceType: resource.type,
    ...(entity.externalName === undefined ? {} : { externalName: entity.externalName }),
    ...(externalId === undefined ? {} : { externalId }),
    status: lifecycle,
    ...(runtime === undefined ? {} : { runtime }),
  };
};

export const decideRelease = (
  command: ReleaseCommand,
  entity: Entity,
  generation: number,
): Decision<NewResourceEvent> => {
  const isAsked = entity.deletionRequestedAt !== undefined;
  const { operator } = entity.manifest.resource;
  if (!isAsked && !command.force) {
    const why = command.isOperatorGone
      ? `operator "${operator}" is gone, and nobody has asked for the deletion of "${entity.manifest.name}"`
      : `operator "${operator}" is registered and nobody has asked for the deletion of "${entity.manifest.name}"`;
    return err(
      reject(
        'NOT_RELEASABLE',
        `${why}; delete it first, or release it with force: what it has outside then stays and is not known here any more`,
      ),
    );
  }
  const data = {
    releasedBy: command.by,
    forced: !isAsked,
    operatorGone: command.isOperatorGone,
    leftBehind: { total: 1, items: [leftOf(entity, command.lastStatus)] },
  };
  return ok([{ type: 'io.opstream.resource.released.v1', generation, data }]);
};
