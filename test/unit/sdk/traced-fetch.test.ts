import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isFault } from '../../../src/core/fault.ts';
import { parseTraceparent } from '../../../src/messages/trace.ts';
import { startReconcile } from '../../../src/sdk/reconcile-context.ts';
import { createTracedFetch, type ExternalCall } from '../../../src/sdk/traced-fetch.ts';
import { silentLog } from '../../support/silent-log.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

const rig = (given: string | undefined, answer: (init: RequestInit) => Promise<Response>, tracestate?: string) => {
  const stop = new AbortController();
  const calls: ExternalCall[] = [];
  const sent: { readonly url: string; readonly init: RequestInit; readonly headers: Headers }[] = [];
  const traced = createTracedFetch({
    traceparent: given,
    tracestate,
    signal: () => stop.signal,
    log: () => silentLog,
    onCall: (call) => calls.push(call),
    fetch: async (url, init = {}) => {
      sent.push({ url: String(url), init, headers: new Headers(init.headers) });
      return answer(init);
    },
  });
  return { traced, stop, calls, sent };
};

const ok = async (): Promise<Response> => new Response('{}', { status: 201 });

describe('context.fetch', () => {
  it('is a new span of the same trace each time', async () => {
    const { traced, sent } = rig(traceparent, ok);
    await traced('http://api.example/a', { headers: { authorization: 'x', traceparent: 'theirs' } });
    await traced(new URL('http://api.example/b'));
    const spans = sent.map(({ headers }) => parseTraceparent(headers.get('traceparent')));
    assert.deepEqual(
      spans.map((span) => [span?.traceId, span?.flags]),
      [
        ['0af7651916cd43dd8448eb211c80319c', '00'],
        ['0af7651916cd43dd8448eb211c80319c', '00'],
      ],
    );
    assert.equal(new Set([...spans.map((span) => span?.spanId), 'b7ad6b7169203331']).size, 3);
    assert.equal(sent[0]?.headers.get('authorization'), 'x');
  });

  it('begins one trace for the reconcile when there is none, or it cannot be read', async () => {
    for (const given of [undefined, 'nonsense']) {
      const { traced, sent } = rig(given, ok);
      await traced('http://api.example/a');
      await traced('http://api.example/a');
      const ids = sent.map(({ headers }) => parseTraceparent(headers.get('traceparent'))?.traceId);
      assert.match(ids[0] ?? '', /^[0-9a-f]{32}$/);
      assert.equal(ids[0], ids[1]);
    }
  });

  it('sends what came along with the trace, and never the state of another one', async () => {
    const headers = { tracestate: 'theirs=1' };
    for (const [given, state, expected] of [
      [traceparent, 'rojo=1', 'rojo=1'],
      [traceparent, undefined, null],
      ['nonsense', 'rojo=1', null],
    ] as const) {
      const { traced, sent } = rig(given, ok, state);
      await traced('http://api.example/a', { headers });
      assert.equal(sent[0]?.headers.get('tracestate'), expected);
    }
  });

  it('counts by host, method and class of the answer', async () => {
    const { traced, calls } = rig(traceparent, ok);
    await traced('http://api.example:81/a?secret=1', { method: 'post' });
    await traced('http://api.example/a', { method: 'PROPFIND' });
    const failing = rig(traceparent, () => Promise.reject(new TypeError('fetch failed')));
    await assert.rejects(failing.traced('http://api.example/a'), TypeError);
    const [first, second] = calls;
    assert.deepEqual(
      { ...first, durationMs: 0 },
      { target: 'api.example:81', method: 'POST', status: '2xx', durationMs: 0 },
    );
    assert.equal(second?.method, 'other');
    assert.equal(failing.calls[0]?.status, 'error');
    assert.ok((first?.durationMs ?? -1) >= 0);
  });

  it('ends with the signal of the reconcile, unless the call has its own', async () => {
    const hanging = (init: RequestInit): Promise<Response> =>
      new Promise((_resolve, reject) => {
        init.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error), { once: true });
      });
    const { traced, stop, calls, sent } = rig(traceparent, hanging);
    const own = new AbortController();
    const bound = traced('http://api.example/a');
    const free = traced('http://api.example/b', { signal: own.signal });
    stop.abort(new Error('lease lost'));
    await assert.rejects(bound, /lease lost/);
    assert.deepEqual(
      calls.map(({ status }) => status),
      ['aborted'],
    );
    own.abort(new Error('enough'));
    await assert.rejects(free, /enough/);
    await assert.rejects(
      traced('http://api.example/c', { signal: new AbortController().signal }),
      (error) => isFault(error, 'COMPONENT_RETRYABLE') && error.details['outcome'] === 'none',
    );
    assert.equal(sent.length, 2, 'nothing is begun after the stop');
    assert.equal(calls.length, 2);
  });

  it('belongs to the reconcile: its trace, its signal, its counters', async () => {
    const calls: ExternalCall[] = [];
    const one = startReconcile({
      request: { key: 'public.a', type: 't' },
      ...{ attempt: 1, fence: 1, traceparent, log: silentLog, startedMs: 0 },
      controller: {
        getEntity: () => Promise.resolve(undefined),
        getEntityStatus: () => Promise.resolve(undefined),
        updateEntityStatus: () => Promise.resolve(),
      },
      onExternalCall: (call) => calls.push(call),
      hold: () => {},
    });
    assert.equal(one.context.fetch, one.context.fetch);
    await assert.rejects(one.context.fetch('http://127.0.0.1:1/'));
    one.abort(new Error('over'));
    await assert.rejects(one.context.fetch('http://127.0.0.1:1/'), (error) => isFault(error, 'COMPONENT_RETRYABLE'));
    assert.deepEqual(
      calls.map(({ target, status }) => [target, status]),
      [['127.0.0.1:1', 'error']],
    );
  });
});
