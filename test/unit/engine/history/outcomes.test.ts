import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { createOutcomes } from '../../../../src/engine/history/outcomes.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import type { Receipt } from '../../../../src/messages/commands.ts';
import { manualClock } from '../../../support/memory-ports.ts';
import { memoryStream } from '../../../support/memory-component.ts';

const receiptOf = (message: string): Receipt => ({
  commandId: 'c-1',
  verb: 'apply',
  accepted: false,
  events: [],
  rejection: { code: 'SPEC_INVALID', message, details: [] },
});
const request = { commandId: 'c-1', correlationId: 'c-1', causationId: 'c-1', actor: 'iamgroot' };

const outcomesOn = (stream: ReturnType<typeof memoryStream>) =>
  createOutcomes({
    names: namesFor('opstream'),
    reader: stream.reader,
    appender: stream.appender,
    clock: manualClock(),
  });

it('the first outcome of a command id is the answer of every copy that records one', async () => {
  const stream = memoryStream();
  assert.deepEqual(await outcomesOn(stream).record(request, receiptOf('first')), receiptOf('first'));
  assert.deepEqual(await outcomesOn(stream).record(request, receiptOf('second')), receiptOf('first'));
  assert.equal(stream.kept.length, 1);
});

it('what was stored outweighs an outcome that says that nothing was', async () => {
  const stream = memoryStream();
  const events = [{ id: 'e-1', type: 'x', subject: 'opstream.event.00.resource.public.a', sequence: 7 }];
  const accepted: Receipt = { commandId: 'c-1', verb: 'apply', accepted: true, events };
  await outcomesOn(stream).record(request, receiptOf('refused'));
  assert.deepEqual(await outcomesOn(stream).record(request, accepted), accepted);
  assert.deepEqual(await outcomesOn(stream).find('c-1'), accepted);
  assert.deepEqual(await outcomesOn(stream).record(request, receiptOf('late')), accepted);
  assert.equal(stream.kept.length, 2);
});

it('an outcome that cannot be stored is a fault, not an answer', async () => {
  const stream = memoryStream();
  stream.failures.push(new Fault('NATS_TIMEOUT', 'no answer'));
  await assert.rejects(outcomesOn(stream).record(request, receiptOf('first')), { code: 'NATS_TIMEOUT' });
});

it('an outcome that cannot be read is a fault: neither none, nor what is being recorded', async () => {
  const stream = memoryStream();
  const [subject, data] = [namesFor('opstream').outcome('c-1'), new TextEncoder().encode('{"data":')];
  await stream.appender.append([{ subject, id: 'x', data, expectedLastSequence: 0 }]);
  const isUnreadable = { code: 'DOCUMENT_INVALID', retry: 'later' };
  await assert.rejects(outcomesOn(stream).find('c-1'), isUnreadable);
  await assert.rejects(outcomesOn(stream).record(request, receiptOf('mine')), isUnreadable);
  assert.equal(await outcomesOn(stream).find('c-2'), undefined);
});
