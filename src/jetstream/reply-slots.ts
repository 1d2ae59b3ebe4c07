// Requests over one inbox: a single wildcard subscription, a number per request, a callback per number. No promise, timer or stack
// trace for each request, as the client's own request() has: that is three to five times the throughput (measured; `npm run bench`).
//
// States of a slot: open -> settled by a reply, by its deadline, by a disconnect, or by the end of the connection. A slot whose
// callback returns true stays open for further replies. While the connection is down, new requests are parked and sent when it is back:
// the client would drop what is published between two attempts to connect.

import { createInbox, type MsgHdrs, type Msg, type NatsConnection, type Subscription } from 'nats';
import { Fault } from '../core/fault.ts';
import { timedOut, toFault } from './faults.ts';
import { createOutbox } from './outbox.ts';

/** True: keep the slot open for further replies. */
export type OnReply = (message: Msg) => boolean | void;

type Slot = {
  readonly onReply: OnReply;
  readonly onFault: (fault: Fault) => void;
  readonly deadlineMs: number;
  readonly subject: string;
  readonly timeoutMs: number;
};

export type SendOptions = {
  readonly headers?: MsgHdrs;
  /** From the call to the last reply. Default 5000 ms. */
  readonly timeoutMs?: number;
  readonly onReply: OnReply;
  readonly onFault: (fault: Fault) => void;
};

const SWEEP_MS = 50;
export const DEFAULT_TIMEOUT_MS = 5000;
const NO_RESPONDERS = 503;

/** The client does not look: a line break in a subject would be protocol, a space would make its tail a reply subject. */
const unsafe = /[\s\0]/;
export const assertSubject = (subject: string): void => {
  if (subject === '' || unsafe.test(subject)) throw new Error(`not a subject: ${JSON.stringify(subject)}`);
};

const faultOf = (error: unknown, subject: string): Fault => {
  const known = toFault(error, subject);
  return known instanceof Fault ? known : new Fault('NATS_UNREACHABLE', `${subject}: not sent`, { cause: error });
};

const encodedLength = (headers: MsgHdrs): number => (headers as unknown as { encode(): Uint8Array }).encode().length;

export type ReplySlots = ReturnType<typeof createReplySlots>;

export const createReplySlots = (nc: NatsConnection) => {
  const prefix = `${createInbox()}.`;
  const slots = new Map<number, Slot>();
  const parked = new Map<number, () => void>();
  const outbox = createOutbox();
  let lastNumber = 0;
  let timer: NodeJS.Timeout | undefined;
  let isUp = true;

  const settle = (number: number, message: Msg): void => {
    const slot = slots.get(number);
    if (slot === undefined) return;
    if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) {
      slots.delete(number);
      slot.onFault(new Fault('NATS_NO_RESPONDERS', `${slot.subject}: nobody serves this subject`));
      return;
    }
    if (slot.onReply(message) !== true) slots.delete(number);
  };

  const subscription: Subscription = nc.subscribe(`${prefix}*`, {
    callback: (error, message) => {
      if (error === null) settle(Number(message.subject.slice(prefix.length)), message);
    },
  });

  const fail = (number: number, fault: Fault): void => {
    const slot = slots.get(number);
    slots.delete(number);
    parked.delete(number);
    slot?.onFault(fault);
  };
  const failWhere = (isMeant: (slot: Slot) => boolean, explain: (slot: Slot) => Fault): void => {
    for (const [number, slot] of [...slots]) if (isMeant(slot)) fail(number, explain(slot));
  };

  const sweep = (): void => {
    const nowMs = performance.now();
    for (const [number, slot] of slots) {
      if (slot.deadlineMs <= nowMs) fail(number, timedOut(slot.subject, slot.timeoutMs));
    }
    if (slots.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const send = (subject: string, data: Uint8Array, options: SendOptions): void => {
    assertSubject(subject);
    const { onReply, onFault, headers, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    lastNumber += 1;
    const number = lastNumber;
    slots.set(number, { onReply, onFault, deadlineMs: performance.now() + timeoutMs, subject, timeoutMs });
    timer ??= setInterval(sweep, SWEEP_MS).unref();
    const publish = (): void => {
      // Timed out, or the connection was lost, before its turn came: whoever wanted it has been told.
      if (!slots.has(number)) return;
      try {
        const reply = prefix + number;
        nc.publish(subject, data, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        // Too large, or the connection is closed.
        fail(number, faultOf(error, subject));
      }
    };
    if (isUp || nc.isClosed()) outbox.post(publish);
    else parked.set(number, publish);
  };

  return {
    /** Requests without an answer so far. */
    get openCount(): number {
      return slots.size;
    },

    /** Publishes with a fresh reply subject. Exactly one of `onReply` (once, or while it returns true) and `onFault` ends it. */
    send,

    /**
     * No answer wanted; may be lost while the connection is down. The Fault when the client refuses it: JS_TOO_LARGE,
     * NATS_UNREACHABLE (closed).
     */
    publish: (subject: string, data: Uint8Array, headers?: MsgHdrs): Fault | undefined => {
      assertSubject(subject);
      if (nc.isClosed()) return new Fault('NATS_UNREACHABLE', `${subject}: not sent, the connection is closed`);
      const sizeBytes = data.length + (headers === undefined ? 0 : encodedLength(headers));
      const maxBytes = nc.info?.max_payload ?? Number.POSITIVE_INFINITY;
      if (sizeBytes > maxBytes) {
        const text = `${subject}: expected at most ${maxBytes} bytes with headers, found ${sizeBytes}`;
        return new Fault('JS_TOO_LARGE', text, { retry: 'never' });
      }
      outbox.post(() => {
        if (!nc.isClosed()) nc.publish(subject, data, headers === undefined ? {} : { headers });
      });
      return undefined;
    },

    /** `send` as a promise. Faults: NATS_TIMEOUT, NATS_NO_RESPONDERS, NATS_UNREACHABLE. */
    request: (
      subject: string,
      data: Uint8Array,
      options: { readonly headers?: MsgHdrs; readonly timeoutMs?: number } = {},
    ): Promise<Msg> =>
      new Promise((resolve, reject) => {
        send(subject, data, { ...options, onReply: resolve, onFault: reject });
      }),

    /** The connection is lost: nobody will answer what was sent over it. What was not sent yet waits. */
    down: (): void => {
      isUp = false;
      const lost = [...slots].filter(([number]) => !parked.has(number));
      for (const [number, { subject }] of lost) {
        fail(number, new Fault('NATS_TIMEOUT', `${subject}: the connection was lost before the answer`));
      }
    },

    /** The connection is back. */
    up: (): void => {
      isUp = true;
      const waiting = [...parked.values()];
      parked.clear();
      for (const publish of waiting) publish();
    },

    /** The server does not let us publish to `subject`; it says so only on the side. */
    forbid: (subject: string): void => {
      const text = `${subject}: no permission to publish; grant it to this user`;
      failWhere(
        (slot) => slot.subject === subject,
        () => new Fault('JS_REFUSED', text, { retry: 'never' }),
      );
    },

    close: (): void => {
      outbox.flush();
      clearInterval(timer);
      timer = undefined;
      failWhere(
        () => true,
        ({ subject }) => new Fault('NATS_UNREACHABLE', `${subject}: the connection was closed`),
      );
      if (!nc.isClosed()) subscription.unsubscribe();
    },
  };
};
