// What the lease of a component tells of its instances.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeJson } from '../../../../src/core/decode.ts';
import { Fault } from '../../../../src/core/fault.ts';
import { reportComponent, reportOperator } from '../../../../src/engine/supervision/component-report.ts';
import { decideComponent, defaultSettings, type ObservedInstance } from '../../../../src/engine/supervision/decide.ts';
import { createLeaseWatch } from '../../../../src/engine/supervision/lease-watch.ts';
import type { InstanceSpec } from '../../../../src/engine/supervision/ports.ts';
import { leaseNameIn } from '../../../../src/messages/component-names.ts';
import { componentConfig } from '../../../../src/sdk/config.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const environment = {
  ENTITY_OF_INTEREST_MESSAGE_STREAM: 'channel',
  ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'op-worker',
  ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'op.things',
};
const spec: InstanceSpec = {
  ...{ id: 'op.worker.0.r1', operator: 'op', component: 'worker', replica: 0, revision: 'r1' },
  ...{ type: 'worker', image: 'i', command: [], arguments: [], environment, files: [], ports: [] },
};
const instance = (startedMs: number): ObservedInstance => ({
  ...{ id: spec.id, state: 'running', isReady: true, startedMs, handle: '77', addresses: {}, driver: 'process' },
});

/** Looks once a second, at what `lease` says then. */
const watching = () => {
  const at = { lease: undefined as unknown, nowMs: 100_000 };
  const watch = createLeaseWatch({
    storeOf: () => ({
      get: async (key) => {
        assert.equal(key, 'component-op-worker');
        if (at.lease instanceof Error) throw at.lease;
        return at.lease === undefined ? undefined : { key, revision: 1, data: encodeJson(at.lease as never) };
      },
    }),
    standstillMs: 20_000,
    log: silentLog,
  });
  const judge = (started: readonly number[]) => watch.judge([spec], started.map(instance), at.nowMs);
  return {
    at,
    judge,
    pass: async (seconds: number, started: readonly number[] = [0]) => {
      for (let count = 0; count < seconds; count += 1) {
        at.nowMs += 1000;
        judge(started);
        await turn();
      }
    },
  };
};

const stills = ({ observed }: { readonly observed: readonly ObservedInstance[] }): readonly boolean[] =>
  observed.map(({ standsStill }) => standsStill !== undefined);

describe('the lease of a component', () => {
  it('has the same name for who looks at it as for who holds it', () => {
    for (const more of [{}, { ELECTION_CLUSTER_NAME: 'Some Cluster.1'.replace(' ', '_') }]) {
      const env = { ...environment, ...more };
      const config = componentConfig({ env, argv: [] });
      assert.equal(leaseNameIn(env), config.ok ? config.value.electionName : undefined);
    }
    assert.equal(leaseNameIn({}), undefined);
  });

  it('says that an instance stands still when it was held and nobody has held it for long', async () => {
    const { at, judge, pass } = watching();
    at.lease = { holder: 'h' };
    await pass(5);
    assert.deepEqual(stills(judge([0])), [false]);
    at.lease = undefined;
    await pass(19);
    assert.deepEqual(stills(judge([0])), [false]);
    await pass(3);
    assert.deepEqual(stills(judge([0, 104_500])), [true, true]);
    assert.deepEqual(stills(judge([0, 110_000])), [true, false], 'what was started since has not had it yet');
    at.lease = { holder: 'other' };
    await pass(2);
    assert.deepEqual(stills(judge([0])), [false]);
  });

  it('says nothing when it was never held, or cannot be looked at', async () => {
    const { at, judge, pass } = watching();
    await pass(60);
    assert.deepEqual(stills(judge([0])), [false]);
    at.lease = { holder: 'h' };
    await pass(2);
    at.lease = new Fault('NATS_UNREACHABLE', 'away');
    await pass(60);
    at.lease = undefined;
    await pass(10);
    assert.deepEqual(stills(judge([0])), [false]);
  });

  it('passes on which reconciles hang', async () => {
    const { at, judge, pass } = watching();
    at.lease = { holder: 'h', hangs: { count: 2, key: 'public.a', since: '2026-01-01T00:00:00.000Z' } };
    await pass(2);
    assert.equal(judge([0]).hangs?.key, 'public.a');
    at.lease = { holder: 'h', hangs: { count: 'many' } };
    await pass(2);
    assert.equal(judge([0]).hangs, undefined);
  });
});

const [component] = operatorManifest().operator.components;
assert.ok(component);

describe('an instance that stands still', () => {
  const still = { ...instance(0), standsStill: { lease: 'component-op-worker', sinceMs: 0 } };
  const nowMs = 60_000;
  const facts = {
    component: { ...component, name: 'worker' },
    isExternal: false,
    desired: [spec],
    settings: defaultSettings,
  };

  it('is ended, which is a failure that says why, and told as Stalled since when', () => {
    const decided = decideComponent({
      ...{
        desired: [spec],
        driver: 'process',
        observed: [still],
        history: new Map(),
        nowMs,
        settings: defaultSettings,
      },
      random: () => 0.5,
    });
    assert.deepEqual(decided.actions, [{ kind: 'stop', id: spec.id, driver: 'process' }]);
    const { lastFailure } = decided.history.get(0) ?? {};
    assert.match(lastFailure?.message ?? '', /stands still: nobody has held its lease component-op-worker since 1970/);
    const told = reportOperator(1, [
      reportComponent({ ...facts, observed: [still], history: decided.history, nowMs }),
    ]).conditions;
    const stalled = told.find(({ type }) => type === 'Stalled');
    assert.equal(stalled?.reason, 'LoopStandsStill');
    assert.match(
      stalled?.message ?? '',
      /component worker: its instance 77 stands still: .* since 1970-01-01T00:00:00/,
    );
    assert.equal(told.find(({ type }) => type === 'ComponentsReady')?.status, 'False');
  });

  it('is none when only a reconcile hangs: the component is ready, and Stalled', () => {
    const hangs = { count: 3, key: 'public.a', since: '2026-01-01T00:00:00.000Z' };
    const told = reportOperator(1, [
      reportComponent({ ...facts, hangs, observed: [instance(0)], history: new Map(), nowMs }),
    ]).conditions;
    assert.deepEqual(
      told.map(({ type, status, reason }) => [type, status, reason]),
      [
        ['ComponentsReady', 'True', 'ComponentsReady'],
        ['Stalled', 'True', 'ReconcilesHang'],
      ],
    );
    assert.match(told[1]?.message ?? '', /a reconcile of public\.a has not ended since 2026-01-01.*, and 2 more/);
  });
});
