// P4 on a real server: three command-handlers and several writers on the same thing make one history, and no handler answers from an
// old picture of what another one has changed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import type { DomainEvent, ResourceEvent } from '../../src/messages/events.ts';
import { evolveResource } from '../../src/domain/resource/evolve.ts';
import { initialResourceState } from '../../src/domain/resource/state.ts';
import { datasetOf, mustApply, operatorNamed, together } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ copies: { 'command-handler': 3, projector: 0, 'operator-runtime': 0 } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

/** The fold of the stored events, each checked to stand on the one before it. */
const foldOf = async (name: string) => {
  const messages = await instance.messages(instance.names.streams.events, [
    instance.names.event(resourceRef('public', name)),
  ]);
  let state = initialResourceState;
  for (const [index, message] of messages.entries()) {
    const event = eventIn(message) as unknown as DomainEvent;
    assert.equal(event.generation, index + 1, 'generations are 1, 2, 3 …');
    state = evolveResource(state, event as ResourceEvent, message.sequence);
  }
  return { events: messages.map(eventIn), entity: state.entity };
};

const specOf = (entity: Awaited<ReturnType<typeof foldOf>>['entity']): JsonObject =>
  (entity?.manifest.resource.spec ?? {}) as JsonObject;

describe('P4 one history', () => {
  it('P4 four writers add 25 marks each: none is lost', async () => {
    await mustApply(instance.client, datasetOf('op', 'marks', { marks: {} }));
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; turn < 25; turn += 1) {
        const patch = [{ op: 'add', path: `/resource/spec/marks/w${writer}-${turn}`, value: turn }];
        const receipt = await instance.client.send('patch', { name: 'marks', patch } as unknown as JsonObject);
        assert.equal(receipt.accepted, true, JSON.stringify(receipt.rejection));
      }
    };
    await Promise.all([0, 1, 2, 3].map(write));
    const { entity, events } = await foldOf('marks');
    assert.equal(events.length, 101);
    assert.equal(Object.keys(specOf(entity)['marks'] as JsonObject).length, 100);
  });

  it('P4 under expectedGeneration each turn has one winner, and a counter counts', async () => {
    await mustApply(instance.client, datasetOf('op', 'counter', { count: 0 }));
    const TURNS = 15;
    let generation = 1;
    for (let turn = 1; turn <= TURNS; turn += 1) {
      const receipts = await Promise.all(
        [0, 1, 2, 3].map((writer) =>
          instance.client.send('apply', datasetOf('op', 'counter', { count: turn, writer }), {
            expectedGeneration: generation,
          }),
        ),
      );
      const winners = receipts.filter(({ accepted }) => accepted);
      assert.equal(winners.length, 1);
      for (const receipt of receipts) {
        if (!receipt.accepted) assert.equal(receipt.rejection?.code, 'VERSION_CONFLICT');
      }
      generation = winners[0]?.entity?.generation ?? 0;
    }
    assert.equal(generation, TURNS + 1);
    assert.equal(specOf((await foldOf('counter')).entity)['count'], TURNS);
  });

  it('P4 applies of twelve writers at once: the history is whole, and receipts tell it', async () => {
    const receipts: Receipt[] = [];
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; turn < 8; turn += 1) {
        receipts.push(await mustApply(instance.client, datasetOf('op', 'applied', { writer, turn })));
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, writer) => write(writer)));
    const { events } = await foldOf('applied');
    const told = receipts.flatMap((receipt) => receipt.events).sort((left, right) => left.sequence - right.sequence);
    assert.deepEqual(
      told.map(({ id }) => id),
      events.map((event) => event['id']),
    );
    assert.equal(events.length, 96);
  });
});

describe('P4 no answer from an old picture', () => {
  /** Asks until each copy has been asked: a queue group chooses at random. */
  const TRIES = 24;

  it('P4 "unchanged" is said only of what is stored now', async () => {
    const apply = (value: number) => mustApply(instance.client, datasetOf('op', 'flip', { value }));
    for (let round = 0; round < TRIES; round += 1) {
      const value = round % 2;
      const receipt = await apply(value);
      const { entity } = await foldOf('flip');
      assert.equal(specOf(entity)['value'], value, `round ${round}: ${JSON.stringify(receipt)}`);
    }
  });

  it('P4 each verb knows what the last one did', async () => {
    await mustApply(instance.client, datasetOf('op', 'switch', { value: 1 }));
    for (let round = 0; round < TRIES; round += 1) {
      const verb = round % 2 === 0 ? 'suspend' : 'resume';
      const receipt = await instance.client.send(verb, { name: 'switch' });
      assert.equal(receipt.events.length, 1, `round ${round}: ${JSON.stringify(receipt)}`);
    }
  });

  it('P4 a document that is unchanged in a larger command is so now', async () => {
    const other = resourceRef('public', 'pair-b');
    for (let round = 0; round < TRIES; round += 1) {
      await mustApply(instance.client, datasetOf('op', 'pair-b', { value: round % 2 }));
      const wanted = [datasetOf('op', 'pair-a', { round }), datasetOf('op', 'pair-b', { value: (round + 1) % 2 })];
      const receipt = await mustApply(instance.client, together(wanted));
      const subjects = receipt.events.map(({ subject }) => subject);
      assert.ok(subjects.includes(instance.names.event(other)), `round ${round}: ${subjects.join()}`);
    }
  });

  it('P4 a generation that a receipt named is never refused as wrong', async () => {
    let generation = (await mustApply(instance.client, datasetOf('op', 'steps', { step: 0 }))).entity?.generation ?? 0;
    for (let step = 1; step <= TRIES; step += 1) {
      const receipt = await mustApply(instance.client, datasetOf('op', 'steps', { step }), {
        expectedGeneration: generation,
      });
      generation = receipt.entity?.generation ?? 0;
    }
    assert.equal(generation, TRIES + 1);
  });

  it('P4 a resource is accepted right after its operator, by whichever handler', async () => {
    for (let round = 0; round < 8; round += 1) {
      const operator = `fresh-${round}`;
      // Each handler now knows that there is no such operator.
      for (let times = 0; times < 6; times += 1) {
        const early = await instance.client.send('apply', datasetOf(operator, `early-${round}`, {}));
        assert.equal(early.accepted, false);
      }
      await mustApply(instance.client, operatorNamed(operator));
      for (let times = 0; times < 6; times += 1) {
        await mustApply(instance.client, datasetOf(operator, `of-${operator}-${times}`, {}));
      }
    }
  });

  it('P4 an id that one handler has answered is known to the others', async () => {
    for (let round = 0; round < TRIES; round += 1) {
      const commandId = `known-${round}`;
      const apply = (value: number, id?: string) =>
        mustApply(instance.client, datasetOf('op', 'known', { value }), id === undefined ? {} : { commandId: id });
      const first = await apply(round * 2, commandId);
      await apply(round * 2 + 1);
      assert.deepEqual(await apply(round * 2, commandId), first);
    }
  });
});

describe('P4 a handler that stalls', () => {
  it('P4 does not store over what others have stored meanwhile', async () => {
    await mustApply(instance.client, datasetOf('op', 'stalled', { value: 0 }));
    const [frozen] = instance.of('command-handler');
    assert.ok(frozen !== undefined);
    frozen.signal('SIGSTOP');
    const requester = createRequester(instance.connection);
    try {
      // Some of these lie in the frozen one's socket and are carried out when it wakes, after the others.
      const late = Array.from({ length: 12 }, (_, index) =>
        requester
          .request('opstream.rpc.apply', encodeJson(datasetOf('op', 'stalled', { value: index })), {
            timeoutMs: 20_000,
          })
          .then(() => undefined),
      );
      const before = instance.of('command-handler').length;
      assert.equal(before, 3);
      await waitFor(async () => (await foldOf('stalled')).events.length >= 3, { what: 'others to go on' });
      frozen.signal('SIGCONT');
      await Promise.all(late);
    } finally {
      frozen.signal('SIGCONT');
    }
    await foldOf('stalled');
  });
});
