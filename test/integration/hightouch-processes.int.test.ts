// The Hightouch operator for real: the shipped manifests through a running instance, the component as a program with the variables of the
// manifest. Killed at points of its work one after the other, and as two replicas of which one leads. Counted in the stand-in.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openHightouchLane, type AdminRun, type HightouchLane } from '../support/hightouch-lane.ts';
import { leakGuard, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

/** From the delivery of the command to the end of the run. */
const STARTING = 'once/start';
/** All over its work, and while the run is being started, wherever that is by count. */
const POINTS = [6, 60, 120, 180, 240, 280, 320, 360].map(String).concat([1, 2, 4, 6].map((n) => `${n} ${STARTING}`));

let lane: HightouchLane;
let opened: HightouchLane | undefined;
before(async () => {
  lane = await openHightouchLane();
  opened = lane;
});
after(() => opened?.stop());

const runsOf = async (sync: string): Promise<readonly AdminRun[]> =>
  (await lane.ask<AdminRun>('runs')).filter(({ syncSlug }) => syncSlug === sync);

const assertOneRun = async (name: string): Promise<void> => {
  const status = await lane.succeeded(name);
  const runs = await runsOf(name);
  assert.deepEqual(
    runs.map(({ id, triggers }) => [String(id), triggers]),
    [[status.externalId, 1]],
    name,
  );
};

test('operator and resource applied, one run, its rows in the status', { timeout: 60_000 }, async () => {
  const component = lane.start();
  await lane.want('plain');
  await assertOneRun('plain');
  const { properties, conditions } = await lane.succeeded('plain');
  assert.deepEqual((properties['syncRun'] as { readonly successfulRows: unknown }).successfulRows, {
    addedCount: 773,
    changedCount: 0,
    removedCount: 0,
  });
  assert.equal(conditions.find(({ type }) => type === 'Ready')?.status, 'True');
  assert.equal(conditions.find(({ type }) => type === 'LastChange')?.reason, 'Created');
  assert.ok(component.lines.some(({ level, change }) => level === 'info' && change === 'Created'));
  assert.deepEqual(await lane.ask('violations'), []);
  const { code } = await component.terminate();
  assert.equal(code, 0);
});

test(
  'killed at points all over its work, also with the answer lost: one run each',
  { timeout: 240_000 },
  async (context) => {
    let component = lane.start();
    context.after(() => component.kill9());
    const places = new Set<string>();
    for (const [index, point] of POINTS.entries()) {
      const name = `killed-${index}`;
      const isAnswerLost = index % 3 === 2;
      await lane.arm(component, point);
      if (isAnswerLost)
        await lane.order('faults', { kind: 'drop-after-accept', match: { operation: 'TriggerRunCustom' } });
      await lane.want(name);
      const isDead = await Promise.race([
        component.ended.then(() => true),
        lane.succeeded(name).then(
          () => false,
          () => false,
        ),
      ]);
      if (isDead) {
        const at = component.lines.find(({ msg }) => msg === 'killed');
        assert.ok(at, component.output());
        places.add(`${String(at['at'])} ${String(at['how'])}`);
        component = lane.start();
      }
      await assertOneRun(name);
      if (!isDead) await lane.arm(component, '0');
    }
    context.diagnostic(`killed at ${[...places].join(', ')}`);
    assert.ok(places.size >= 7, [...places].join(', '));
    const starting = [...places].filter((place) => place.includes(STARTING));
    assert.ok(starting.length >= 2, `kills while it is being started: ${starting.join(', ')}`);
  },
);

test(
  'two replicas: one works, the other takes over when it is killed, nothing runs twice',
  { timeout: 90_000 },
  async () => {
    const isLeading = ({ lines }: TestProcess): boolean => lines.some(({ msg }) => msg === 'lease acquired');
    // A leader that gets no processor for a second has rightly lost a lease of one second.
    const env = { OPSTREAM_LEASE_TTL: '8s' };
    const replicas = [lane.start({ env }), lane.start({ env })];
    await lane.order('scripts', { outcome: 'success', runMs: 3000 });
    const leader = await waitFor(() => replicas.find(isLeading), { what: 'a leader', timeoutMs: 20_000 });
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => lane.want(`replica-${name}`)));
    await waitFor(async () => (await lane.status('replica-four'))?.externalId !== undefined, {
      what: 'a run under way',
    });
    assert.equal(replicas.filter(isLeading).length, 1);
    await leader.kill9();
    for (const name of names) await assertOneRun(`replica-${name}`);
    // What the one that was killed has done outside is still said by the other.
    const { conditions } = await lane.succeeded('replica-one');
    assert.equal(conditions.find(({ type }) => type === 'LastChange')?.reason, 'Created');
    assert.ok(replicas.every(isLeading), 'the other one has taken over');
    assert.deepEqual(await lane.ask('violations'), []);
  },
);
