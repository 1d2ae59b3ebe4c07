// A long history costs a start no more than a short one, whatever has become of its snapshot; and a command id of long ago is applied once.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeJson } from '../../../../src/core/decode.ts';
import { evolveOperator } from '../../../../src/domain/operator/evolve.ts';
import { initialOperatorState } from '../../../../src/domain/operator/state.ts';
import { evolveResource } from '../../../../src/domain/resource/evolve.ts';
import { initialResourceState } from '../../../../src/domain/resource/state.ts';
import { evolveSecret } from '../../../../src/domain/secret/evolve.ts';
import { initialSecretState } from '../../../../src/domain/secret/state.ts';
import { FOLD_VERSION, SNAPSHOT_EVERY } from '../../../../src/engine/history/snapshots.ts';
import type { KeyValueStore } from '../../../../src/engine/ports/buckets.ts';
import type { Receipt } from '../../../../src/messages/commands.ts';
import { eventTypes, type DomainEvent, type NewEvent } from '../../../../src/messages/events.ts';
import { dated, operatorManifest, resourceManifest } from '../../../support/fixtures.ts';
import { datasetOf, operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler, type MemoryEvents, type MemoryHandler } from '../../../support/memory-handler.ts';
import { memoryStore, type MemoryStore } from '../../../support/memory-ports.ts';

const secretManifest = {
  ...{ name: 's', version: 'v1', type: 'secret', layer: 'user', tags: [], owner: 'iamgroot', workspace: 'public' },
  secret: { type: 'key-value', acl: 'r', data: { A: 'sealed' } },
};

const COUNT = 6 * SNAPSHOT_EVERY;
const KEY = 'resource.public.counter';

const handlerOn = (events: MemoryEvents, store?: Pick<KeyValueStore, 'get' | 'commit'>): MemoryHandler =>
  memoryHandler(events, memoryEvents(), {}, undefined, false, store);

const countTo = (handler: MemoryHandler, count: number, commandId = `step-${count}`): Promise<Receipt> => {
  const patch = [{ op: 'replace', path: '/resource/spec/count', value: count }];
  return handler.send('patch', { name: 'counter', patch }, { commandId });
};

/** A resource with COUNT events, and the receipts of all of them. */
const longHistory = async () => {
  const events = memoryEvents();
  const store = memoryStore();
  const handler = handlerOn(events, store);
  await handler.send('apply', operatorNamed('op'));
  const receipts = [await handler.send('apply', datasetOf('op', 'counter', { count: 0 }), { commandId: 'step-0' })];
  for (let step = 1; step < COUNT; step += 1) receipts.push(await countTo(handler, step));
  assert.ok(receipts.every(({ accepted }) => accepted));
  return { events, store, receipts, handler };
};

type Long = Awaited<ReturnType<typeof longHistory>>;
let made: Promise<Long> | undefined;
const long = (): Promise<Long> => (made ??= longHistory());

/** What reading the messages of the first command after a start takes. */
const firstCommand = async ({ events, receipts }: Long, store?: Pick<KeyValueStore, 'get' | 'commit'>) => {
  const restarted = handlerOn(events, store);
  const before = events.messagesRead;
  const receipt = await countTo(restarted, COUNT - 1, `again-${before}`);
  assert.equal(receipt.unchanged, true, 'it stands on the state that is stored');
  assert.equal(receipt.entity?.generation, receipts.at(-1)?.entity?.generation);
  return { restarted, messagesRead: events.messagesRead - before };
};

const snapshotOf = (store: MemoryStore): Readonly<Record<string, unknown>> =>
  JSON.parse(new TextDecoder().decode(store.entries.get(KEY)?.data)) as Readonly<Record<string, unknown>>;

const storeWith = (value: unknown): Pick<KeyValueStore, 'get' | 'commit'> => ({
  get: async (key) => ({ key, revision: 1, data: value instanceof Uint8Array ? value : encodeJson(value) }),
  commit: async () => [2],
});

describe('the fold of a snapshot', () => {
  it('is what its version stands for: after a change of the fold FOLD_VERSION must be another number, and this hash', () => {
    const patch = [{ op: 'replace', path: '/version', value: 'v2' }] as const;
    const run = {
      id: 'event-1',
      number: 1,
      requestedAt: '2026-01-01T00:00:00.000Z',
      action: 'a',
      parameters: { x: 1 },
    };
    const dataOf: Readonly<Record<DomainEvent['type'], object>> = {
      'io.opstream.operator.registered.v1': { manifest: operatorManifest() },
      'io.opstream.operator.changed.v1': { patch },
      'io.opstream.operator.deletion-requested.v1': { force: true },
      'io.opstream.operator.deleted.v1': {},
      'io.opstream.operator.restart-requested.v1': { component: 'c' },
      'io.opstream.resource.declared.v1': {
        uid: 'u',
        manifest: resourceManifest(),
        runnable: true,
        run,
        externalName: 'n',
      },
      'io.opstream.resource.changed.v1': { patch, run, externalName: 'm' },
      'io.opstream.resource.run-requested.v1': { run: { ...run, id: 'event-2', number: 2 }, ifRunning: 'replace' },
      'io.opstream.resource.cancel-requested.v1': { runId: 'event-1', all: true },
      'io.opstream.resource.run-ended.v1': { runId: 'event-1', state: 'cancelled' },
      'io.opstream.resource.reconcile-requested.v1': {},
      'io.opstream.resource.suspended.v1': {},
      'io.opstream.resource.resumed.v1': {},
      'io.opstream.resource.deletion-requested.v1': {},
      'io.opstream.resource.deleted.v1': {},
      'io.opstream.resource.released.v1': {},
      'io.opstream.secret.declared.v1': { uid: 'u', manifest: secretManifest },
      'io.opstream.secret.changed.v1': { patch },
      'io.opstream.secret.resealed.v1': { patch },
      'io.opstream.secret.deleted.v1': {},
    };
    let states: object[] = [initialOperatorState, initialResourceState, initialSecretState];
    const seen: object[][] = [];
    for (const [index, type] of eventTypes.entries()) {
      const event = dated({ type, generation: index + 1, data: dataOf[type] } as NewEvent, index) as never;
      states = type.includes('.operator.')
        ? [evolveOperator(states[0] as never, event, index + 1), states[1] ?? {}, states[2] ?? {}]
        : type.includes('.resource.')
          ? [states[0] ?? {}, evolveResource(states[1] as never, event, index + 1), states[2] ?? {}]
          : [states[0] ?? {}, states[1] ?? {}, evolveSecret(states[2] as never, event, index + 1)];
      seen.push(states);
    }
    const hash = createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 16);
    assert.deepEqual([FOLD_VERSION, hash], [3, 'c50bd7622d8b2b7d']);
  });
});

describe('snapshots', () => {
  it('the first command after a start reads a page, not the history', async () => {
    const history = await long();
    assert.ok(history.store.commits <= COUNT / SNAPSHOT_EVERY, `${history.store.commits} writes`);
    const { messagesRead } = await firstCommand(history, history.store);
    assert.ok(messagesRead <= 3 * SNAPSHOT_EVERY, `${messagesRead} of ${COUNT} events were read`);
  });

  it('P2 a command of long ago gets its receipt, and stores nothing', async () => {
    const history = await long();
    const { restarted } = await firstCommand(history, history.store);
    const storedBefore = history.events.kept.length;
    for (const step of [0, 1, 511, 512, COUNT / 2, COUNT - 2, COUNT - 1]) {
      const again =
        step === 0
          ? await restarted.send('apply', datasetOf('op', 'counter', { count: 0 }), { commandId: 'step-0' })
          : await countTo(restarted, step);
      assert.deepEqual(again, history.receipts[step], `step ${step}`);
    }
    assert.equal(history.events.kept.length, storedBefore);
    // The process that has been there all the time, and has long forgotten it.
    assert.deepEqual(await countTo(history.handler, 1), history.receipts[1]);
    assert.equal(history.events.kept.length, storedBefore);
  });

  it('a snapshot that is missing, damaged, of another fold or of another history changes nothing but the time it takes', async () => {
    const history = await long();
    const good = snapshotOf(history.store);
    const state = good['state'] as Readonly<Record<string, unknown>>;
    for (const [what, value] of [
      ['no JSON', encodeJson('x').slice(0, 1)],
      ['nothing', {}],
      ['another fold', { ...good, fold: -1 }],
      ['another thing', { ...good, subject: 'opstream.event.00.resource.public.other' }],
      ['another history', { ...good, eventId: 'somebody-else' }],
      ['a sequence beyond the end', { ...good, sequence: 1_000_000 }],
      ['no ids', { ...good, ids: [{ bits: '', count: 1, from: 1, to: 1 }] }],
      ['a state that is none', { ...good, state: { ...state, entity: { uid: 'x' } } }],
    ] as const) {
      const { messagesRead } = await firstCommand(history, storeWith(value));
      assert.ok(messagesRead >= COUNT, what);
    }
    const broken = {
      get: async () => Promise.reject(new Error('no bucket')),
      commit: async () => Promise.reject(new Error('no bucket')),
    };
    await firstCommand(history, broken);
  });

  it('a copy that was overtaken reads what is new, not all', async () => {
    const history = await long();
    const { restarted } = await firstCommand(history, history.store);
    const { restarted: other } = await firstCommand(history, history.store);
    assert.ok((await countTo(other, COUNT)).accepted);
    const before = history.events.messagesRead;
    // As far as it knows that is how it is; it looks before it says so.
    const receipt = await countTo(restarted, COUNT - 1, 'overtaken');
    assert.equal(receipt.events.length, 1);
    assert.ok(history.events.messagesRead - before <= 2, `${history.events.messagesRead - before} events were read`);
  });
});
