import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { createOutcomes } from '../../../../src/engine/history/outcomes.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import type { Receipt } from '../../../../src/messages/commands.ts';
import { createMemoryInstance, createMemoryPorts, directLink, type Link } from '../../../../src/testing/index.ts';
import { manualClock } from '../../../support/memory-ports.ts';

const receiptOf = (message: string): Receipt => ({
  commandId: 'c-1',
  verb: 'apply',
  accepted: false,
  events: [],
  rejection: { code: 'SPEC_INVALID', message, details: [] },
});
const request = { commandId: 'c-1', correlationId: 'c-1', causationId: 'c-1', actor: 'iamgroot' };

const newServer = () => {
  const clock = manualClock();
  const { server, names } = createMemoryInstance({ nowMs: () => clock.nowMs() });
  const portsOver = (link: Link) => createMemoryPorts(server, { clock, link });
  return { ...server.stream(names.streams.outcomes), clock, names, portsOver };
};

/** Of one copy of the command-handler. */
const outcomesOn = ({ clock, names, portsOver }: ReturnType<typeof newServer>, link: Link = directLink()) => {
  const ports = portsOver(link);
  const { outcomes } = names.streams;
  return createOutcomes({ names, clock, reader: ports.leaderReader(outcomes), appender: ports.appender(outcomes) });
};

it('the first outcome of a command id is the answer of every copy that records one', async () => {
  const server = newServer();
  assert.deepEqual(await outcomesOn(server).record(request, receiptOf('first')), receiptOf('first'));
  assert.deepEqual(await outcomesOn(server).record(request, receiptOf('second')), receiptOf('first'));
  assert.equal(server.count(), 1);
});

it('what was stored outweighs an outcome that says that nothing was', async () => {
  const server = newServer();
  const events = [{ id: 'e-1', type: 'x', subject: 'opstream.event.00.resource.public.a', sequence: 7 }];
  const accepted: Receipt = { commandId: 'c-1', verb: 'apply', accepted: true, events };
  await outcomesOn(server).record(request, receiptOf('refused'));
  assert.deepEqual(await outcomesOn(server).record(request, accepted), accepted);
  assert.deepEqual(await outcomesOn(server).find('c-1'), accepted);
  assert.deepEqual(await outcomesOn(server).record(request, receiptOf('late')), accepted);
  assert.equal(server.count(), 2);
});

it('an outcome that cannot be stored is a fault, not an answer', async () => {
  const server = newServer();
  const lost: Link = { ...directLink(), call: () => Promise.reject(new Fault('NATS_TIMEOUT', 'no answer')) };
  await assert.rejects(outcomesOn(server, lost).record(request, receiptOf('first')), { code: 'NATS_TIMEOUT' });
});

it('an outcome that cannot be read is a fault: neither none, nor what is being recorded', async () => {
  const server = newServer();
  const [subject, data] = [namesFor('opstream').outcome('c-1'), new TextEncoder().encode('{"data":')];
  server.store([{ subject, id: 'x', data, expectedLastSequence: 0 }]);
  const isUnreadable = { code: 'DOCUMENT_INVALID', retry: 'later' };
  await assert.rejects(outcomesOn(server).find('c-1'), isUnreadable);
  await assert.rejects(outcomesOn(server).record(request, receiptOf('mine')), isUnreadable);
  assert.equal(await outcomesOn(server).find('c-2'), undefined);
});
