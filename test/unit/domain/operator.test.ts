import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideOperator, type OperatorCommand } from '../../../src/domain/operator/decide.ts';
import { evolveOperator } from '../../../src/domain/operator/evolve.ts';
import { initialOperatorState, type OperatorState } from '../../../src/domain/operator/state.ts';
import type { OperatorEvent } from '../../../src/messages/events.ts';
import { NOTHING_LEFT } from '../../../src/messages/left-behind.ts';
import { leftBehind } from '../../support/left-behind.ts';
import { dated, operatorManifest } from '../../support/fixtures.ts';

const apply = (changes: Parameters<typeof operatorManifest>[0] = {}, mustBeNew = false): OperatorCommand => ({
  type: 'apply',
  manifest: operatorManifest(changes),
  mustBeNew,
});

const play = (commands: readonly OperatorCommand[]) => {
  let state: OperatorState = initialOperatorState;
  const outcomes: (string | readonly string[])[] = [];
  for (const [index, command] of commands.entries()) {
    const decision = decideOperator(command, state, 'adf-operator');
    outcomes.push(
      decision.ok ? decision.value.map(({ type }) => type.slice('io.opstream.operator.'.length)) : decision.error.code,
    );
    for (const event of decision.ok ? decision.value : []) {
      state = evolveOperator(state, dated(event, index, 'operator._.adf-operator') as OperatorEvent, index + 1);
    }
  }
  return { state, outcomes };
};

describe('an operator', () => {
  it('is registered, changed by patch, and left alone when nothing changed', () => {
    const { state, outcomes } = play([apply(), apply(), apply({ description: 'new' })]);
    assert.deepEqual(outcomes, [['registered.v1'], [], ['changed.v1']]);
    assert.deepEqual([state.operator?.generation, state.operator?.manifest.description], [2, 'new']);
  });

  it('is not created twice', () => {
    assert.deepEqual(play([apply({}, true), apply({}, true)]).outcomes, [['registered.v1'], 'ALREADY_EXISTS']);
  });

  it('cannot be deleted while resources need it, and says which', () => {
    const decision = decideOperator(
      { type: 'delete', dependents: leftBehind('run-1', 'run-2') },
      play([apply()]).state,
      'adf-operator',
    );
    assert.deepEqual(decision.ok ? [] : decision.error.details.map(({ message }) => message), [
      'resource public/run-1',
      'resource public/run-2',
    ]);
  });

  it('is deleted in two phases and can be registered again', () => {
    const { outcomes, state } = play([
      apply(),
      { type: 'finalize', uid: 'event-0', dependents: NOTHING_LEFT },
      { type: 'delete', dependents: NOTHING_LEFT },
      { type: 'delete', dependents: NOTHING_LEFT },
      apply({ description: 'too late' }),
      { type: 'finalize', uid: 'event-0', dependents: leftBehind('late') },
      { type: 'finalize', uid: 'event-0', dependents: NOTHING_LEFT },
      { type: 'delete', dependents: NOTHING_LEFT },
      apply(),
    ]);
    assert.deepEqual(outcomes, [
      ['registered.v1'],
      'COMMAND_INVALID',
      ['deletion-requested.v1'],
      [],
      'OPERATOR_DELETING',
      'OPERATOR_HAS_RESOURCES',
      ['deleted.v1'],
      'NOT_FOUND',
      ['registered.v1'],
    ]);
    assert.equal(state.operator?.generation, 2);
  });

  it('goes with force although resources need it, and its events say which are left behind', () => {
    let state = play([apply()]).state;
    const said: unknown[] = [];
    const decide = (command: OperatorCommand): void => {
      const decision = decideOperator(command, state, 'adf-operator');
      if (!decision.ok) said.push(decision.error.code);
      for (const event of decision.ok ? decision.value : []) {
        said.push([event.type.split('.').at(-2), event.data]);
        state = evolveOperator(state, dated(event, said.length) as OperatorEvent, said.length + 1);
      }
    };
    decide({ type: 'delete', dependents: leftBehind('run-1') });
    decide({ type: 'delete', dependents: leftBehind('run-1'), force: true });
    assert.equal(state.operator?.deletionForced, true);
    decide({ type: 'delete', dependents: leftBehind('run-1'), force: true });
    decide({ type: 'finalize', uid: 'event-0', dependents: leftBehind('run-1', 'run-2') });
    assert.deepEqual(said, [
      'OPERATOR_HAS_RESOURCES',
      ['deletion-requested', { force: true, leftBehind: leftBehind('run-1') }],
      ['deleted', { leftBehind: leftBehind('run-1', 'run-2') }],
    ]);
    assert.equal(state.operator, undefined);
  });

  it('names the streams and buckets that stay in its last event, and nothing when none does', () => {
    const storage = [{ kind: 'stream', name: 'adf', reason: 'NotEmpty', messages: 2 }] as const;
    for (const [kept, data] of [
      [storage, { leftBehind: { ...NOTHING_LEFT, storage } }],
      [[], {}],
    ] as const) {
      const { state } = play([apply(), { type: 'delete', dependents: NOTHING_LEFT }]);
      const command = { type: 'finalize', uid: 'event-0', dependents: NOTHING_LEFT, storage: kept } as const;
      const decision = decideOperator(command, state, 'adf-operator');
      assert.deepEqual(decision.ok && decision.value.map((event) => event.data), [data]);
    }
  });

  it('whose deletion waits for its resources can be forced afterwards', () => {
    const { outcomes, state } = play([
      apply(),
      { type: 'delete', dependents: NOTHING_LEFT },
      { type: 'finalize', uid: 'event-0', dependents: leftBehind('late') },
      { type: 'delete', dependents: leftBehind('late'), force: true },
      { type: 'finalize', uid: 'event-0', dependents: leftBehind('late') },
    ]);
    assert.deepEqual(outcomes, [
      ['registered.v1'],
      ['deletion-requested.v1'],
      'OPERATOR_HAS_RESOURCES',
      ['deletion-requested.v1'],
      ['deleted.v1'],
    ]);
    assert.equal(state.operator, undefined);
  });
});
