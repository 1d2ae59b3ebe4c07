// The context of one reconcile. Its signal and logger are made when somebody asks for them: most reconciles are short and many.

import type { Log } from '../engine/ports.ts';
import { createTracedFetch, type ExternalCall, type TracedFetch } from './traced-fetch.ts';
import type { ReconcileContext, ReconcileRequest } from './types.ts';

export type RunningReconcile = {
  readonly context: ReconcileContext;
  readonly startedMs: number;
  readonly aborted: boolean;
  abort(reason: unknown): void;
};

export type RunningOptions = {
  readonly request: ReconcileRequest;
  readonly attempt: number;
  readonly fence: number;
  readonly traceparent: string | undefined;
  readonly log: Log;
  readonly startedMs: number;
  onExternalCall?(call: ExternalCall): void;
  hold(forMs: number): void;
};

export const startReconcile = (options: RunningOptions): RunningReconcile => {
  const { request, attempt, fence, traceparent, log, startedMs } = options;
  let controller: AbortController | undefined;
  let child: Log | undefined;
  let traced: TracedFetch | undefined;
  let stop: { readonly reason: unknown } | undefined;
  const signal = (): AbortSignal => {
    if (controller === undefined) {
      controller = new AbortController();
      if (stop !== undefined) controller.abort(stop.reason);
    }
    return controller.signal;
  };
  const ownLog = (): Log => {
    child ??= log.child({ key: request.key, attempt });
    return child;
  };
  return {
    startedMs,
    get aborted() {
      return stop !== undefined;
    },
    abort: (reason) => {
      stop ??= { reason };
      controller?.abort(stop.reason);
    },
    context: {
      attempt,
      fence,
      hold: (forMs) => options.hold(forMs),
      ...(traceparent === undefined ? {} : { traceparent }),
      get signal() {
        return signal();
      },
      get log() {
        return ownLog();
      },
      get fetch() {
        traced ??= createTracedFetch({
          traceparent,
          signal,
          log: ownLog,
          onCall: (call) => options.onExternalCall?.(call),
        });
        return traced;
      },
    },
  };
};
