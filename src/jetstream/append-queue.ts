// The appends that wait to be sent, and which of them may go together. Appends with a subject in common keep their order.

import type { Fault } from '../core/fault.ts';
import type { AppendMessage } from '../engine/ports/streams.ts';

/** One append on its way. */
export type Unit = {
  readonly messages: readonly AppendMessage[];
  readonly deadlineMs: number;
  readonly resolve: (sequences: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
  /** Attempts that were answered by a failure or not at all. */
  failures: number;
  /** Calls it off. */
  readonly signal: AbortSignal | undefined;
  /** Its caller has been told how it ended: it is sent no more. */
  isOver: boolean;
  /** Who tries it again, told how the attempt ended: the sequence of its first message, or why not. Undefined: it is tried for the first time. */
  onAnswer: ((result: number | Fault) => void) | undefined;
};

const MAX_GROUP_BYTES = 4 * 1024 * 1024;
/** Looking further than this for appends that fit costs more than it gains. */
const MAX_LOOKED_AT = 4096;

/** A batch in the making. */
const createGroup = (maxMessages: number) => {
  const units: Unit[] = [];
  const inGroup = new Set<string>();
  const blocked = new Set<string>();
  let count = 0;
  let bytes = 0;
  const joins = ({ subject, expectedLastSequence }: AppendMessage): boolean =>
    !blocked.has(subject) && (expectedLastSequence === undefined || !inGroup.has(subject));

  return {
    units: units as readonly Unit[],
    count: () => count,
    isFull: () => count >= maxMessages || bytes >= MAX_GROUP_BYTES,
    /** False: it has to wait, and so has whatever has a subject in common with it. */
    takes: (unit: Unit): boolean => {
      const { messages } = unit;
      const fits = units.length === 0 || count + messages.length <= maxMessages;
      const isTaken = fits && messages.every(joins);
      for (const { subject } of messages) (isTaken ? inGroup : blocked).add(subject);
      if (!isTaken) return false;
      units.push(unit);
      count += messages.length;
      for (const { data } of messages) bytes += data.length;
      return true;
    },
  };
};

export type AppendQueue = ReturnType<typeof createAppendQueue>;

export const createAppendQueue = () => {
  let units: Unit[] = [];
  let head = 0;
  let messageCount = 0;

  const compact = (): void => {
    if (head < 1024 || head * 2 < units.length) return;
    units = units.slice(head);
    head = 0;
  };

  return {
    get length(): number {
      return units.length - head;
    },
    get messageCount(): number {
      return messageCount;
    },

    push: (unit: Unit): void => {
      units.push(unit);
      messageCount += unit.messages.length;
    },

    /** In front of all others, in the given order. */
    putBack: (back: readonly Unit[]): void => {
      units = [...back, ...units.slice(head)];
      head = 0;
      for (const unit of back) messageCount += unit.messages.length;
    },

    first: (): Unit | undefined => units[head],

    shift: (): Unit | undefined => {
      const unit = units[head];
      if (unit === undefined) return undefined;
      head += 1;
      messageCount -= unit.messages.length;
      compact();
      return unit;
    },

    /** Takes out what `isMeant`. */
    takeWhere: (isMeant: (unit: Unit) => boolean): readonly Unit[] => {
      const waiting = units.slice(head);
      const taken = waiting.filter(isMeant);
      units = taken.length === 0 ? waiting : waiting.filter((unit) => !isMeant(unit));
      head = 0;
      for (const unit of taken) messageCount -= unit.messages.length;
      return taken;
    },

    /**
     * Appends for one batch, in order: of a subject only the first message may carry an expected sequence. What does not fit is left, and
     * whatever has a subject in common with it waits behind it.
     */
    takeGroup: (maxMessages: number): readonly Unit[] => {
      const group = createGroup(maxMessages);
      const left: Unit[] = [];
      let index = head;
      for (; index < Math.min(units.length, head + MAX_LOOKED_AT) && !group.isFull(); index += 1) {
        const unit = units[index];
        if (unit !== undefined && !group.takes(unit)) left.push(unit);
      }
      units = left.length === 0 ? units : [...left, ...units.slice(index)];
      head = left.length === 0 ? index : 0;
      messageCount -= group.count();
      compact();
      return group.units;
    },
  };
};
