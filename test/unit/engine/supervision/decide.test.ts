import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  afterFailure,
  decideComponent,
  defaultSettings,
  restartPauseMs,
  type Action,
  type ComponentHistory,
  type DecideInput,
  type ObservedInstance,
} from '../../../../src/engine/supervision/decide.ts';
import { recalledHistory, storedHistory } from '../../../../src/engine/supervision/component-history.ts';
import { instanceId } from '../../../../src/engine/supervision/instance-id.ts';
import type { InstanceSpec } from '../../../../src/engine/supervision/ports.ts';

const spec = (replica: number, revision: string): InstanceSpec => ({
  id: instanceId({ operator: 'op', component: 'c', replica, revision }),
  ...{ operator: 'op', component: 'c', replica, revision, type: 'worker', image: 'i' },
  ...{ command: [], arguments: [], environment: {}, files: [], ports: [] },
});
const specs = (count: number, revision: string): readonly InstanceSpec[] =>
  Array.from({ length: count }, (_, replica) => spec(replica, revision));

const instance = (replica: number, revision: string, change: Partial<ObservedInstance> = {}): ObservedInstance => ({
  id: spec(replica, revision).id,
  ...{ state: 'running', isReady: true, startedMs: 0, handle: '1', addresses: {}, driver: 'process' },
  ...change,
});

const decide = (change: Partial<DecideInput>) =>
  decideComponent({
    ...{ desired: specs(1, 'a'), driver: 'process', observed: [], history: new Map(), nowMs: 1000 },
    ...{ settings: defaultSettings, random: () => 0.5 },
    ...change,
  });
const spoken = (actions: readonly Action[]): readonly string[] =>
  actions.map((action) => (action.kind === 'start' ? `start ${action.spec.id}` : `stop ${action.id}`));

describe('what is decided for a component', () => {
  it('is to start what is missing and to stop what is not wanted', () => {
    assert.deepEqual(spoken(decide({ desired: specs(2, 'a') }).actions), ['start op.c.0.a', 'start op.c.1.a']);
    const observed = [instance(0, 'a'), instance(1, 'a')];
    assert.deepEqual(spoken(decide({ observed }).actions), ['stop op.c.1.a']);
    assert.deepEqual(spoken(decide({ observed, desired: [] }).actions), ['stop op.c.0.a', 'stop op.c.1.a']);
    assert.deepEqual(decide({ observed, desired: specs(2, 'a') }).actions, []);
  });

  it('is to end what fails its checks, once, and to start it again after a pause', () => {
    const sick = instance(0, 'a', { failedChecks: 3, startedMs: 500 });
    assert.deepEqual(decide({ observed: [{ ...sick, failedChecks: 2 }] }).actions, []);
    const first = decide({ observed: [sick] });
    assert.deepEqual(spoken(first.actions), ['stop op.c.0.a']);
    assert.equal(first.history.get(0)?.lastFailure?.code, 'Unhealthy');
    const next = decide({ observed: [{ ...sick, order: 'stop' }], history: first.history });
    assert.deepEqual([next.actions, next.history.get(0)?.failures], [[], 1]);
    assert.deepEqual(decide({ observed: [], history: next.history, nowMs: 1001 }).actions, []);
    // Not listed any more, and still being stopped: neither started nor counted as started.
    const leaving = decide({ observed: [], history: next.history, nowMs: 60_000, isBusy: (id) => id === sick.id });
    assert.deepEqual([leaving.actions, leaving.history.get(0)], [[], next.history.get(0)]);
    const later = decide({ observed: [], history: next.history, nowMs: 60_000 });
    assert.deepEqual(spoken(later.actions), ['start op.c.0.a']);
  });

  it('goes on with the history that its status keeps', () => {
    const { history } = decide({ observed: [instance(0, 'a', { state: 'exited', exitCode: 3, startedMs: 500 })] });
    assert.equal(history.get(0)?.failures, 1);
    assert.deepEqual(recalledHistory(JSON.parse(JSON.stringify(storedHistory(history)))), history);
  });

  it('is to have the new one ready before the old one stops, one replica after the other', () => {
    const desired = specs(2, 'b');
    const olds = [instance(0, 'a'), instance(1, 'a')];
    assert.deepEqual(spoken(decide({ desired, observed: olds }).actions), ['start op.c.0.b']);
    const starting = instance(0, 'b', { state: 'starting', isReady: false });
    assert.deepEqual(decide({ desired, observed: [...olds, starting] }).actions, []);
    const both = [...olds, instance(0, 'b')];
    assert.deepEqual(spoken(decide({ desired, observed: both }).actions), ['stop op.c.0.a']);
    const going = [instance(0, 'a', { order: 'stop' }), instance(1, 'a'), instance(0, 'b')];
    assert.deepEqual(spoken(decide({ desired, observed: going }).actions), ['start op.c.1.b']);
  });

  it('is to move a component to another driver in the same way', () => {
    const desired = specs(1, 'b');
    const old = instance(0, 'a', { driver: 'container' });
    assert.deepEqual(spoken(decide({ desired, observed: [old] }).actions), ['start op.c.0.b']);
    const [action] = decide({ desired, observed: [old, instance(0, 'b')] }).actions;
    assert.deepEqual(action, { kind: 'stop', id: 'op.c.0.a', driver: 'container' });
  });

  it('is to wait longer after each end, up to a limit', () => {
    const pauses = [1, 2, 3, 4, 20].map((failures) => restartPauseMs(failures, defaultSettings, () => 0.5));
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 300_000]);
    const gone = instance(0, 'a', { state: 'exited', isReady: false, exitCode: 1, startedMs: 500 });
    const first = decide({ observed: [gone] });
    assert.deepEqual(spoken(first.actions), ['stop op.c.0.a']);
    assert.equal(first.history.get(0)?.nextStartMs, 2000);
    // Seen again before it is removed: it counts once.
    assert.equal(decide({ observed: [gone], history: first.history }).history.get(0)?.failures, 1);
    const waiting = decide({ history: first.history, nowMs: 1999 });
    assert.deepEqual(waiting.actions, []);
    assert.equal(waiting.wakeAtMs, 2000);
    assert.deepEqual(spoken(decide({ history: first.history, nowMs: 2000 }).actions), ['start op.c.0.a']);
  });

  it('is to forget failures after a steady time, and with a new revision', () => {
    const start = decide({}).history.get(0);
    assert.ok(start);
    const failed = new Map([
      [
        0,
        afterFailure(
          start,
          { code: 'EXITED', message: '' },
          { nowMs: 0, settings: defaultSettings, random: () => 0.5 },
        ),
      ],
    ]);
    assert.equal(failed.get(0)?.failures, 1);
    const young = decide({ history: failed, observed: [instance(0, 'a')], nowMs: 599_999 });
    assert.equal(young.history.get(0)?.failures, 1);
    const old = decide({ history: failed, observed: [instance(0, 'a')], nowMs: 600_000 });
    assert.equal(old.history.get(0)?.failures, 0);
    assert.equal(decide({ history: failed, desired: specs(1, 'b') }).history.get(0)?.failures, 0);
  });
});

/** A machine that does what it is told, with delays and failures that the test chooses. */
type World = { instances: ObservedInstance[]; history: ComponentHistory; nowMs: number };
type Event =
  | { readonly kind: 'want'; readonly count: number; readonly revision: string }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'ready' | 'exit' | 'stopped'; readonly which: number };

const revisions = ['a', 'b', 'c'];
const anyEvent = (exits: boolean): fc.Arbitrary<Event> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('want' as const),
      count: exits ? fc.integer({ min: 0, max: 3 }) : fc.constant(3),
      revision: fc.constantFrom(...revisions),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({
      kind: exits
        ? fc.constantFrom('ready' as const, 'exit' as const, 'stopped' as const)
        : fc.constantFrom('ready' as const, 'stopped' as const),
      which: fc.nat(5),
    }),
  );

const runHistory = (
  events: readonly Event[],
  check: (world: World, desired: readonly InstanceSpec[]) => void,
): World => {
  const world: World = { instances: [], history: new Map(), nowMs: 0 };
  let desired = specs(3, 'a');
  const round = (): void => {
    const { actions, history } = decideComponent({
      ...{ desired, driver: 'process', observed: world.instances, history: world.history, nowMs: world.nowMs },
      ...{ settings: defaultSettings, random: () => 0.5 },
    });
    world.history = history;
    for (const action of actions) {
      if (action.kind === 'start') {
        assert.ok(!world.instances.some(({ id }) => id === action.spec.id), `${action.spec.id} started twice`);
        const fresh = { state: 'starting', isReady: false, startedMs: world.nowMs } as const;
        world.instances.push(instance(action.spec.replica, action.spec.revision, fresh));
      } else {
        world.instances = world.instances.map((one) => (one.id === action.id ? { ...one, order: 'stop' } : one));
      }
    }
    check(world, desired);
  };
  const change = (which: number, to: (one: ObservedInstance) => ObservedInstance | undefined): void => {
    world.instances = world.instances.flatMap((one, index) =>
      index === which % world.instances.length ? (to(one) ?? []) : [one],
    );
  };
  round();
  for (const event of events) {
    if (event.kind === 'want') desired = specs(event.count, event.revision);
    else if (event.kind === 'pass') world.nowMs += event.ms;
    else if (event.kind === 'ready')
      change(event.which, (one) => (one.state === 'exited' ? one : { ...one, state: 'running', isReady: true }));
    else if (event.kind === 'exit')
      change(event.which, (one) => ({ ...one, state: 'exited', isReady: false, exitCode: 1 }));
    else change(event.which, (one) => (one.order === 'stop' ? undefined : one));
    round();
  }
  // Left alone it comes to what is wanted.
  for (let turn = 0; turn < 60; turn += 1) {
    world.nowMs += 400_000;
    world.instances = world.instances.flatMap((one) =>
      one.order === 'stop' ? [] : [one.state === 'exited' ? one : { ...one, state: 'running' as const, isReady: true }],
    );
    round();
  }
  assert.deepEqual(world.instances.map(({ id }) => id).sort(), desired.map(({ id }) => id).sort());
  return world;
};

describe('any history', () => {
  it('never doubles an instance, and has at most one more than wanted that is not on its way out', () => {
    let starts = 0;
    fc.assert(
      fc.property(fc.array(anyEvent(true), { maxLength: 60 }), (events) => {
        runHistory(events, ({ instances }, desired) => {
          starts += instances.length;
          const staying = instances.filter(({ state, order }) => state !== 'exited' && order !== 'stop');
          assert.equal(new Set(staying.map(({ id }) => id)).size, staying.length);
          assert.ok(staying.length <= desired.length + 1, `${staying.length} of ${desired.length}`);
        });
      }),
      { numRuns: 500 },
    );
    assert.ok(starts > 1000);
  });

  it('of changes keeps as many ready as are wanted, once they were', () => {
    let changed = 0;
    fc.assert(
      fc.property(fc.array(anyEvent(false), { maxLength: 60 }), (events) => {
        let wereReady = 0;
        runHistory(events, ({ instances }) => {
          const ready = instances.filter(({ isReady, order }) => isReady && order !== 'stop').length;
          changed += Number(instances.some(({ order }) => order === 'stop'));
          wereReady = Math.max(wereReady, Math.min(3, ready));
          assert.ok(ready >= wereReady, `${ready} ready, ${wereReady} before`);
        });
      }),
      { numRuns: 500 },
    );
    assert.ok(changed > 100);
  });
});
