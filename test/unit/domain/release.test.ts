// Releases: who may let go of what, what is kept in the history of it, and that a name is free afterwards.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideResource, type ResourceCommand } from '../../../src/domain/resource/decide.ts';
import { evolveResource } from '../../../src/domain/resource/evolve.ts';
import type { ReleaseCommand } from '../../../src/domain/resource/release.ts';
import { initialResourceState, type ResourceState } from '../../../src/domain/resource/state.ts';
import type { EntityStatus } from '../../../src/messages/entity.ts';
import type { ResourceEvent } from '../../../src/messages/events.ts';
import { decodeEvent } from '../../../src/messages/stored-event.ts';
import { encodeJson } from '../../../src/core/decode.ts';
import { dated, operatorManifest, resourceManifest } from '../../support/fixtures.ts';

const where = { workspace: 'public', name: 'run-1' };
const operator = {
  name: 'adf-operator',
  uid: 'u',
  generation: 1,
  createdAt: '',
  updatedAt: '',
  createdBy: '',
  updatedBy: '',
  manifest: operatorManifest(),
  sequence: 1,
};
const apply: ResourceCommand = {
  type: 'apply',
  manifest: resourceManifest(),
  host: { operator, checkSpec: () => [] },
  mustBeNew: false,
};
const lastStatus: EntityStatus = {
  key: 'public.run-1',
  operator: 'adf-operator',
  uid: 'event-0',
  observedGeneration: 1,
  observedSequence: 1,
  status: 'active',
  runtime: 'inprogress',
  conditions: [],
  externalId: 'run-4711',
  properties: {},
};
const release = (changes: Partial<ReleaseCommand> = {}): ReleaseCommand => ({
  type: 'release',
  force: false,
  by: 'rocket',
  isOperatorGone: false,
  lastStatus,
  ...changes,
});

const play = (commands: readonly ResourceCommand[]) => {
  let state: ResourceState = initialResourceState;
  const history: ResourceEvent[] = [];
  const outcomes: string[] = [];
  for (const [index, command] of commands.entries()) {
    const context = { time: '2026-01-01T00:00:00.000Z', eventId: `event-${index}` };
    const decision = decideResource(command, state, context, where);
    outcomes.push(
      decision.ok ? decision.value.map(({ type }) => type.split('.').at(-2)).join(',') : decision.error.code,
    );
    for (const event of decision.ok ? decision.value : []) {
      const stored = dated(event, index) as ResourceEvent;
      history.push(stored);
      state = evolveResource(state, stored, history.length);
    }
  }
  return { state, history, outcomes };
};

describe('a release', () => {
  it('is refused while nobody has asked for the deletion, whether there is an operator or not', () => {
    assert.deepEqual(play([apply, release(), release({ isOperatorGone: true })]).outcomes, [
      'declared',
      'NOT_RELEASABLE',
      'NOT_RELEASABLE',
    ]);
  });

  it('ends a deletion that does not come to its end, and says who left what outside', () => {
    const { outcomes, state, history } = play([apply, { type: 'delete' }, release()]);
    assert.deepEqual(outcomes, ['declared', 'deletion-requested', 'released']);
    assert.equal(state.entity, undefined);
    assert.equal(state.generation, 1);
    assert.deepEqual(history.at(-1)?.data, {
      releasedBy: 'rocket',
      forced: false,
      operatorGone: false,
      leftBehind: {
        total: 1,
        items: [
          {
            ...where,
            operator: 'adf-operator',
            resourceType: 'pipeline-run',
            externalId: 'run-4711',
            status: 'active',
            runtime: 'inprogress',
          },
        ],
      },
    });
  });

  it('with force needs no deletion before it', () => {
    const { outcomes, history } = play([apply, release({ force: true, isOperatorGone: true })]);
    assert.deepEqual(outcomes, ['declared', 'released']);
    const last = history.at(-1)?.data as { forced: boolean; operatorGone: boolean } | undefined;
    assert.deepEqual([last?.forced, last?.operatorGone], [true, true]);
  });

  it('takes nothing from a status about an earlier incarnation', () => {
    const { history } = play([apply, release({ force: true, lastStatus: { ...lastStatus, uid: 'before' } })]);
    const last = history.at(-1)?.data as { leftBehind: { items: readonly object[] } } | undefined;
    assert.deepEqual(last?.leftBehind.items, [
      { ...where, operator: 'adf-operator', resourceType: 'pipeline-run', status: 'pending' },
    ]);
  });

  it('leaves the name free for a new incarnation, and nothing to finalize or to release again', () => {
    const { outcomes, state } = play([
      apply,
      release({ force: true }),
      release({ force: true }),
      { type: 'finalize', uid: 'event-0', lastStatus },
      apply,
      { type: 'finalize', uid: 'event-0', lastStatus },
    ]);
    assert.deepEqual(outcomes, ['declared', 'released', 'NOT_FOUND', '', 'declared', '']);
    assert.deepEqual([state.entity?.uid, state.entity?.generation], ['event-4', 2]);
  });

  it('heeds the generation that is expected', () => {
    assert.deepEqual(
      play([apply, release({ force: true, expectedGeneration: 7 })]).outcomes.at(-1),
      'VERSION_CONFLICT',
    );
  });

  it('is read back from the stream, and a damaged one is not', () => {
    const [, event] = play([apply, release({ force: true })]).history;
    assert.ok('event' in decodeEvent(encodeJson(event)));
    assert.ok('problem' in decodeEvent(encodeJson({ ...event, data: { releasedBy: 'x', leftBehind: { total: 1 } } })));
    assert.ok('problem' in decodeEvent(encodeJson({ ...event, data: {} })));
  });
});

describe('did you mean', () => {
  const refusal = (changes: object, otherOperators?: readonly string[]): string => {
    const manifest = resourceManifest(
      {},
      { resource: { operator: 'adf-operatr', type: 'pipeline-run', spec: {}, ...changes } },
    );
    const host = {
      operator: undefined,
      checkSpec: () => [],
      ...(otherOperators === undefined ? {} : { otherOperators }),
    };
    const known = 'type' in changes ? { ...host, operator } : host;
    const decision = decideResource(
      { type: 'apply', manifest, host: known, mustBeNew: false },
      initialResourceState,
      { time: '', eventId: 'e' },
      where,
    );
    return decision.ok ? '' : `${decision.error.code} ${decision.error.message}`;
  };

  it('is said of an operator that nearly exists', () => {
    assert.match(refusal({}, ['other', 'adf-operator']), /^OPERATOR_NOT_FOUND .*did you mean "adf-operator"\?/);
    assert.match(
      refusal({}, ['other', 'more']),
      /^OPERATOR_NOT_FOUND .*apply its manifest first.*\(registered are other, more\)/,
    );
    assert.match(refusal({}), /^OPERATOR_NOT_FOUND /);
  });

  it('is said of a type that nearly exists', () => {
    assert.match(refusal({ type: 'pipeline-runs' }), /^TYPE_NOT_FOUND .*did you mean "pipeline-run"\?/);
    assert.doesNotMatch(refusal({ type: 'xyz' }), /did you mean/);
  });
});
