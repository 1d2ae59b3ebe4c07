// The second look at what is owed: which of the unanswered is sent again and what with, what is left alone, what is bounded.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJson, encodeJson } from '../../../../src/core/decode.ts';
import { Fault } from '../../../../src/core/fault.ts';
import { createAnswerSweep } from '../../../../src/engine/dispatch/answer-sweep.ts';
import type { ChannelPosition } from '../../../../src/engine/ports/channel.ts';
import type { StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { STATUS_TYPE, type Entity, type EntityCommand, type EntityStatus } from '../../../../src/messages/entity.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { createDirectory } from '../../../../src/views/directory.ts';
import { drivenClock } from '../../../../src/testing/driven-clock.ts';
import { entityAt } from '../../../support/entities.ts';
import { memoryStream } from '../../../support/memory-component.ts';
import { memoryStore, stored } from '../../../support/memory-ports.ts';
import { silentLog } from '../../../support/silent-log.ts';

const names = namesFor('opstream');
const CHANNEL = { command: { stream: 'channel', subject: 'op.dataset' }, query: { subject: 'q', replySubject: 'r' } };

const statusOf = (entity: Entity, changes: Partial<EntityStatus> = {}): EntityStatus => ({
  ...{ key: entity.key, operator: entity.manifest.resource.operator, uid: entity.uid, observedGeneration: 1 },
  ...{ observedSequence: entity.sequence, status: 'active', conditions: [], properties: {}, ...changes },
});

const world = () => {
  const clock = drivenClock();
  const directory = createDirectory();
  const view = memoryStore();
  const channel = memoryStream();
  const lastStatus = new Map<string, StoredMessage>();
  const finalized: { readonly name: string; readonly cause: string }[] = [];
  const place: { position: ChannelPosition | undefined; fault?: Fault; asked: number } = {
    position: { firstSequence: 1, lastSequence: 0 },
    asked: 0,
  };
  const pages: number[] = [];
  const sweep = createAnswerSweep({
    ...{ names, clock, log: silentLog, fence: 7, answerWaitMs: 10_000, signal: new AbortController().signal },
    requester: {
      request: async (_subject, data) => {
        const page = directory.list(decodeJson(data) as never);
        pages.push(page.items.length);
        return { data: encodeJson(page as never), header: () => undefined };
      },
    },
    entities: view,
    events: { readLast: async () => undefined },
    statuses: { readLast: async (subject) => lastStatus.get(subject), readSubject: async () => [] },
    directory: { channelOf: (operator) => (operator === 'gone' ? undefined : CHANNEL) },
    finalize: async ({ name }, cause) => {
      finalized.push({ name, cause });
      return undefined;
    },
    channel: async () => channel.appender,
    positionOf: async () => {
      place.asked += 1;
      if (place.fault !== undefined) throw place.fault;
      return place.position;
    },
  });
  return {
    ...{ sweep, clock, place, finalized, pages },
    want: async (entity: Entity) => {
      directory.absorb(`entity.${entity.key}`, entity);
      await view.commit([{ key: `entity.${entity.key}`, data: encodeJson(entity as never) }]);
    },
    /** In the view. */
    answer: (entity: Entity, changes?: Partial<EntityStatus>) =>
      directory.absorb(`status.${entity.key}`, statusOf(entity, changes)),
    /** In the stream alone. */
    store: (entity: Entity, changes: Partial<EntityStatus>) => {
      const { workspace, name, resource } = entity.manifest;
      const subject = names.status({ operator: resource.operator, workspace, name });
      const data = { ...statusOf(entity, changes), fence: 1 };
      const event = {
        ...{ specversion: '1.0', id: 'st-1', source: '/t', type: STATUS_TYPE, subject: `resource.${entity.key}` },
        ...{ time: '2026-01-01T00:00:00.000Z', datacontenttype: 'application/json', dataschema: 's', actor: 'a' },
        ...{ correlationid: 'c', causationid: 'c', commandid: 'c', generation: 1, data },
      };
      lastStatus.set(subject, stored(1, subject, event));
    },
    turnAfter: async (ms: number) => {
      await clock.advance(ms);
      await sweep.turn();
    },
    sent: () => channel.json() as unknown as readonly EntityCommand[],
  };
};

describe('the answer sweep', () => {
  it('sends again what the channel has forgotten, whole, and then more seldom', async () => {
    const it = world();
    const entity = entityAt(5);
    await it.want(entity);
    await it.turnAfter(0);
    it.place.position = { firstSequence: 9, lastSequence: 8 };
    await it.turnAfter(9_999);
    assert.deepEqual(it.sent(), []);
    await it.turnAfter(1);
    const [command] = it.sent();
    assert.deepEqual(command?.data, { command: 'apply', entity, fence: 7 });
    it.place.position = { firstSequence: 1, lastSequence: 1, takenTo: 1 };
    await it.turnAfter(59_999);
    assert.equal(it.sent().length, 1);
    await it.turnAfter(1);
    assert.equal(it.sent().length, 2);
    assert.equal(new Set(it.sent().map(({ id }) => id)).size, 2);
  });

  it('leaves alone what is answered, what lies in the channel, what is of an operator that is gone', async () => {
    const it = world();
    it.place.position = { firstSequence: 1, lastSequence: 30, takenTo: 4 };
    const answered = entityAt(5, { name: 'answered' });
    await it.want(answered);
    it.answer(answered);
    await it.want(entityAt(6, { name: 'waiting' }));
    const orphan = entityAt(7, { name: 'orphan' });
    const { manifest } = orphan;
    await it.want({ ...orphan, manifest: { ...manifest, resource: { ...manifest.resource, operator: 'gone' } } });
    for (const ms of [0, 60_000, 3_600_000]) await it.turnAfter(ms);
    assert.deepEqual(it.sent(), []);
    assert.deepEqual(it.pages, [2, 2, 2]);
  });

  it('takes an answer about something else for none: another uid, another operator, an older sequence', async () => {
    for (const changes of [{ uid: 'other' }, { operator: 'other' }, { observedSequence: 4 }]) {
      const it = world();
      const entity = entityAt(5);
      await it.want(entity);
      it.answer(entity, changes);
      it.store(entity, changes);
      it.place.position = undefined;
      await it.turnAfter(0);
      await it.turnAfter(10_000);
      assert.equal(it.sent().length, 1, JSON.stringify(changes));
    }
  });

  it('begins anew with each event', async () => {
    const it = world();
    it.place.position = { firstSequence: 1, lastSequence: 3, takenTo: 3 };
    await it.want(entityAt(5));
    await it.turnAfter(0);
    await it.turnAfter(29_000);
    await it.want(entityAt(6, { updatedAt: '2026-01-01T00:00:01.000Z' }));
    await it.turnAfter(1_000);
    assert.deepEqual(it.sent(), []);
    await it.turnAfter(30_000);
    assert.deepEqual(
      it.sent().map(({ data }) => data.entity.sequence),
      [6],
    );
  });

  it('finishes a deletion that was reported, and sends nothing; a release is finished already', async () => {
    const it = world();
    const released = { conditions: [{ type: 'Ready', status: 'False', reason: 'Released', message: '' }] as never };
    for (const [name, changes] of [
      ['gone', {}],
      ['released', released],
    ] as const) {
      const entity = entityAt(5, { name, uid: name, deletionRequestedAt: '2026-01-01T00:00:00.000Z' });
      await it.want(entity);
      it.store(entity, { status: 'deleted', observedSequence: 4, ...changes });
    }
    await it.turnAfter(0);
    await it.turnAfter(30_000);
    assert.deepEqual(
      it.finalized.map(({ name }) => name),
      ['gone'],
    );
    assert.deepEqual(it.sent(), []);
  });

  it('asks of each channel once in a turn, and waits while it cannot be told', async () => {
    const it = world();
    for (const name of ['a', 'b', 'c']) await it.want(entityAt(5, { name }));
    it.place.fault = new Fault('NATS_UNREACHABLE', 'away');
    await it.turnAfter(0);
    assert.equal(it.place.asked, 1);
    await it.turnAfter(60_000);
    assert.deepEqual(it.sent(), []);
    delete it.place.fault;
    await it.turnAfter(0);
    await it.turnAfter(30_000);
    assert.equal(it.sent().length, 3);
  });

  it('looks at one page in a turn, and begins again after the last', async () => {
    const it = world();
    for (let index = 0; index < 1500; index += 1) await it.want(entityAt(5, { name: `r-${index}` }));
    for (const ms of [0, 0, 0]) await it.turnAfter(ms);
    assert.deepEqual(it.pages, [1000, 500, 1000]);
    await it.turnAfter(30_000);
    assert.equal(it.sent().length, 500);
  });
});
