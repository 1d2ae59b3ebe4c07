// A command-handler on streams in memory: the real executor, aggregates and outcomes. Two of them on one `memoryEvents` are two copies
// on one server. A test can look at what is stored, write behind a handler's back, and fail single appends.

import { createAggregates } from '../../src/engine/commands/aggregates.ts';
import type { CommandRequest } from '../../src/engine/commands/command-request.ts';
import {
  createCommandExecutor,
  type CommandExecutor,
  type ExecuteOptions,
} from '../../src/engine/commands/execute-command.ts';
import { createOutcomes } from '../../src/engine/history/outcomes.ts';
import type { Relations } from '../../src/engine/commands/relations.ts';
import { createChannelClaims } from '../../src/engine/commands/channel-claims.ts';
import type { Census } from '../../src/engine/evolution/census.ts';
import { createJqRunner } from '../../src/jq/jq-runner.ts';
import { createSnapshots } from '../../src/engine/history/snapshots.ts';
import { createSpecSchemas } from '../../src/engine/commands/spec-schemas.ts';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { Fault } from '../../src/core/fault.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Appender, AppendMessage, StoredMessage, StreamReader } from '../../src/engine/ports/streams.ts';
import type { Clock } from '../../src/engine/ports/clock.ts';
import type { KeyValueStore } from '../../src/engine/ports/buckets.ts';
import { NOTHING_LEFT } from '../../src/messages/left-behind.ts';
import type { Receipt, Verb } from '../../src/messages/commands.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { filterMatches } from '../../src/jetstream/channel-position.ts';
import { manualClock } from './memory-ports.ts';
import { silentLog } from './silent-log.ts';

const names = namesFor('opstream');

export const memoryEvents = () => {
  const kept: StoredMessage[] = [];
  const on = (filter: string) => (message: StoredMessage) =>
    /[*>]/.test(filter) ? filterMatches(filter, message.subject) : message.subject === filter;
  const lastOf = (subject: string) => kept.findLast(on(subject));
  const stream = {
    kept,
    reads: 0,
    messagesRead: 0,
    /** Called before each append; may store something else first, or throw. */
    beforeAppend: undefined as ((messages: readonly AppendMessage[]) => void | Promise<void>) | undefined,
    /** Called before each read of a subject; what it stores is seen by that read. */
    beforeRead: undefined as ((subject: string) => Promise<void>) | undefined,
    /** Called after each append; throw to lose the answer. */
    afterAppend: undefined as (() => void) | undefined,
    store: (messages: readonly AppendMessage[]): readonly number[] => {
      for (const { subject, expectedLastSequence, expectedSubject = subject } of messages) {
        const last = lastOf(expectedSubject)?.sequence ?? 0;
        if (expectedLastSequence === undefined || expectedLastSequence === last) continue;
        throw new Fault('JS_CONFLICT', 'not the last');
      }
      return messages.map(({ subject, data }) =>
        kept.push({ sequence: kept.length + 1, subject, data, timeMs: 0, header: () => undefined }),
      );
    },
    json: (): readonly JsonObject[] => kept.map(({ data }) => decodeJson(data) as JsonObject),
  };
  const appender: Appender = {
    pending: 0,
    append: async (messages) => {
      await Promise.resolve();
      await stream.beforeAppend?.(messages);
      const sequences = stream.store(messages);
      stream.afterAppend?.();
      return sequences;
    },
  };
  const reader: StreamReader = {
    readSubject: async (subject, { fromSequence = 1, limit = Number.POSITIVE_INFINITY } = {}) => {
      stream.reads += 1;
      await stream.beforeRead?.(subject);
      const found: StoredMessage[] = [];
      for (let index = fromSequence - 1; index < kept.length && found.length < limit; index += 1) {
        const message = kept[index];
        if (message !== undefined && on(subject)(message)) found.push(message);
      }
      stream.messagesRead += found.length;
      return found;
    },
    readLast: async (subject) => {
      stream.reads += 1;
      return lastOf(subject);
    },
    lastSequence: async () => kept.length,
  };
  return Object.assign(stream, { appender, reader });
};

export type MemoryEvents = ReturnType<typeof memoryEvents>;
export type MemoryHandler = {
  readonly executor: CommandExecutor;
  readonly clock: Clock & { advance(byMs: number): void };
  send(verb: Verb, body: unknown, request?: Partial<CommandRequest>, how?: Partial<ExecuteOptions>): Promise<Receipt>;
};

let ids = 0;

/** Starts nothing before a type with a filter is used, and keeps no test alive. */
const jqRunner = createJqRunner({ maxWorkers: 1 });

/** `relations`: what the query-responder and OPSTREAM_STATUS would say. */
export const memoryHandler = (
  events: MemoryEvents,
  outcomeStream: MemoryEvents = memoryEvents(),
  relations: Partial<Relations> = {},
  noResources: Census = { judgeAll: async () => [] },
  /** Whether the outcomes of other copies have arrived here. */
  isBehind = false,
  /** Where snapshots are kept; default: there are none. */
  snapshotStore?: Pick<KeyValueStore, 'get' | 'commit'>,
): MemoryHandler => {
  const clock = manualClock();
  const executor = createCommandExecutor({
    names,
    aggregates: createAggregates({
      ...{ names, reader: events.reader, clock },
      ...(snapshotStore === undefined
        ? {}
        : { snapshots: createSnapshots({ names, reader: events.reader, store: snapshotStore, log: silentLog }) }),
    }),
    appender: events.appender,
    outcomes: createOutcomes({ names, reader: outcomeStream.reader, appender: outcomeStream.appender, clock }),
    outcomeIndex: { mayHave: () => !isBehind, add: () => undefined },
    schemas: createSpecSchemas(),
    ids: { next: () => `id-${(ids += 1)}` },
    clock,
    census: noResources,
    jq: jqRunner,
    claims: createChannelClaims(names, events.reader),
    relations: {
      dependentsOf: async () => NOTHING_LEFT,
      lastStatusOf: async () => undefined,
      statusAt: async () => undefined,
      operatorNames: async () => [],
      usersOfSecret: async () => ({ total: 0, operators: [] }),
      storageLeftBy: async () => [],
      ...relations,
    },
  });
  return {
    executor,
    clock,
    send: (verb, body, request = {}, how = {}) => {
      const commandId = request.commandId ?? `command-${(ids += 1)}`;
      return executor.execute(
        {
          verb,
          commandId,
          isIdGiven: true,
          actor: 'iamgroot',
          correlationId: commandId,
          causationId: commandId,
          workspace: 'public',
          isDryRun: false,
          body: body instanceof Uint8Array ? body : encodeJson(body),
          ...request,
        },
        { keepOutcome: false, ...how },
      );
    },
  };
};
