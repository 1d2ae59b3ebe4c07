import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decideResource, type Host, type ResourceCommand } from '../../../src/domain/resource/decide.ts';
import { evolveResource } from '../../../src/domain/resource/evolve.ts';
import { initialResourceState, type ResourceState } from '../../../src/domain/resource/state.ts';
import type { EntityStatus } from '../../../src/messages/entity.ts';
import type { ResourceEvent } from '../../../src/messages/events.ts';
import type { OperatorDocument } from '../../../src/messages/queries.ts';
import { dated, operatorManifest, resourceManifest } from '../../support/fixtures.ts';

const where = { workspace: 'public', name: 'run-1' };

const operator = (changes: Partial<OperatorDocument> = {}): OperatorDocument => ({
  name: 'adf-operator',
  uid: 'operator-uid',
  generation: 1,
  createdAt: '',
  updatedAt: '',
  createdBy: '',
  updatedBy: '',
  manifest: operatorManifest(),
  sequence: 1,
  ...changes,
});
const host = (changes: Partial<Host> = {}): Host => ({ operator: operator(), checkSpec: () => [], ...changes });
const apply = (spec = {}, changes: Partial<Extract<ResourceCommand, { type: 'apply' }>> = {}): ResourceCommand => ({
  type: 'apply',
  manifest: resourceManifest(spec),
  host: host(),
  mustBeNew: false,
  ...changes,
});

/** As the operator-runtime asks for it when the component has reported `deleted`. */
const finalize = (uid: string): Extract<ResourceCommand, { type: 'finalize' }> => ({
  type: 'finalize',
  uid,
  lastStatus: {
    ...{ key: 'public.run-1', operator: 'adf-operator', uid, observedGeneration: 1, observedSequence: 2 },
    ...{ status: 'deleted', conditions: [], properties: {} },
  },
});

/** Runs commands one after the other, each on the state that the events before it made. */
const play = (commands: readonly ResourceCommand[]) => {
  let state: ResourceState = initialResourceState;
  let sequence = 0;
  const history: ResourceEvent[] = [];
  const outcomes: (string | readonly string[])[] = [];
  for (const [index, command] of commands.entries()) {
    const decision = decideResource(
      command,
      state,
      { time: '2026-01-01T00:00:00.000Z', eventId: `event-${index}` },
      where,
    );
    outcomes.push(
      decision.ok ? decision.value.map(({ type }) => type.slice('io.opstream.resource.'.length)) : decision.error.code,
    );
    for (const event of decision.ok ? decision.value : []) {
      const stored = dated(event, index) as ResourceEvent;
      sequence += 1;
      history.push(stored);
      state = evolveResource(state, stored, sequence);
    }
  }
  return { state, history, outcomes };
};

describe('declaring a resource', () => {
  it('declares a runnable one with its first run wanted', () => {
    const { state, outcomes } = play([apply({ pipelineName: 'copy' })]);
    assert.deepEqual(outcomes, [['declared.v1']]);
    assert.equal(state.entity?.generation, 1);
    assert.equal(state.entity?.uid, 'event-0');
    assert.deepEqual(state.entity?.run, {
      id: 'event-0',
      number: 1,
      requestedAt: '2026-01-01T00:00:00.000Z',
      cancelRequested: false,
    });
  });

  it('does nothing when applied again as it is', () => {
    assert.deepEqual(play([apply(), apply()]).outcomes, [['declared.v1'], []]);
  });

  it('stores a change as a patch, counts the generation and wants a new run', () => {
    const { state, history } = play([apply({ a: 1 }), apply({ a: 2 })]);
    const changed = history[1];
    assert.equal(changed?.type, 'io.opstream.resource.changed.v1');
    assert.deepEqual(changed?.data, {
      patch: [{ op: 'replace', path: '/resource/spec/a', value: 2 }],
      run: { id: 'event-1', number: 2, requestedAt: '2026-01-01T00:00:00.000Z', ofSpec: true },
      ifRunning: 'queue',
    });
    assert.equal(state.entity?.generation, 2);
    assert.deepEqual(state.entity?.manifest.resource.spec, { a: 2 });
  });

  it('wants no new run when only the description changed', () => {
    const described = apply({}, { manifest: resourceManifest({}, { description: 'other' }) });
    assert.equal(play([apply({}), described]).state.entity?.run?.number, 1);
  });

  const refusals: readonly [string, ResourceCommand, string][] = [
    ['an unknown operator', apply({}, { host: host({ operator: undefined }) }), 'OPERATOR_NOT_FOUND'],
    [
      'an operator on its way out',
      apply({}, { host: host({ operator: operator({ deletionRequestedAt: 'x' }) }) }),
      'OPERATOR_DELETING',
    ],
    [
      'a workspace that is not enabled',
      apply({}, { manifest: resourceManifest({}, { workspace: 'secret' }) }),
      'WORKSPACE_NOT_ENABLED',
    ],
    [
      'an unknown type',
      apply({}, { manifest: resourceManifest({}, { resource: { operator: 'adf-operator', type: 'nope', spec: {} } }) }),
      'TYPE_NOT_FOUND',
    ],
    [
      'a spec that breaks the schema',
      apply({}, { host: host({ checkSpec: () => [{ message: 'bad', pointer: '/resource/spec/x' }] }) }),
      'SPEC_INVALID',
    ],
    ['an expected generation that is not there', apply({}, { expectedGeneration: 3 }), 'VERSION_CONFLICT'],
  ];
  for (const [what, command, code] of refusals) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(play([command]).outcomes, [code]);
    });
  }

  it('refuses to create what is there, and to move it to another type', () => {
    const moved = apply(
      {},
      { manifest: resourceManifest({}, { resource: { operator: 'adf-operator', type: 'dataset', spec: {} } }) },
    );
    assert.deepEqual(play([apply(), apply({}, { mustBeNew: true }), moved]).outcomes, [
      ['declared.v1'],
      'ALREADY_EXISTS',
      'OPERATOR_IMMUTABLE',
    ]);
  });

  it('names every problem at once', () => {
    const command = apply(
      {},
      {
        manifest: resourceManifest({}, { workspace: 'secret' }),
        host: host({ checkSpec: () => [{ message: 'one' }, { message: 'two' }] }),
      },
    );
    const decision = decideResource(command, initialResourceState, { time: '', eventId: 'e' }, where);
    assert.equal(decision.ok ? 0 : decision.error.details.length, 3);
  });
});

describe('steering a resource', () => {
  const ended = (runId: string): ResourceCommand => ({
    type: 'settle',
    uid: 'event-0',
    runId,
    observed: { id: runId, state: 'cancelled' },
  });

  it('runs, cancels once, and runs again when that has ended', () => {
    const story: readonly ResourceCommand[] = [apply(), { type: 'cancel' }, { type: 'cancel' }, { type: 'run' }];
    const { outcomes, state } = play(story);
    assert.deepEqual(outcomes, [['declared.v1'], ['cancel-requested.v1'], [], ['run-requested.v1']]);
    assert.deepEqual([state.entity?.run?.number, state.entity?.waitingRuns?.length], [1, 1]);
    const after = play([
      ...story,
      ended('event-0'),
      ended('event-0'),
      { type: 'cancel', all: true },
      { type: 'cancel' },
    ]);
    assert.deepEqual(after.outcomes.slice(4), [['run-ended.v1'], [], ['cancel-requested.v1'], []]);
    assert.deepEqual([after.state.entity?.run?.number, after.state.entity?.waitingRuns], [2, undefined]);
  });

  it('cancels no run that has ended, and settles none without a status that says so', () => {
    assert.deepEqual(play([apply(), ended('event-0'), { type: 'cancel' }]).outcomes.slice(1), [
      ['run-ended.v1'],
      'NOT_RUNNING',
    ]);
    const settle = { ...ended('event-0'), observed: undefined } as ResourceCommand;
    const going = { ...ended('event-0'), observed: { id: 'event-0', state: 'inprogress' } } as ResourceCommand;
    assert.deepEqual(play([apply(), settle, going, ended('another')]).outcomes.slice(1), [
      'COMMAND_INVALID',
      'COMMAND_INVALID',
      [],
    ]);
  });

  it('refuses a run when one goes on and it is to be skipped, and when too many wait', () => {
    const run = (ifRunning: 'queue' | 'skip'): ResourceCommand => ({
      type: 'run',
      wish: { actions: [], problems: [], ifRunning },
    });
    const many = Array.from({ length: 21 }, () => run('queue'));
    const { outcomes } = play([apply(), run('skip'), ...many]);
    assert.equal(outcomes[1], 'RUN_IN_PROGRESS');
    assert.deepEqual(outcomes.at(-2), ['run-requested.v1']);
    assert.equal(outcomes.at(-1), 'RUN_QUEUE_FULL');
    assert.deepEqual(play([apply(), ended('event-0'), run('skip')]).outcomes.at(-1), ['run-requested.v1']);
  });

  it('does not run what is suspended or not runnable', () => {
    const dataset = apply(
      {},
      { manifest: resourceManifest({}, { resource: { operator: 'adf-operator', type: 'dataset', spec: {} } }) },
    );
    assert.deepEqual(
      play([apply(), { type: 'suspend' }, { type: 'run' }, { type: 'resume' }, { type: 'run' }]).outcomes.slice(2),
      ['SUSPENDED', ['resumed.v1'], ['run-requested.v1']],
    );
    assert.deepEqual(play([dataset, { type: 'run' }, { type: 'cancel' }]).outcomes.slice(1), [
      'NOT_RUNNABLE',
      'NOT_RUNNABLE',
    ]);
  });
});

describe('deleting a resource', () => {
  it('takes two phases, and the generation goes on counting', () => {
    const { outcomes, state } = play([
      apply(),
      { type: 'delete' },
      { type: 'delete' },
      apply({ other: true }),
      { type: 'run' },
      finalize('somebody-else'),
      finalize('event-0'),
      apply(),
    ]);
    assert.deepEqual(outcomes, [
      ['declared.v1'],
      ['deletion-requested.v1'],
      [],
      'BEING_DELETED',
      'BEING_DELETED',
      [],
      ['deleted.v1'],
      ['declared.v1'],
    ]);
    assert.equal(state.entity?.generation, 2);
    assert.equal(state.entity?.uid, 'event-7');
  });

  it('is not finished unless somebody asked for it', () => {
    assert.deepEqual(play([apply(), finalize('event-0')]).outcomes[1], 'COMMAND_INVALID');
  });

  it('is not finished before its component has said of this very incarnation that it is gone', () => {
    const last = finalize('event-0').lastStatus as EntityStatus;
    for (const lastStatus of [
      undefined,
      { ...last, status: 'deleting' as const },
      { ...last, uid: 'before' },
      { ...last, operator: 'another' },
    ]) {
      const { outcomes, state } = play([apply(), { type: 'delete' }, { ...finalize('event-0'), lastStatus }]);
      assert.equal(outcomes[2], 'COMMAND_INVALID');
      assert.equal(state.entity?.uid, 'event-0');
    }
  });
});

describe('the resource decider as a whole', () => {
  const commands = fc.array(
    fc.oneof(
      fc.integer({ min: 0, max: 3 }).map((a) => apply({ a })),
      fc.constantFrom<ResourceCommand>(
        { type: 'delete' },
        { type: 'run' },
        { type: 'cancel' },
        { type: 'suspend' },
        { type: 'resume' },
      ),
      fc.integer({ min: 0, max: 9 }).map((n): ResourceCommand => finalize(`event-${n}`)),
    ),
    { maxLength: 25 },
  );

  it('gives the same state when its history is folded again, from plain JSON', () => {
    fc.assert(
      fc.property(commands, (sequence) => {
        const { state, history } = play(sequence);
        const copy = JSON.parse(JSON.stringify(history)) as ResourceEvent[];
        const again = copy.reduce(
          (before, event, index) => evolveResource(before, event, index + 1),
          initialResourceState,
        );
        assert.equal(JSON.stringify(again), JSON.stringify(state));
      }),
    );
  });

  it('decides the same on the same input and changes neither', () => {
    fc.assert(
      fc.property(
        commands,
        fc.constantFrom<ResourceCommand>(apply({ a: 9 }), { type: 'run' }, { type: 'delete' }),
        (sequence, command) => {
          const { state } = play(sequence);
          const before = JSON.stringify([state, command]);
          const context = { time: 't', eventId: 'e' };
          assert.deepEqual(
            decideResource(command, state, context, where),
            decideResource(command, state, context, where),
          );
          assert.equal(JSON.stringify([state, command]), before);
        },
      ),
    );
  });
});
