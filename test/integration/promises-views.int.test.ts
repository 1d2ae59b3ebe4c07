// P5 and P7 on a real server: the views are the fold of the streams whatever happens to projectors, a standby takes over by itself, a
// projector that has lost its lease does no harm, and a query that names a sequence is never answered from before it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import { STATUS_TYPE, type StatusEvent } from '../../src/messages/entity.ts';
import { schemaUri } from '../../src/messages/envelope.ts';
import { entities, operators } from '../../src/views/desired-state.ts';
import { entityStatuses, operatorStatuses } from '../../src/views/observed-state.ts';
import { comparedView } from '../support/compared-view.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { projector: 2 } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

const verify = (projectionOf: typeof entities) => comparedView(instance, projectionOf);

const verifyAll = async (): Promise<void> => {
  for (const [projectionOf, fewest] of [
    [operators, 1],
    [operatorStatuses, 1],
    [entities, 40],
    [entityStatuses, 40],
  ] as const) {
    const { differences, unsettled, keys } = await verify(projectionOf);
    assert.equal(unsettled, 0);
    assert.deepEqual(differences, []);
    assert.ok(keys >= fewest, `${projectionOf.name}: ${keys} keys`);
  }
};

const statusEvent = (name: string, turn: number): StatusEvent => ({
  specversion: '1.0',
  id: `status-${name}-${turn}`,
  source: '/test',
  type: STATUS_TYPE,
  subject: `resource.public.${name}`,
  time: new Date(1_700_000_000_000 + turn).toISOString(),
  datacontenttype: 'application/json',
  dataschema: schemaUri(STATUS_TYPE),
  correlationid: 'c',
  causationid: 'c',
  commandid: 'c',
  actor: 'test',
  generation: 1,
  data: {
    key: `public.${name}`,
    operator: 'op',
    uid: 'u',
    observedGeneration: 1,
    observedSequence: turn,
    status: 'active',
    conditions: [],
    properties: { turn },
    fence: 1,
  },
});

/** Changes and statuses of 40 resources until it is told to stop. */
const startLoad = () => {
  let isStopped = false;
  let turns = 0;
  let last = 0;
  const statuses = createAppender(instance.connection, instance.names.streams.status);
  const work = async (): Promise<void> => {
    while (!isStopped) {
      turns += 1;
      const turn = turns;
      const name = `v-${turn % 40}`;
      const subject = instance.names.status({ operator: 'op', workspace: 'public', name });
      const [receipt] = await Promise.all([
        mustApply(instance.client, datasetOf('op', name, { turn })),
        // Never changed again: an event that is missed stays missed.
        mustApply(instance.client, datasetOf('op', `once-${turn}`, { turn })),
        statuses.append([{ subject, id: `s-${turn}`, data: encodeJson(statusEvent(name, turn)) }]),
      ]);
      last = Math.max(last, receipt.events[0]?.sequence ?? 0);
    }
  };
  // Enough for every kill to hit a projector at work; more would only queue up before it on a small machine.
  const workers = Array.from({ length: 3 }, work);
  return {
    reached: (wanted: number) => waitFor(() => turns >= wanted, { what: `${wanted} turns`, timeoutMs: 30_000 }),
    stop: async (): Promise<number> => {
      isStopped = true;
      await Promise.all(workers);
      await statuses.close();
      return last;
    },
  };
};

const projectedTo = (sequence: number, timeoutMs: number): Promise<boolean> =>
  waitFor(
    async () => {
      const answer = await instance.client.query('list', { type: 'resource', minSequence: sequence, waitMs: 500 });
      return answer.ok && answer.value.stale !== true;
    },
    { what: `the views at ${sequence}`, timeoutMs },
  );

describe('P5 the views equal the fold', () => {
  it('P5 after kill -9 of projectors under load, each followed by a standby', { timeout: 90_000 }, async () => {
    const load = startLoad();
    for (let kills = 1; kills <= 4; kills += 1) {
      await load.reached(kills * 150);
      const active = await waitFor(
        () => instance.of('projector').find((copy) => copy.lines.some(({ msg }) => msg === 'lease acquired')),
        { what: 'an active projector' },
      );
      await instance.kill9('projector', active);
      // The lease lives 1 s; the standby looks, takes over and catches up.
      const receipt = await mustApply(instance.client, datasetOf('op', 'after-kill', { kills }));
      await projectedTo(receipt.events[0]?.sequence ?? 0, 6000);
      await instance.start('projector');
    }
    await projectedTo(await load.stop(), 6000);
    await verifyAll();
  });

  it('P5 a projector that was frozen over the end of its lease is refused, and the views stay right', async () => {
    const active = await waitFor(
      () =>
        instance.of('projector').find((copy) => {
          const said = copy.lines.filter(({ msg }) => msg === 'lease acquired' || msg === 'lease given up');
          return said.at(-1)?.['msg'] === 'lease acquired';
        }),
      { what: 'an active projector' },
    );
    const load = startLoad();
    await load.reached(50);
    active.signal('SIGSTOP');
    try {
      const receipt = await mustApply(instance.client, datasetOf('op', 'zombie', {}));
      await projectedTo(receipt.events[0]?.sequence ?? 0, 8000);
    } finally {
      active.signal('SIGCONT');
    }
    const linesBefore = active.lines.length;
    await load.reached(200);
    await active.waitForLine(
      (line) => active.lines.indexOf(line) >= linesBefore && line['msg'] === 'waiting for lease',
    );
    await projectedTo(await load.stop(), 6000);
    await verifyAll();
  });

  it('P5 a view that was tampered with is told from one that is right', async () => {
    const store = createKeyValueStore(instance.connection, instance.names.buckets.entities);
    const key = 'entity.public.v-1';
    const entry = await store.get(key);
    assert.ok(entry !== undefined);
    const right = entry.data.slice();
    const wrong = encodeJson({ ...(JSON.parse(new TextDecoder().decode(right)) as object), generation: 99_999 });
    await store.commit([{ key, data: wrong }]);
    assert.deepEqual((await verify(entities)).differences, [{ key, kind: 'different' }]);
    await store.commit([{ key, data: right }]);
    assert.deepEqual((await verify(entities)).differences, []);
  });
});

describe('P7 queries', () => {
  it('P7 with the sequence of a receipt see it, two hundred times', async () => {
    for (let turn = 1; turn <= 200; turn += 1) {
      const receipt = await mustApply(instance.client, datasetOf('op', 'fresh', { turn }));
      const minSequence = receipt.events[0]?.sequence ?? 0;
      const target = { type: 'resource', workspace: 'public', name: 'fresh' };
      const answer = await instance.client.query('get', { ...target, minSequence, waitMs: 8000 });
      assert.ok(answer.ok && answer.value.type === 'resource');
      assert.notEqual(answer.value.stale, true);
      assert.equal(answer.value.entity.sequence, minSequence);
      assert.ok(answer.value.sequence >= minSequence);
    }
  });

  it('P7 with the sequence of an operator see it too', async () => {
    for (let turn = 1; turn <= 20; turn += 1) {
      const manifest = { ...operatorNamed('op'), tags: [`turn-${turn}`] };
      const receipt = await mustApply(instance.client, manifest);
      const minSequence = receipt.events[0]?.sequence ?? 0;
      const answer = await instance.client.query('get', { type: 'operator', name: 'op', minSequence, waitMs: 8000 });
      assert.ok(answer.ok && answer.value.type === 'operator');
      assert.equal(answer.value.operator.sequence, minSequence);
    }
  });

  it('P7 say that they are stale when nothing projects, after the time that they gave', async () => {
    for (const copy of [...instance.of('projector')]) await instance.kill9('projector', copy);
    const receipt = await mustApply(instance.client, datasetOf('op', 'fresh', { turn: 'last' }));
    const minSequence = receipt.events[0]?.sequence ?? 0;
    const query = { type: 'resource', workspace: 'public', name: 'fresh', minSequence, waitMs: 400 };
    const startedMs = performance.now();
    const answer = await instance.client.query('get', query);
    const elapsedMs = performance.now() - startedMs;
    assert.ok(answer.ok && answer.value.stale === true);
    assert.ok(answer.value.sequence < minSequence);
    assert.ok(elapsedMs >= 390 && elapsedMs < 3000, `${elapsedMs} ms`);
    // Waiting while the projector comes back: the answer is not stale.
    const waiting = instance.client.query('get', { ...query, waitMs: 9000 });
    await instance.start('projector');
    const later = await waiting;
    assert.ok(later.ok && later.value.stale !== true);
  });
});
