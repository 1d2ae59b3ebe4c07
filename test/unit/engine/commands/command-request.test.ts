// What the headers of a command say, and every way in which they can be wrong.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCommandRequest } from '../../../../src/engine/commands/command-request.ts';

const read = (headers: Readonly<Record<string, string>> = {}, subject = 'opstream.rpc.apply') =>
  readCommandRequest({ subject, data: new Uint8Array([1]), header: (name) => headers[name] }, () => 'fallback');

describe('headers of a command', () => {
  it('may all be left out', () => {
    const request = read();
    assert.deepEqual(request, {
      ok: true,
      value: {
        verb: 'apply',
        commandId: 'fallback',
        isIdGiven: false,
        actor: 'anonymous',
        correlationId: 'fallback',
        causationId: 'fallback',
        workspace: 'public',
        isDryRun: false,
        body: new Uint8Array([1]),
      },
    });
  });

  it('are taken over', () => {
    const request = read({
      'Opstream-Command-Id': 'ID-1',
      'Opstream-Actor': 'groot',
      'Opstream-Workspace': 'sandbox',
      'Opstream-Dry-Run': 'TRUE',
      'Opstream-Expected-Generation': '3',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    assert.ok(request.ok);
    const { commandId, isIdGiven, actor, workspace, isDryRun, expectedGeneration, correlationId } = request.value;
    assert.deepEqual(
      { commandId, isIdGiven, actor, workspace, isDryRun, expectedGeneration, correlationId },
      {
        commandId: 'id-1',
        isIdGiven: true,
        actor: 'groot',
        workspace: 'sandbox',
        isDryRun: true,
        expectedGeneration: 3,
        correlationId: 'id-1',
      },
    );
  });

  it("name a verb of clients: finalize is the operator-runtime's, on a subject of its own", () => {
    for (const room of ['rpc', 'cmd']) {
      const refused = read({}, `opstream.${room}.finalize`);
      assert.ok(!refused.ok);
      assert.equal(refused.error.code, 'COMMAND_INVALID');
      assert.match(refused.error.details[0]?.message ?? '', /delete.*release/);
    }
    assert.equal(read({}, 'opstream.internal.finalize').ok, true);
  });

  it('of a trace are taken when they can be read, and are no reason to refuse a command', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const given = read({ traceparent });
    assert.equal(given.ok && given.value.traceparent, traceparent);
    for (const bad of ['00-xyz', traceparent.toUpperCase(), 'x'.repeat(100_000), `ff${traceparent.slice(2)}`]) {
      const request = read({ traceparent: bad });
      assert.ok(request.ok, bad.slice(0, 80));
      assert.equal(request.value.traceparent, undefined);
    }
  });

  it('of the state of a trace are taken as they came, and only beside a trace', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const tracestate = 'rojo=00f067aa0ba902b7, tenant@congo=t61rcWkgMzE';
    const given = read({ traceparent, tracestate });
    assert.equal(given.ok && given.value.tracestate, tracestate);
    for (const headers of [{ tracestate }, { traceparent: '00-xyz', tracestate }, { traceparent, tracestate: 'no' }]) {
      const request = read(headers);
      assert.ok(request.ok && !('tracestate' in request.value), JSON.stringify(headers));
    }
  });

  it('the message id of a durable command is its command id', () => {
    const request = read({ 'Nats-Msg-Id': 'msg-1' });
    assert.ok(request.ok && request.value.commandId === 'msg-1' && request.value.isIdGiven);
    // One that cannot be a subject token is not; the command is carried out under its place in the queue.
    const odd = read({ 'Nats-Msg-Id': 'a.b c' });
    assert.ok(odd.ok && odd.value.commandId === 'fallback' && !odd.value.isIdGiven);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['Opstream-Command-Id', 'a.b'],
    ['Opstream-Command-Id', '*'],
    ['Opstream-Workspace', 'a b'],
    ['Opstream-Workspace', '>'],
    ['Opstream-Dry-Run', 'maybe'],
    ['Opstream-Expected-Generation', '-1'],
    ['Opstream-Expected-Generation', '1.5'],
    ['Opstream-Expected-Generation', 'one'],
    ['Opstream-Actor', 'x'.repeat(257)],
  ];
  for (const [name, value] of wrong) {
    it(`${name}: ${value.slice(0, 20)} is refused by name`, () => {
      const request = read({ [name]: value });
      assert.ok(!request.ok);
      assert.equal(request.error.code, 'COMMAND_INVALID');
      assert.equal(request.error.details.length, 1);
      assert.ok(request.error.details[0]?.message.includes(name));
    });
  }

  it('that are wrong are all named at once, and so is the verb', () => {
    const request = read(Object.fromEntries(wrong), 'opstream.cmd.explode');
    assert.ok(!request.ok);
    assert.equal(request.error.details.length, 6);
  });
});
