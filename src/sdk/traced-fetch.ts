// `context.fetch`: what a reconciler calls the outside with. Like the global fetch, and besides: counted and timed, with a `traceparent`
// of its own span in the trace of the command that wanted all this, and bound to the reconcile's signal.

import { randomBytes } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import type { Log } from '../engine/ports/log.ts';
import { formatTraceparent, parseTraceparent } from '../messages/trace.ts';

/**
 * As the global `fetch`, for a URL. Sets the headers `traceparent` and `tracestate`. Without `init.signal` the call ends when the reconcile is to stop; with
 * one, that signal alone ends a call under way (for calls whose answer must not be lost). No call is begun once the reconcile is to stop:
 * Fault COMPONENT_RETRYABLE with `details.outcome` `none`. Everything else rejects as `fetch` does.
 */
export type TracedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** `status`: the class of the answer (`2xx`), `aborted`, or `error` when no answer came. `durationMs` until the headers were there. */
export type ExternalCall = {
  readonly target: string;
  readonly method: string;
  readonly status: string;
  readonly durationMs: number;
};

export type TracedFetchOptions = {
  /** Of the reconcile; another trace is begun when there is none. */
  readonly traceparent: string | undefined;
  /** Of the same trace, sent along as it came. */
  readonly tracestate?: string | undefined;
  signal(): AbortSignal;
  log(): Log;
  onCall(call: ExternalCall): void;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
};

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');
const newTraceId = (): string => randomHex(16);
const newSpanId = (): string => randomHex(8);

const methodOf = (init: RequestInit): string => {
  const method = (init.method ?? 'GET').toUpperCase();
  return METHODS.has(method) ? method : 'other';
};

export const createTracedFetch = (options: TracedFetchOptions): TracedFetch => {
  let parent = parseTraceparent(options.traceparent);
  const tracestate = parent === undefined ? undefined : options.tracestate;

  return async (url, init = {}) => {
    const { host: target, origin, pathname } = new URL(url);
    const method = methodOf(init);
    const stop = options.signal();
    if (stop.aborted) {
      const message = `${method} ${origin}${pathname}: not sent, the reconcile is to stop`;
      throw new Fault('COMPONENT_RETRYABLE', message, { details: { outcome: 'none' }, cause: stop.reason });
    }
    const signal = init.signal ?? stop;
    parent ??= { traceId: newTraceId(), spanId: newSpanId(), flags: '01' };
    const span = { ...parent, spanId: newSpanId() };
    const headers = new Headers(init.headers);
    headers.set('traceparent', formatTraceparent(span));
    // Of another trace than the one that is sent.
    headers.delete('tracestate');
    if (tracestate !== undefined) headers.set('tracestate', tracestate);
    const startedMs = performance.now();
    const settle = (status: string): void => {
      const durationMs = performance.now() - startedMs;
      options.onCall({ target, method, status, durationMs });
      const { traceId, spanId } = span;
      const facts = { traceId, spanId, parentSpanId: parent?.spanId, target, method, status, durationMs };
      options.log().debug(facts, 'external call');
    };
    try {
      const response = await (options.fetch ?? globalThis.fetch)(url, { ...init, headers, signal });
      settle(`${Math.floor(response.status / 100)}xx`);
      return response;
    } catch (error) {
      settle(signal.aborted ? 'aborted' : 'error');
      throw error;
    }
  };
};
