// Why a component rolls, from its plan through what is decided, stored and recalled to what is told.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { createRolls } from '../../../../src/cli/roll-text.ts';
import { recalledHistory, storedHistory } from '../../../../src/engine/supervision/component-history.ts';
import { reportComponent } from '../../../../src/engine/supervision/component-report.ts';
import {
  decideComponent,
  defaultSettings,
  type ComponentHistory,
  type ObservedInstance,
} from '../../../../src/engine/supervision/decide.ts';
import { createHistoryLog } from '../../../../src/engine/supervision/history-log.ts';
import { planComponent, type PlanContext } from '../../../../src/engine/supervision/plan.ts';
import { noSecrets } from '../../../../src/engine/supervision/plan-inputs.ts';
import type { InstanceSpec } from '../../../../src/engine/supervision/ports.ts';
import type { RollCause } from '../../../../src/messages/entity.ts';
import type { ComponentSpec } from '../../../../src/messages/manifest-types.ts';
import type { HistoryEntry, OperatorDocument } from '../../../../src/messages/queries.ts';
import { operatorManifest } from '../../../support/fixtures.ts';
import { silentLog } from '../../../support/silent-log.ts';

type Change = {
  readonly component?: Partial<ComponentSpec>;
  readonly context?: Partial<PlanContext>;
  readonly restart?: number;
  readonly isDescribed?: boolean;
};

const secretsAt = (sequences: Readonly<Record<string, number>>) => ({
  ...{ environment: {}, files: [], sequences },
  version: Object.entries(sequences)
    .map(([place, sequence]) => `${place}@${sequence}`)
    .join(' '),
});

/** One replica. `isDescribed`: the component is given the whole manifest, as the http operator is. */
const planned = ({ component = {}, context = {}, restart, isDescribed }: Change = {}): readonly InstanceSpec[] => {
  const given: ComponentSpec = {
    ...{ name: 'worker', type: 'worker', compute: 'runnable-default', image: 'i:1', replicas: 1, ...component },
  };
  const manifest = operatorManifest();
  const types = manifest.operator.resources.map((type) =>
    isDescribed === true ? { ...type, http: {} as never } : type,
  );
  const operator: OperatorDocument = {
    ...{ name: 'op', uid: 'u', generation: 1, createdAt: '', updatedAt: '', createdBy: '', updatedBy: '', sequence: 1 },
    manifest: { ...manifest, operator: { ...manifest.operator, resources: types, components: [given] } },
    ...(restart === undefined ? {} : { restarts: { worker: restart } }),
  };
  return planComponent(operator, given, {
    ...{ prefix: 'opstream', secrets: noSecrets, access: { environment: {}, credentials: {} } },
    digest: (text) => createHash('sha256').update(text).digest('hex').slice(0, 10),
    ...context,
  });
};

const running = ({ id }: InstanceSpec): ObservedInstance => ({
  ...{ id, state: 'running', isReady: true, startedMs: 0, handle: '1', addresses: {}, driver: 'process' },
});

const decided = (
  desired: readonly InstanceSpec[],
  history: ComponentHistory,
  observed: readonly ObservedInstance[] = [],
): ComponentHistory =>
  decideComponent({
    ...{ desired, history, observed, driver: 'process', nowMs: 1000, settings: defaultSettings, random: () => 0.5 },
  }).history;

/** As the next operator-runtime has it. */
const kept = (history: ComponentHistory): ComponentHistory =>
  recalledHistory(JSON.parse(JSON.stringify(storedHistory(history))));

const causesOf = (before: Change, after: Change): readonly RollCause[] | undefined => {
  const old = planned(before);
  const history = kept(decided(old, new Map()));
  assert.equal(history.get(0)?.rolledFor, undefined);
  return kept(decided(planned(after), history, old.map(running))).get(0)?.rolledFor;
};

describe('why a component rolls', () => {
  const server = { environment: { OPSTREAM_NATS_URL: 'nats://h' }, credentials: {} };
  for (const [what, before, after, causes] of [
    ['its manifest', {}, { component: { arguments: ['x'] } }, ['manifest']],
    ['its compute', {}, { component: { compute: 'container' } }, ['manifest']],
    ['its environment', {}, { component: { environmentVars: { A: 1 } } }, ['manifest']],
    ['its image', {}, { component: { image: 'i:2' } }, ['image']],
    ['what this machine has for its image', {}, { context: { local: '{"command":["x"]}' } }, ['image']],
    [
      'its image, while it is given the manifest',
      { isDescribed: true },
      { isDescribed: true, component: { image: 'i:2' } },
      ['image'],
    ],
    ['a restart', {}, { restart: 7 }, ['restart']],
    ['another restart', { restart: 7 }, { restart: 9 }, ['restart']],
    [
      'a secret',
      { context: { secrets: secretsAt({ 'public/a': 1, 'public/b': 4 }) } },
      { context: { secrets: secretsAt({ 'public/a': 1, 'public/b': 9 }) } },
      ['secret public/b'],
    ],
    ['a reference to a secret', {}, { context: { secrets: secretsAt({ 'public/a': 1 }) } }, ['manifest']],
    ['its key', { context: { apiKeyVersion: 'a' } }, { context: { apiKeyVersion: 'b' } }, ['credentials']],
    ['its server', {}, { context: { access: server } }, ['server']],
    [
      'several at once',
      { context: { secrets: secretsAt({ 'public/a': 1 }) } },
      { context: { secrets: secretsAt({ 'public/a': 2 }) }, component: { image: 'i:2', command: ['c'] }, restart: 3 },
      ['image', 'manifest', 'restart', 'secret public/a'],
    ],
  ] as const satisfies readonly (readonly [string, Change, Change, readonly RollCause[]])[]) {
    it(`is ${what}`, () => assert.deepEqual(causesOf(before, after), causes));
  }

  it('is unknown when nobody remembers what was before, and is not invented', () => {
    const [old] = planned();
    assert.ok(old);
    const next = planned({ component: { image: 'i:2' } });
    assert.deepEqual(decided(next, new Map(), [running(old)]).get(0)?.rolledFor, ['unknown']);
    const { parts: _parts, ...without } = old;
    const earlier = kept(decided([without], new Map()));
    assert.deepEqual(decided(next, earlier, [running(old)]).get(0)?.rolledFor, ['unknown']);
    // Seen once with the revision that it has, it is known again.
    const learnt = kept(decided([old], earlier, [running(old)]));
    assert.deepEqual(decided(next, learnt, [running(old)]).get(0)?.rolledFor, ['image']);
  });

  it('is both when the second change comes before the first has begun, and the second alone after that', () => {
    const old = planned();
    const first = planned({ restart: 7 });
    const second = planned({ restart: 7, component: { image: 'i:2' } });
    const history = decided(old, new Map());
    // A second replica would be waiting like this: its change is wanted, and not started.
    const waiting: ComponentHistory = new Map(
      [...decided(first, history, old.map(running))].map(([replica, slot]) => [replica, { ...slot, starts: 0 }]),
    );
    assert.deepEqual(decided(second, waiting, old.map(running)).get(0)?.rolledFor, ['image', 'restart']);
    const begun = decided(first, history, old.map(running));
    assert.deepEqual(decided(second, begun, first.map(running)).get(0)?.rolledFor, ['image']);
  });

  it('is told in its status, once in the log, and once in the history', () => {
    const old = planned();
    const before = decided(old, new Map());
    const desired = planned({ component: { image: 'i:2' } });
    const after = decided(desired, before, old.map(running));
    const seen = { desired, observed: old.map(running), nowMs: 1000, settings: defaultSettings, isExternal: false };
    const component: ComponentSpec = { name: 'worker', type: 'worker', compute: 'c', image: 'i:2', replicas: 1 };
    const { status } = reportComponent({ ...seen, component, history: after });
    assert.deepEqual([status.state, status.message], ['Progressing', 'instances are starting, rolled for image']);
    const logged: unknown[] = [];
    const logHistory = createHistoryLog({ ...silentLog, info: (fields, message) => logged.push([message, fields]) });
    logHistory('op', 'worker', before, after);
    logHistory('op', 'worker', after, after);
    const revision = desired[0]?.revision;
    const facts = { operator: 'op', component: 'worker', replica: 0, revision, rolledFor: ['image'] };
    assert.deepEqual(logged, [['component rolls', facts]]);
    const entryOf = (history: ComponentHistory): HistoryEntry => ({
      ...{ stream: 'status', sequence: 1 },
      event: JSON.parse(
        JSON.stringify({ data: { components: [{ name: 'worker', replicas: storedHistory(history) }] } }),
      ),
    });
    const rolls = createRolls();
    assert.deepEqual([before, after, after].map(entryOf).map(rolls), ['', 'worker/0 rolled for image', '']);
  });
});
