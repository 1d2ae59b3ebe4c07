// The loop that brings the ends of runs into the histories, on ports in memory and a driven clock.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTurn, everyShard } from '../../../../src/engine/loops/turn.ts';
import { decodeJson, encodeJson } from '../../../../src/core/decode.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { runRunEnds } from '../../../../src/engine/dispatch/run-ends-loop.ts';
import { STATUS_TYPE, type RuntimeStatus } from '../../../../src/messages/entity.ts';
import { schemaUri } from '../../../../src/messages/envelope.ts';
import { createMemoryInstance, createMemoryPorts, drivenClock, silentLog } from '../../../../src/testing/index.ts';

const open = () => {
  const clock = drivenClock();
  const { server, names } = createMemoryInstance({ nowMs: () => clock.nowMs() });
  const ports = createMemoryPorts(server, { clock });
  const settled: JsonObject[] = [];
  let statuses = 0;

  return {
    clock,
    settled,
    runs: () => settled.map(({ runId }) => runId),
    serve: (answer: () => JsonObject | undefined = () => ({ accepted: true, events: [] })) =>
      ports.services.serve({
        ...{ name: 'handler', version: '1.0.0', description: 'answers' },
        endpoints: [{ name: 'settle', subject: names.rpc('settle') }],
        onRequest: ({ data, respond }) => {
          settled.push(decodeJson(data) as JsonObject);
          const reply = answer();
          if (reply !== undefined) respond(encodeJson(reply));
        },
      }),
    report: async (runId: string, state: RuntimeStatus): Promise<void> => {
      statuses += 1;
      const ref = { operator: 'adf-operator', workspace: 'public', name: 'run-1' };
      const id = `status-${statuses}`;
      const event = {
        ...{ specversion: '1.0', id, source: '/opstream/component/adf-operator', type: STATUS_TYPE },
        ...{ subject: 'resource.public.run-1', time: '2026-01-01T00:00:00.000Z', generation: 1 },
        ...{ datacontenttype: 'application/json', dataschema: schemaUri(STATUS_TYPE) },
        ...{ correlationid: id, causationid: id, commandid: id, actor: 'component:adf-operator' },
        data: {
          ...{ key: 'public.run-1', operator: ref.operator, uid: 'uid-1', status: 'active', properties: {}, fence: 1 },
          ...{ observedGeneration: 1, observedSequence: 1, conditions: [], run: { id: runId, state }, runtime: state },
        },
      };
      const appender = ports.appender(names.streams.status);
      await appender.append([{ subject: names.status(ref), id, data: encodeJson(event) }]);
    },
    start: () => {
      const stopping = new AbortController();
      const running = runRunEnds({
        ...{ names, clock, log: silentLog, requester: ports.requester },
        follower: ports.follower(names.streams.status),
        turn: createTurn({
          ...{ group: everyShard, fence: 1, signal: stopping.signal, clock },
          positions: ports.bucket(names.buckets.leases),
        }),
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

describe('the ends of runs', () => {
  it('are settled once each, with the status that says so', async () => {
    const world = open();
    await world.serve();
    const loop = world.start();
    await world.report('r-1', 'inprogress');
    await world.report('r-1', 'succeeded');
    await world.report('r-1', 'succeeded');
    await world.report('r-2', 'failed');
    await world.clock.advance(1000);
    await world.report('r-2', 'failed');
    await world.clock.advance(1000);
    await loop.stop();
    assert.deepEqual(world.runs(), ['r-1', 'r-2']);
    const [first] = world.settled;
    assert.deepEqual([first?.['uid'], first?.['statusSequence']], ['uid-1', 3]);
  });

  it('are told of again until they are answered, also by who leads next', async () => {
    const world = open();
    const answers: JsonObject[] = [];
    await world.serve(() => answers[0]);
    const first = world.start();
    await world.report('r-1', 'cancelled');
    await world.clock.advance(7000);
    assert.deepEqual(world.runs(), ['r-1', 'r-1']);
    await first.stop();
    answers.push({ accepted: true, events: [] });
    const second = world.start();
    await world.clock.advance(2000);
    await second.stop();
    const told = world.settled.length;
    const third = world.start();
    await world.clock.advance(2000);
    await third.stop();
    assert.ok(told > 2);
    assert.equal(world.settled.length, told);
  });

  it('that are refused are not asked for again by the same loop, unless they are reported again', async () => {
    const world = open();
    await world.serve(() => ({ accepted: false, events: [], rejection: { code: 'COMMAND_INVALID' } }));
    const loop = world.start();
    await world.report('r-1', 'succeeded');
    await world.clock.advance(5000);
    assert.equal(world.settled.length, 1);
    await world.report('r-1', 'succeeded');
    await world.clock.advance(5000);
    assert.equal(world.settled.length, 2);
    await loop.stop();
  });
});
