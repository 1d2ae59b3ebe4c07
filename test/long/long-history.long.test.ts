// 40,000 events on one resource, in built processes: what the first command after a restart takes without a snapshot and with one, and that
// commands from any part of that history are still known. The times are printed, not judged; unit/engine/history/snapshots counts what is read.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { isFault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { readHistory } from '../../src/cli/history-pages.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { createKeyValueStore } from '../../src/jetstream/key-value-store.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import { datasetOf, mustApply, operatorNamed } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const COUNT = 40_000;
const KEY = 'resource.public.counter';

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ from: 'dist' });
  await mustApply(instance.client, operatorNamed('op'));
  await mustApply(instance.client, datasetOf('op', 'counter', { count: 0 }), { commandId: 'step-0' });
});
after(() => instance.stop());

/** What the command-handler would have stored for so many patches, one after the other. */
const fillHistory = async (): Promise<void> => {
  const { connection, names, messages } = instance;
  const subject = names.event(resourceRef('public', 'counter'));
  const [first] = await messages(names.streams.events, [subject]);
  assert.ok(first !== undefined);
  const like = eventIn(first);
  const appender = createAppender(connection, names.streams.events);
  for (let step = 1; step < COUNT;) {
    const batch = [];
    for (; batch.length < 500 && step < COUNT; step += 1) {
      const id = `event-${step}`;
      const made: JsonObject = {
        ...like,
        ...{ id, type: 'io.opstream.resource.changed.v1', commandid: `step-${step}`, generation: step + 1 },
        time: new Date(Date.parse(String(like['time'])) + step).toISOString(),
        data: { patch: [{ op: 'replace', path: '/resource/spec/count', value: step }] },
      };
      batch.push({ subject, id, data: encodeJson(made) });
    }
    await appender.append(batch);
  }
};

/** Sent again when the client gave up waiting: reading the whole history may take longer than that. */
const count = async (value: number, commandId: string): Promise<Receipt> => {
  const patch = [{ op: 'replace', path: '/resource/spec/count', value }];
  for (let tries = 1; ; tries += 1) {
    try {
      return await instance.client.send('patch', { name: 'counter', patch }, { commandId });
    } catch (error) {
      if (!isFault(error, 'NATS_TIMEOUT') || tries === 5) throw error;
    }
  }
};

describe('a history of 40,000 events', () => {
  it('costs the first command after a restart nothing, and forgets no command', async (test) => {
    await fillHistory();
    const snapshots = createKeyValueStore(instance.connection, instance.names.buckets.snapshots);
    const restart = async (what: string, commandId: string, value: number): Promise<void> => {
      await instance.replace('command-handler');
      const startedMs = performance.now();
      const receipt = await count(value, commandId);
      test.diagnostic(`first command ${what}: ${Math.round(performance.now() - startedMs)} ms`);
      assert.equal(receipt.entity?.generation, value + 1, JSON.stringify(receipt));
    };
    await restart('without a snapshot', 'first', COUNT);
    const sequence = await waitFor(
      async () => {
        const entry = await snapshots.get(KEY);
        return entry === undefined ? undefined : Number((decodeJson(entry.data) as JsonObject)['sequence']);
      },
      { what: 'the snapshot' },
    );
    test.diagnostic(`snapshot at sequence ${sequence}, ${(await snapshots.get(KEY))?.data.byteLength} bytes`);
    await restart('with a snapshot', 'second', COUNT + 1);
    await mustApply(instance.client, datasetOf('op', 'short', { count: 0 }));
    await instance.replace('command-handler');
    const startedMs = performance.now();
    const patch = [{ op: 'replace', path: '/resource/spec/count', value: 1 }];
    await instance.client.send('patch', { name: 'short', patch });
    test.diagnostic(`first command on a history of one event: ${Math.round(performance.now() - startedMs)} ms`);
    for (const step of [0, 1, 20_000, COUNT - 1]) {
      const beganMs = performance.now();
      const again =
        step === 0
          ? await instance.client.send('apply', datasetOf('op', 'counter', { count: 0 }), { commandId: 'step-0' })
          : await count(step, `step-${step}`);
      test.diagnostic(`command ${step} again: ${Math.round(performance.now() - beganMs)} ms`);
      assert.equal(again.entity?.generation, step + 1);
      assert.equal(again.events.length, 1);
    }
    assert.equal((await count(COUNT + 2, 'third')).entity?.generation, COUNT + 3, 'none of them was stored again');
  });

  it('is shown whole, page after page', async () => {
    const all = await readHistory(instance.client, { kind: 'resource', workspace: 'public', name: 'counter' });
    assert.ok(all.ok);
    const events = all.value.filter(({ stream }) => stream === 'events');
    assert.deepEqual(
      events.map(({ event }) => event['generation']),
      Array.from({ length: COUNT + 3 }, (_, index) => index + 1),
    );
  });
});
