// Orphans as `get` and `status` show them, also while the two views are not equally far.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOrphans } from '../../../../src/engine/queries/orphans.ts';
import type { EntityStatusDocument } from '../../../../src/messages/queries.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { entityAt } from '../../../support/entities.ts';
import { dated } from '../../../support/fixtures.ts';
import { stored } from '../../../support/memory-ports.ts';

const names = namesFor('opstream');
const entity = entityAt(7);
const GONE = dated({ type: 'io.opstream.operator.deleted.v1', generation: 2, data: {} }, 9, 'operator._.adf-operator');

const orphansWith = (
  known: readonly string[],
  reached: (minSequence: number) => boolean,
  later: readonly string[] = known,
) => {
  let asked = 0;
  return createOrphans({
    names,
    events: {
      readSubject: async () => [],
      readLast: async (subject) => stored(9, subject, { ...GONE, time: '2026-02-03T04:05:06.000Z' }),
      lastSequence: async () => 9,
    },
    directory: {
      hasOperator: (name) => (asked === 0 ? known : later).includes(name.split('/')[0] ?? ''),
      hosts: ({ operator, type }) => (asked === 0 ? known : later).includes(`${operator}/${type}`),
    },
    operatorsReached: async (minSequence) => {
      asked += 1;
      return reached(minSequence);
    },
  });
};

describe('an orphan', () => {
  it('is one when the operator is not in the view, and the view is as far as the resource', async () => {
    assert.equal(await orphansWith([], (minSequence) => minSequence === 7).isOrphan(entity), true);
    assert.equal(await orphansWith(['adf-operator/pipeline-run'], () => true).isOrphan(entity), false);
  });

  it('is none when the view of operators was behind, or stays behind', async () => {
    assert.equal(await orphansWith([], () => true, ['adf-operator/pipeline-run']).isOrphan(entity), false);
    assert.equal(await orphansWith([], () => false).isOrphan(entity), false);
  });

  it('is stalled since its operator is gone, whatever was last observed, and keeps what that was', async () => {
    const last: EntityStatusDocument = {
      key: entity.key,
      operator: 'adf-operator',
      uid: entity.uid,
      observedGeneration: 1,
      observedSequence: 7,
      status: 'active',
      runtime: 'succeeded',
      externalId: 'x-1',
      conditions: ['Ready', 'Reconciling', 'Healthy'].map((type) => ({
        ...{ type, status: 'True', reason: 'R', message: '', lastTransitionTime: '', observedGeneration: 1 },
      })) as EntityStatusDocument['conditions'],
      properties: { a: 1 },
      updatedAt: '',
      sequence: 3,
    };
    const status = await orphansWith([], () => true).statusOf(entity, last);
    assert.deepEqual(
      status.conditions.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`),
      ['Ready False OperatorGone', 'Stalled True OperatorGone', 'Healthy True R'],
    );
    assert.equal(status.conditions[0]?.lastTransitionTime, '2026-02-03T04:05:06.000Z');
    assert.deepEqual(
      [status.status, status.externalId, status.runtime, status.properties],
      ['error', 'x-1', 'succeeded', { a: 1 }],
    );
    assert.match(status.message ?? '', /operator "adf-operator" is gone; register it again, or release/);
  });

  it('is also one whose operator has its type no more, and says so', async () => {
    const orphans = orphansWith(['adf-operator'], () => true);
    assert.equal(await orphans.isOrphan(entity), true);
    assert.match((await orphans.statusOf(entity, undefined)).message ?? '', /has no type "pipeline-run" any more/);
  });

  it('that was never observed has a status too, and one that is being deleted says so', async () => {
    const status = await orphansWith([], () => true).statusOf({ ...entity, deletionRequestedAt: 'now' }, undefined);
    assert.deepEqual([status.status, status.observedSequence, status.conditions.length], ['deleting', 0, 2]);
  });
});
