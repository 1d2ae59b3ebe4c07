// Durable commands that wait because the thing that they are about cannot be decided now: a document, an event or an outcome of it is damaged. They
// hold back those behind them on the same things, and nobody else. Called by command-doors.ts, once for each round of consuming. Nothing is
// stored: a round that ends gives all of them up, and the next one is delivered them again, in order.
//
// A command waits in a line for each thing that it is about, and is begun when it is the first in all its lines. The executor calls `begin` and
// `failed` while the command has these things for itself, and it has them in the order of the deliveries: so the lines are in that order too.

import { Fault } from '../../core/fault.ts';
import { isOfOneThing } from '../../core/stream-holes.ts';
import { refKey, type Ref } from '../../messages/subjects.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delivery } from '../ports/streams.ts';
import type { Sequencing } from './execute-command.ts';

/** Half of what a round may have in flight: the other half keeps moving. */
const MAX_PARKED = 128;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** Well within the time after which the server delivers again what nobody has settled. */
const WORKING_EVERY_MS = 10_000;

export type Place = Sequencing & {
  /** The command is tried again in this round, whatever it has failed with. */
  isParked(): boolean;
  /** Sequence of the command for which this one was not begun; undefined: it was begun. */
  behind(): number | undefined;
};

type Command = {
  /** The newest, when it was delivered again. */
  delivery: Delivery;
  /** Its lines; undefined: it is not parked. */
  things: readonly string[] | undefined;
  behind: number | undefined;
  /** How often it was begun in vain. */
  failures: number;
  isAtWork: boolean;
};

export type ParkedCommands = {
  /** Carries the delivery out, again and again if it is parked. In the order of the stream. */
  take(delivery: Delivery): void;
  /** Begins nothing that is parked any more. Resolves when nothing is being carried out. */
  end(): Promise<void>;
};

export const createParkedCommands = (options: {
  readonly clock: Clock;
  /** Nothing that is parked is begun after it has aborted. */
  readonly signal: AbortSignal;
  /** Aborted when a command fails that cannot be parked: no other is begun after it in this round. */
  readonly halted: AbortController;
  /** True: the delivery is settled. Never rejects. */
  carryOut(delivery: Delivery, place: Place): Promise<boolean>;
  onCount?(parked: number): void;
  /** Default 128. */
  readonly maxParked?: number;
}): ParkedCommands => {
  const { clock, halted, maxParked = MAX_PARKED } = options;
  const ended = new AbortController();
  const over = AbortSignal.any([options.signal, ended.signal]);
  const lines = new Map<string, Command[]>();
  const parked = new Map<number, Command>();
  const underWay = new Set<Promise<void>>();
  let isKeeping = false;

  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  };

  /** Tells the server that they are not forgotten. */
  const keepAll = async (): Promise<void> => {
    isKeeping = true;
    while (parked.size > 0 && !over.aborted) {
      await clock.sleep(WORKING_EVERY_MS, over);
      if (!over.aborted) for (const { delivery } of parked.values()) delivery.working();
    }
    isKeeping = false;
  };

  const hasRoom = (): boolean => parked.size < maxParked;

  const park = (command: Command, things: readonly string[]): void => {
    command.things = things;
    for (const thing of things) {
      const line = lines.get(thing);
      if (line === undefined) lines.set(thing, [command]);
      else line.push(command);
    }
    parked.set(command.delivery.sequence, command);
    command.delivery.working();
    options.onCount?.(parked.size);
    if (!isKeeping) track(keepAll());
  };

  const isFirst = (command: Command): boolean =>
    command.things?.every((thing) => lines.get(thing)?.[0] === command) === true;

  /** The first ones in the lines that it was in are begun, if they are the first in all of theirs. */
  const leave = (command: Command): void => {
    const { things } = command;
    if (things === undefined) return;
    command.things = undefined;
    parked.delete(command.delivery.sequence);
    options.onCount?.(parked.size);
    const next = new Set<Command>();
    for (const thing of things) {
      const line = lines.get(thing);
      line?.shift();
      if (line?.[0] === undefined) lines.delete(thing);
      else next.add(line[0]);
    }
    for (const one of next) if (!one.isAtWork && isFirst(one) && !over.aborted) track(carry(one));
  };

  const keysOf = (things: readonly Ref[]): readonly string[] => [...new Set(things.map(refKey))];

  const placeOf = (command: Command): Place => ({
    begin: (things) => {
      if (halted.signal.aborted) throw new Fault('JS_UNAVAILABLE', 'an earlier command has to be repeated first');
      if (command.things !== undefined || lines.size === 0) return;
      const keys = keysOf(things);
      const before = keys.map((key) => lines.get(key)?.at(-1)).find((one) => one !== undefined);
      if (before === undefined) return;
      const isTwice = parked.has(command.delivery.sequence);
      if (!isTwice && !hasRoom()) {
        halted.abort();
        throw new Fault('JS_UNAVAILABLE', `${maxParked} commands wait already for what is damaged`);
      }
      command.behind = before.delivery.sequence;
      if (!isTwice) park(command, keys);
      throw new Fault('JS_UNAVAILABLE', `it has to wait for command #${command.behind} on the same thing`);
    },
    failed: (things, error) => {
      if (command.things !== undefined) return;
      if (isOfOneThing(error) && hasRoom() && !halted.signal.aborted) park(command, keysOf(things));
      else halted.abort();
    },
    isParked: () => command.things !== undefined,
    behind: () => command.behind,
  });

  const carry = async (command: Command): Promise<void> => {
    command.isAtWork = true;
    do {
      command.behind = undefined;
      if (await options.carryOut(command.delivery, placeOf(command))) return leave(command);
      if (!isFirst(command)) break;
      // Who has only waited for another is begun at once.
      if (command.behind !== undefined) continue;
      command.failures += 1;
      await clock.sleep(Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (command.failures - 1)), over);
    } while (!over.aborted);
    command.isAtWork = false;
  };

  return {
    take: (delivery) => {
      const known = parked.get(delivery.sequence);
      if (known !== undefined) known.delivery = delivery;
      else track(carry({ delivery, things: undefined, behind: undefined, failures: 0, isAtWork: false }));
    },
    end: async () => {
      // Those that are not parked are on their way; each may still be parked, or let another one begin.
      ended.abort();
      while (underWay.size > 0) await Promise.all(underWay);
      options.onCount?.(0);
    },
  };
};
