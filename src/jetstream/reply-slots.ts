// Requests over one inbox: a single wildcard subscription, a number per request, a callback per number. No promise, timer or stack trace
// for each request, as the client's own request() has: that is three to five times the throughput (measured; `npm run bench`).
//
// States of a slot: open (waiting) -> settled by a reply, by its deadline, or by the end of the connection. A slot that was opened
// with `many` stays open until the caller says that the last reply has come.

import { createInbox, type MsgHdrs, type Msg, type NatsConnection, type Subscription } from 'nats';
import { Fault } from '../core/fault.ts';
import { timedOut } from './faults.ts';

/** True: keep the slot open for further replies. */
export type OnReply = (message: Msg) => boolean | void;

type Slot = {
  readonly onReply: OnReply;
  readonly onFault: (fault: Fault) => void;
  readonly deadlineMs: number;
  readonly what: string;
  readonly timeoutMs: number;
};

const SWEEP_MS = 50;
export const DEFAULT_TIMEOUT_MS = 5000;

export type ReplySlots = ReturnType<typeof createReplySlots>;

export const createReplySlots = (nc: NatsConnection) => {
  const prefix = `${createInbox()}.`;
  const slots = new Map<number, Slot>();
  let next = 0;
  let timer: NodeJS.Timeout | undefined;

  const settle = (token: string, message: Msg): void => {
    const number = Number.parseInt(token, 36);
    const slot = slots.get(number);
    if (slot === undefined) return;
    if (message.data.length === 0 && message.headers?.code === 503) {
      slots.delete(number);
      slot.onFault(new Fault('NATS_NO_RESPONDERS', `${slot.what}: nobody serves this subject`));
      return;
    }
    if (slot.onReply(message) !== true) slots.delete(number);
  };

  const subscription: Subscription = nc.subscribe(`${prefix}*`, {
    callback: (error, message) => {
      if (error === null) settle(message.subject.slice(prefix.length), message);
    },
  });

  const sweep = (): void => {
    const nowMs = performance.now();
    for (const [number, slot] of slots) {
      if (slot.deadlineMs > nowMs) continue;
      slots.delete(number);
      slot.onFault(timedOut(slot.what, slot.timeoutMs));
    }
    if (slots.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const open = (onReply: OnReply, onFault: (fault: Fault) => void, what: string, timeoutMs: number): string => {
    next = (next + 1) % Number.MAX_SAFE_INTEGER;
    slots.set(next, { onReply, onFault, deadlineMs: performance.now() + timeoutMs, what, timeoutMs });
    timer ??= setInterval(sweep, SWEEP_MS);
    return prefix + next.toString(36);
  };

  return {
    get openCount(): number {
      return slots.size;
    },

    /** Publishes with a fresh reply subject. Exactly one of `onReply` (once, or while it returns true) and `onFault` ends it. */
    send: (
      subject: string,
      data: Uint8Array,
      options: {
        readonly headers?: MsgHdrs;
        readonly timeoutMs?: number;
        readonly onReply: OnReply;
        readonly onFault: (fault: Fault) => void;
      },
    ): void => {
      const reply = open(options.onReply, options.onFault, subject, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      try {
        nc.publish(subject, data, options.headers === undefined ? { reply } : { reply, headers: options.headers });
      } catch (error) {
        slots.delete(Number.parseInt(reply.slice(prefix.length), 36));
        options.onFault(new Fault('NATS_UNREACHABLE', `${subject}: the connection is closed`, { cause: error }));
      }
    },

    /** The same as a promise. */
    request: (
      subject: string,
      data: Uint8Array,
      options: { readonly headers?: MsgHdrs; readonly timeoutMs?: number } = {},
    ): Promise<Msg> =>
      new Promise((resolve, reject) => {
        const reply = open(resolve as OnReply, reject, subject, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
        try {
          nc.publish(subject, data, options.headers === undefined ? { reply } : { reply, headers: options.headers });
        } catch (error) {
          slots.delete(Number.parseInt(reply.slice(prefix.length), 36));
          reject(new Fault('NATS_UNREACHABLE', `${subject}: the connection is closed`, { cause: error }));
        }
      }),

    close: (): void => {
      clearInterval(timer);
      timer = undefined;
      for (const slot of slots.values())
        slot.onFault(new Fault('NATS_UNREACHABLE', `${slot.what}: the connection was closed`));
      slots.clear();
      subscription.unsubscribe();
    },
  };
};
