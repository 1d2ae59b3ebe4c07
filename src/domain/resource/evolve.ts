// Folds resource events into the Entity. Total, but for a patch that does not fit (Fault DOCUMENT_INVALID: a damaged event). Used by the command-handler (to decide), the projector (KV documents) and the
// operator-runtime (what components are told): one fold, so the three cannot disagree.

import { applyStored } from '../../messages/patch.ts';
import type { Writable } from '../../core/writable.ts';
import { resourceManifestProblem } from '../../messages/stored-shape.ts';
import { entityKey, type Entity } from '../../messages/entity.ts';
import type { ResourceEvent } from '../../messages/events.ts';
import { cancelRun, dropWaiting, endRun, requestRun, type LaneMove } from './run-lane.ts';
import type { ResourceState } from './state.ts';

/** The entity with another lane of runs. Fields keep their order: documents are compared byte for byte. */
const withLane = (entity: Entity, { lane }: LaneMove): Entity => {
  const next: Writable<Entity> = { ...entity };
  if (lane.run !== undefined) next.run = lane.run;
  delete next.waitingRuns;
  if (lane.waitingRuns !== undefined) next.waitingRuns = lane.waitingRuns;
  return next;
};

const renamed = (entity: Entity, externalName: string | null | undefined): Entity => {
  if (externalName === undefined) return entity;
  const { externalName: _before, ...rest } = entity;
  return externalName === null ? rest : { ...rest, externalName };
};

export const evolveResource = (state: ResourceState, event: ResourceEvent, sequence: number): ResourceState => {
  const { generation } = event;
  if (event.type === 'io.opstream.resource.declared.v1') {
    const { manifest, runnable, uid, run, externalName } = event.data;
    const entity: Entity = {
      key: entityKey(manifest.workspace, manifest.name),
      uid,
      generation,
      runnable,
      ...(externalName === undefined ? undefined : { externalName }),
      ...(run === undefined ? undefined : requestRun({}, run, undefined).lane),
      suspended: false,
      createdAt: event.time,
      updatedAt: event.time,
      createdBy: event.actor,
      updatedBy: event.actor,
      manifest,
      sequence,
    };
    return { generation, entity };
  }
  const isOver = event.type === 'io.opstream.resource.deleted.v1' || event.type === 'io.opstream.resource.released.v1';
  if (isOver) return { generation };
  if (state.entity === undefined) return state;
  // A plain copy that is then changed: a spread with new values beside it is several times as slow, and a history has one for each event.
  const entity: Writable<Entity> = { ...state.entity };
  entity.generation = generation;
  entity.sequence = sequence;
  // The end of a run is found, not wanted by anybody.
  if (event.type !== 'io.opstream.resource.run-ended.v1') {
    entity.updatedAt = event.time;
    entity.updatedBy = event.actor;
  }
  switch (event.type) {
    case 'io.opstream.resource.changed.v1': {
      const { patch, run, ifRunning, externalName } = event.data;
      entity.manifest = applyStored(entity.manifest, patch, resourceManifestProblem);
      if (run === undefined && externalName === undefined) return { generation, entity };
      const named = renamed(entity, externalName);
      return { generation, entity: run === undefined ? named : withLane(named, requestRun(named, run, ifRunning)) };
    }
    case 'io.opstream.resource.run-requested.v1':
      return { generation, entity: withLane(entity, requestRun(entity, event.data.run, event.data.ifRunning)) };
    case 'io.opstream.resource.cancel-requested.v1':
      return { generation, entity: withLane(entity, cancelRun(entity, event.data.runId, event.data.all === true)) };
    case 'io.opstream.resource.run-ended.v1':
      return { generation, entity: withLane(entity, endRun(entity, event.data.runId, event.data.state)) };
    case 'io.opstream.resource.suspended.v1':
      return { generation, entity: { ...entity, suspended: true } };
    case 'io.opstream.resource.resumed.v1':
      return { generation, entity: { ...entity, suspended: false } };
    case 'io.opstream.resource.reconcile-requested.v1':
      return { generation, entity };
    case 'io.opstream.resource.deletion-requested.v1':
      return { generation, entity: { ...withLane(entity, dropWaiting(entity)), deletionRequestedAt: event.time } };
  }
};
