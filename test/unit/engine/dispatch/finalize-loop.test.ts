// The loop that finishes deletions, on ports in memory and a driven clock: what it asks for, again and again, and from where it goes on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTurn, everyShard } from '../../../../src/engine/loops/turn.ts';
import { decodeJson, encodeJson } from '../../../../src/core/decode.ts';
import { createFinalizer, runFinalization } from '../../../../src/engine/dispatch/finalize-loop.ts';
import { RELEASED, STATUS_TYPE, type EntityStatus, type LifecycleStatus } from '../../../../src/messages/entity.ts';
import { schemaUri } from '../../../../src/messages/envelope.ts';
import { createMemoryInstance, createMemoryPorts, drivenClock, silentLog } from '../../../../src/testing/index.ts';

type Asked = { readonly id: string | undefined; readonly target: unknown };

const open = () => {
  const clock = drivenClock();
  const { server, names } = createMemoryInstance({ nowMs: () => clock.nowMs() });
  const ports = createMemoryPorts(server, { clock });
  const asked: Asked[] = [];
  let statuses = 0;

  return {
    clock,
    names,
    server,
    asked,
    /** A command-handler: it answers, unless `isSilent`. */
    serve: (isSilent: () => boolean = () => false) =>
      ports.services.serve({
        ...{ name: 'handler', version: '1.0.0', description: 'answers' },
        endpoints: [{ name: 'finalize', subject: names.internal('finalize') }],
        onRequest: ({ data, header, respond }) => {
          asked.push({ id: header('Opstream-Command-Id'), target: decodeJson(data) });
          if (!isSilent()) respond(encodeJson({ accepted: true, events: [] }));
        },
      }),
    report: async (name: string, status: LifecycleStatus, reason = 'Gone'): Promise<void> => {
      statuses += 1;
      const ref = { operator: 'adf-operator', workspace: 'public', name };
      const condition = { type: 'Ready', status: 'False', reason, message: '', observedGeneration: 1 } as const;
      const told: EntityStatus = {
        ...{ key: `public.${name}`, operator: ref.operator, uid: `uid-${name}`, status, properties: {} },
        ...{ observedGeneration: 1, observedSequence: 1 },
        conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00.000Z' }],
      };
      const id = `status-${statuses}`;
      const event = {
        ...{ specversion: '1.0', id, source: '/opstream/component/adf-operator', type: STATUS_TYPE },
        ...{ subject: `resource.public.${name}`, time: '2026-01-01T00:00:00.000Z', generation: 1 },
        ...{ datacontenttype: 'application/json', dataschema: schemaUri(STATUS_TYPE) },
        ...{ correlationid: id, causationid: id, commandid: id, actor: 'component:adf-operator' },
        data: { ...told, fence: 1 },
      };
      const appender = ports.appender(names.streams.status);
      await appender.append([{ subject: names.status(ref), id, data: encodeJson(event) }]);
    },
    /** The loop of one life of the operator-runtime. */
    start: () => {
      const stopping = new AbortController();
      const { signal } = stopping;
      const parts = { names, clock, log: silentLog, signal };
      const running = runFinalization({
        ...parts,
        follower: ports.follower(names.streams.status),
        turn: createTurn({
          ...{ group: everyShard, fence: 1, signal, clock },
          positions: ports.bucket(names.buckets.leases),
        }),
        finalize: createFinalizer({ ...parts, requester: ports.requester }),
      });
      return {
        stop: async (): Promise<void> => {
          stopping.abort();
          await clock.advance(10_000);
          await running;
        },
      };
    },
  };
};

describe('the end of a deletion', () => {
  it('is asked for when a component has said that the thing is gone, and for nothing else', async () => {
    const world = open();
    await world.serve();
    const loop = world.start();
    await world.report('alive', 'active');
    await world.report('gone', 'deleted');
    await world.report('let-go', 'deleted', RELEASED);
    await world.clock.advance(1000);
    await loop.stop();
    const target = { type: 'resource', workspace: 'public', name: 'gone', uid: 'uid-gone' };
    assert.deepEqual(
      world.asked.map((one) => one.target),
      [target],
    );
  });

  it('is asked for under one id until there is an answer, and once more by who leads next', async () => {
    const world = open();
    let isSilent = true;
    await world.serve(() => isSilent);
    const first = world.start();
    await world.report('gone', 'deleted');
    await world.clock.advance(8000);
    assert.equal(world.asked.length, 2);
    await first.stop();
    isSilent = false;
    const second = world.start();
    await world.clock.advance(3000);
    assert.ok(world.asked.length > 2);
    assert.equal(new Set(world.asked.map(({ id }) => id)).size, 1);
    await second.stop();
  });

  it('is not asked for again after the checkpoint', async () => {
    const world = open();
    await world.serve();
    const first = world.start();
    await world.report('gone', 'deleted');
    await world.clock.advance(1000);
    await first.stop();
    const second = world.start();
    await world.clock.advance(5000);
    await second.stop();
    assert.equal(world.asked.length, 1);
  });
});
