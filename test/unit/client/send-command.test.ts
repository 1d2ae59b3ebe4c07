import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readReply, sendCommand } from '../../../src/client/send-command.ts';
import { encodeJson } from '../../../src/core/decode.ts';
import { Fault, isFault } from '../../../src/core/fault.ts';
import { namesFor } from '../../../src/messages/subjects.ts';

const receipt = { commandId: 'id-1', verb: 'apply', accepted: true, events: [] };

type Sent = {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

/** A server that answers what it is told to, on a clock that only sleeping and waiting move. */
const world = (answers: readonly (unknown | Fault)[]) => {
  const sent: Sent[] = [];
  let nowMs = 0;
  let made = 0;
  const tools = {
    names: namesFor('opstream'),
    maxPayloadBytes: 1024 * 1024,
    ids: { next: () => `id-${(made += 1)}` },
    clock: {
      nowMs: () => nowMs,
      sleep: async (delayMs: number) => {
        nowMs += delayMs;
      },
    },
    requester: {
      request: async (
        subject: string,
        _data: Uint8Array,
        options: { timeoutMs?: number; headers?: Readonly<Record<string, string>> } = {},
      ) => {
        const answer = answers[Math.min(sent.length, answers.length - 1)];
        sent.push({ subject, headers: options.headers ?? {}, timeoutMs: options.timeoutMs ?? 0 });
        if (answer instanceof Fault) {
          if (answer.code === 'NATS_TIMEOUT') nowMs += options.timeoutMs ?? 0;
          throw answer;
        }
        return { data: encodeJson(answer), header: () => undefined };
      },
    },
  };
  return { tools, sent, nowMs: () => nowMs };
};

const timeout = new Fault('NATS_TIMEOUT', 'no answer');

describe('a command over request/reply', () => {
  it('belongs to the trace that is given, or begins one named after its id', async () => {
    const traceOf = async (options: Parameters<typeof sendCommand>[3]): Promise<string | undefined> => {
      const { tools, sent } = world([timeout, receipt]);
      await sendCommand(tools, 'apply', new Uint8Array(), options);
      assert.equal(sent[0]?.headers['traceparent'], sent[1]?.headers['traceparent'], 'a repeat is of the same trace');
      return sent[0]?.headers['traceparent'];
    };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    assert.equal(await traceOf({ traceparent }), traceparent);
    assert.equal(
      await traceOf({ commandId: '0190163d-8694-739b-aea5-966c26f8ad91' }),
      '00-0190163d8694739baea5966c26f8ad91-aea5966c26f8ad91-01',
    );
  });

  it('is sent again under the same id when its answer is lost', async () => {
    const { tools, sent } = world([
      timeout,
      { commandId: 'id-1', failure: { code: 'JS_UNAVAILABLE', message: 'x', isRetryable: true } },
      receipt,
    ]);
    const got = await sendCommand(tools, 'apply', new Uint8Array(), {
      actor: 'me',
      workspace: 'sandbox',
      dryRun: true,
      expectedGeneration: 3,
    });
    assert.deepEqual(got, receipt);
    assert.equal(sent.length, 3);
    assert.deepEqual(new Set(sent.map(({ headers }) => JSON.stringify(headers))).size, 1);
    assert.deepEqual(sent[0]?.headers, {
      'Opstream-Command-Id': 'id-1',
      'Opstream-Actor': 'me',
      'Opstream-Workspace': 'sandbox',
      'Opstream-Dry-Run': 'true',
      'Opstream-Expected-Generation': '3',
    });
    assert.equal(sent[0]?.subject, 'opstream.rpc.apply');
  });

  it('gives up after 15 s', async () => {
    const { tools, sent, nowMs } = world([timeout]);
    await assert.rejects(
      sendCommand(tools, 'run', { name: 'x' }),
      (error) => isFault(error, 'NATS_TIMEOUT') && error.details['commandId'] === 'id-1',
    );
    assert.ok(nowMs() <= 15_000, `took ${nowMs()} ms`);
    assert.ok(sent.length >= 3);
  });

  it('says at once that nobody serves commands, and what to do', async () => {
    const { tools, sent } = world([new Fault('NATS_NO_RESPONDERS', 'nobody')]);
    await assert.rejects(sendCommand(tools, 'run', { name: 'x' }), {
      code: 'NATS_NO_RESPONDERS',
      message:
        'there is no command-handler of the instance "opstream" at this server; start one with `opstream up`, or name another instance with --prefix',
    });
    assert.equal(sent.length, 1);
  });

  it('does not repeat a failure that will not go away', async () => {
    const { tools, sent } = world([
      { commandId: 'x', failure: { code: 'INTERNAL', message: 'a bug', isRetryable: false } },
    ]);
    await assert.rejects(sendCommand(tools, 'run', { name: 'x' }), {
      code: 'JS_REFUSED',
      message: 'a bug',
      retry: 'never',
    });
    assert.equal(sent.length, 1);
  });

  it('refuses what the server would not take, before sending it', async () => {
    const { tools, sent } = world([receipt]);
    await assert.rejects(sendCommand(tools, 'apply', new Uint8Array(1024 * 1024)), { code: 'JS_REFUSED' });
    await assert.rejects(sendCommand(tools, 'apply', new Uint8Array(), { actor: 'me\r\nOpstream-Actor: you' }), {
      code: 'CONFIG_INVALID',
    });
    assert.equal(sent.length, 0);
  });

  it('gives refusals as they are, and calls nonsense nonsense', () => {
    const refused = { ...receipt, accepted: false, rejection: { code: 'NOT_FOUND', message: 'no', details: [] } };
    assert.deepEqual(readReply(encodeJson(refused)), refused);
    assert.throws(() => readReply(encodeJson({ hello: 1 })), { code: 'DOCUMENT_INVALID' });
    assert.throws(() => readReply(new Uint8Array([0xff])), { code: 'DOCUMENT_INVALID' });
  });
});
