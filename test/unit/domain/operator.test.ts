import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideOperator, type OperatorCommand } from '../../../src/domain/operator/decide.ts';
import { evolveOperator } from '../../../src/domain/operator/evolve.ts';
import { initialOperatorState, type OperatorState } from '../../../src/domain/operator/state.ts';
import type { OperatorEvent } from '../../../src/messages/events.ts';
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
      { type: 'delete', dependents: ['public/run-1', 'public/run-2'] },
      play([apply()]).state,
      'adf-operator',
    );
    assert.deepEqual(decision.ok ? [] : decision.error.details.map(({ message }) => message), [
      'public/run-1',
      'public/run-2',
    ]);
  });

  it('is deleted in two phases and can be registered again', () => {
    const { outcomes, state } = play([
      apply(),
      { type: 'finalize', uid: 'event-0', dependents: [] },
      { type: 'delete', dependents: [] },
      { type: 'delete', dependents: [] },
      apply({ description: 'too late' }),
      { type: 'finalize', uid: 'event-0', dependents: ['public/late'] },
      { type: 'finalize', uid: 'event-0', dependents: [] },
      { type: 'delete', dependents: [] },
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
});
