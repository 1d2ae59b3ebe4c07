// `get` of a thing whose document is not in the view, on ports in memory and a driven clock: what is not known is not answered as "no" (P7).

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { encodeJson } from '../../../../src/core/decode.ts';
import { isFault } from '../../../../src/core/fault.ts';
import { createOutcomes } from '../../../../src/engine/history/outcomes.ts';
import { createAnswerer } from '../../../../src/engine/queries/answer-query.ts';
import { createViewMirror } from '../../../../src/engine/queries/view-mirror.ts';
import type { NewEvent } from '../../../../src/messages/events.ts';
import { resourceRef } from '../../../../src/messages/subjects.ts';
import {
  countedIds,
  createMemoryInstance,
  createMemoryPorts,
  drivenClock,
  silentLog,
} from '../../../../src/testing/index.ts';
import { createDirectory } from '../../../../src/views/directory.ts';
import { dated, resourceManifest } from '../../../support/fixtures.ts';

const DECLARED: NewEvent = {
  type: 'io.opstream.resource.declared.v1',
  generation: 1,
  data: { uid: 'uid-1', manifest: resourceManifest(), runnable: false },
};
const GONE: NewEvent = { type: 'io.opstream.resource.deleted.v1', generation: 1, data: {} };

/** A query-responder whose views hold nothing, and a stream with these events on one resource. */
const open = (...events: readonly NewEvent[]) => {
  const clock = drivenClock();
  const { server, names } = createMemoryInstance({ nowMs: () => clock.nowMs() });
  const ports = createMemoryPorts(server, { clock });
  const { streams, buckets } = names;
  const subject = names.event(resourceRef('public', 'run-1'));
  for (const [index, event] of events.entries())
    server.stream(streams.events).store([{ subject, data: encodeJson(dated(event, index) as never) }]);
  const directory = createDirectory();
  const outcomes = { reader: ports.leaderReader(streams.outcomes), appender: ports.appender(streams.outcomes) };
  const { answer } = createAnswerer({
    ...{ names, directory, clock, mirror: createViewMirror({ directory, clock, log: silentLog }) },
    operators: ports.bucket(buckets.operators),
    entities: ports.bucket(buckets.entities),
    secrets: ports.bucket(buckets.secrets),
    events: ports.wholeReader(streams.events),
    statuses: ports.limitedReader(streams.status),
    outcomes: createOutcomes({ names, clock, ...outcomes }),
    askComponent: { requester: ports.requester, ids: countedIds() },
  });
  return async (more: object): Promise<unknown> => {
    const query = { type: 'resource', workspace: 'public', name: 'run-1', ...more };
    const asked = answer('get', encodeJson(query), 1_000_000).catch((error: unknown) => error);
    await clock.advance(1000);
    return asked;
  };
};

const isNotFound = (answer: unknown): boolean => JSON.stringify(answer).includes('"NOT_FOUND"');

it('of a sequence that the views do not reach in time is no "not found"', async () => {
  const answer = await open(DECLARED)({ minSequence: 1, waitMs: 200 });
  assert.ok(isFault(answer, 'JS_UNAVAILABLE'), JSON.stringify(answer));
  assert.match(answer.message, /ask again/);
});

it('is "not found" when the events say so, however far the views are', async () => {
  assert.ok(isNotFound(await open(DECLARED, GONE)({ minSequence: 2, waitMs: 200 })));
  assert.ok(isNotFound(await open()({ minSequence: 7, waitMs: 200 })));
});

it('is "not found" for who asks for no sequence, as far as the views are', async () => {
  assert.ok(isNotFound(await open(DECLARED)({})));
});
