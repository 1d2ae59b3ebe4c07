// The context of one reconcile. Its signal and logger are made when somebody asks for them: most reconciles are short and many.

import type { Log } from '../engine/ports/log.ts';
import { createTracedFetch, type ExternalCall, type TracedFetch } from './traced-fetch.ts';
import type { OController, ReconcileContext, ReconcileRequest } from './types.ts';

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
  readonly controller: OController;
  readonly traceparent: string | undefined;
  readonly tracestate?: string | undefined;
  readonly log: Log;
  readonly startedMs: number;
  onExternalCall?(call: ExternalCall): void;
  hold(forMs: number): void;
};

/** What a context and its owner share: whether it is to stop, and the controller once somebody has asked for a signal. */
type Stopping = { stop?: { readonly reason: unknown }; controller?: AbortController };

// Classes, because a literal with getters is made anew getter by getter: of these each is made once.
class Context implements ReconcileContext {
  readonly attempt: number;
  readonly fence: number;
  readonly controller: OController;
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly #options: RunningOptions;
  readonly #stopping: Stopping;
  #log: Log | undefined;
  #fetch: TracedFetch | undefined;

  constructor(options: RunningOptions, stopping: Stopping) {
    this.attempt = options.attempt;
    this.fence = options.fence;
    this.controller = options.controller;
    if (options.traceparent !== undefined) this.traceparent = options.traceparent;
    if (options.tracestate !== undefined) this.tracestate = options.tracestate;
    this.#options = options;
    this.#stopping = stopping;
  }

  /** An own function, so that an author may take it out of the context. */
  readonly hold = (forMs: number): void => this.#options.hold(forMs);

  get signal(): AbortSignal {
    const stopping = this.#stopping;
    if (stopping.controller === undefined) {
      stopping.controller = new AbortController();
      if (stopping.stop !== undefined) stopping.controller.abort(stopping.stop.reason);
    }
    return stopping.controller.signal;
  }

  get log(): Log {
    const { log, request } = this.#options;
    this.#log ??= log.child({ key: request.key, attempt: this.attempt });
    return this.#log;
  }

  get fetch(): TracedFetch {
    this.#fetch ??= createTracedFetch({
      traceparent: this.#options.traceparent,
      tracestate: this.#options.tracestate,
      signal: () => this.signal,
      log: () => this.log,
      onCall: (call) => this.#options.onExternalCall?.(call),
    });
    return this.#fetch;
  }
}

class Running implements RunningReconcile {
  readonly context: ReconcileContext;
  readonly startedMs: number;
  readonly #stopping: Stopping = {};

  constructor(options: RunningOptions) {
    this.context = new Context(options, this.#stopping);
    this.startedMs = options.startedMs;
  }

  get aborted(): boolean {
    return this.#stopping.stop !== undefined;
  }

  abort(reason: unknown): void {
    this.#stopping.stop ??= { reason };
    this.#stopping.controller?.abort(this.#stopping.stop.reason);
  }
}

export const startReconcile = (options: RunningOptions): RunningReconcile => new Running(options);
