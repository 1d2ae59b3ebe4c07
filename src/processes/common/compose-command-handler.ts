// The command-handler over the ports of a server: both doors, and all that deciding needs. Called by processes/command-handler.ts.

import { createAggregates } from '../../engine/commands/aggregates.ts';
import { createChannelClaims } from '../../engine/commands/channel-claims.ts';
import { createCommandDoors } from '../../engine/commands/command-doors.ts';
import { APPEND_DEADLINE_MS, createCommandExecutor } from '../../engine/commands/execute-command.ts';
import { createLeftStorage } from '../../engine/commands/left-storage.ts';
import { createOutcomeIndex } from '../../engine/commands/outcome-index.ts';
import { createRelations } from '../../engine/commands/relations.ts';
import { createSpecSchemas } from '../../engine/commands/spec-schemas.ts';
import { createCensus } from '../../engine/evolution/census.ts';
import { lastOperatorStatus } from '../../engine/history/last-operator-status.ts';
import { createOutcomes } from '../../engine/history/outcomes.ts';
import { createSnapshots } from '../../engine/history/snapshots.ts';
import { whileLeading } from '../../engine/loops/lead.ts';
import type { JqRunner } from '../../engine/ports/jq.ts';
import type { Vault } from '../../engine/ports/vault.ts';
import type { Fault } from '../../core/fault.ts';
import { verbs } from '../../messages/commands.ts';
import { VERSION, type ProgramParts } from './program-parts.ts';

export type CommandHandlerOptions = {
  readonly vault: Vault;
  readonly jq: JqRunner;
  /** A Fault in better words, for the one who gets it as the answer. */
  explain?(fault: Fault): Fault;
  readonly signal: AbortSignal;
  /** Requests are served. */
  onServing(): void;
};

const createDoors = (parts: ProgramParts, { vault, jq, explain, signal }: CommandHandlerOptions) => {
  const { names, ports, clock, ids, log, metrics, deadLetters } = parts;
  const { streams, buckets } = names;
  const reader = ports.wholeReader(streams.events);
  // They are learned from the first question on.
  reader.subjects.mayHave('');
  const outcomes = createOutcomes({
    names,
    reader: ports.leaderReader(streams.outcomes),
    appender: parts.appenderOf(streams.outcomes),
    clock,
  });
  const outcomeIndex = createOutcomeIndex({ names, follower: ports.follower(streams.outcomes), log });
  // What was reported last decides whether a deletion ends: a replica that is behind would not know.
  const statuses = { ...ports.limitedReader(streams.status), ...ports.leaderReader(streams.status) };
  const claims = createChannelClaims(names, reader);
  const executor = createCommandExecutor({
    names,
    aggregates: createAggregates({
      ...{ names, reader, clock, lastOnLeader: reader.lastOnLeader, subjects: reader.subjects },
      snapshots: createSnapshots({ ...{ names, reader, log }, store: ports.bucket(buckets.snapshots) }),
    }),
    appender: ports.appender(streams.events, { deadlineMs: APPEND_DEADLINE_MS }),
    outcomes,
    outcomeIndex,
    schemas: createSpecSchemas(),
    vault,
    ids,
    clock,
    metrics,
    census: createCensus({
      ...{ names, events: reader, requester: ports.requester },
      entities: ports.bucket(buckets.entities),
    }),
    jq,
    claims,
    checkWhole: reader.checkWhole,
    relations: createRelations({
      names,
      events: reader,
      statuses,
      requester: ports.requester,
      clock,
      storageLeftBy: createLeftStorage({
        ...{ prefix: names.prefix, claims, storage: ports.storage(names.prefix) },
        hasOwnServer: async ({ name }) =>
          (await lastOperatorStatus(statuses, names, name)).status?.nats?.location === 'own',
      }),
    }),
  });
  const doors = createCommandDoors({
    ...{ executor, outcomes, ids, clock, log, deadLetters, metrics },
    commandStream: streams.commands,
    erase: ports.eraser(streams.commands),
    ...(explain === undefined ? {} : { explain }),
  });
  return { doors, following: outcomeIndex.follow(signal) };
};

/** Resolves when `signal` aborts. */
export const runCommandHandler = async (parts: ProgramParts, options: CommandHandlerOptions): Promise<void> => {
  const { names, ports, clock, log, leases, holder } = parts;
  const { signal } = options;
  const { doors, following } = createDoors(parts, options);
  const service = await ports.services.serve({
    name: names.services.commandHandler,
    version: VERSION,
    description: 'Commands on operators and resources; the reply is a receipt',
    endpoints: [
      ...verbs.map((verb) => ({ name: verb, subject: names.rpc(verb) })),
      { name: 'internal-finalize', subject: names.internal('finalize') },
    ],
    stats: () => parts.stats(),
    onRequest: (request) => {
      doors
        .answerRequest(request)
        .catch((error: unknown) => log.error({ err: error }, 'request could not be answered'));
    },
  });
  options.onServing();
  log.info({ service: names.services.commandHandler }, 'ready');
  await whileLeading({
    ...{ leases, name: 'command-intake', holder, ttlMs: parts.leaseTtlMs, clock, log, signal },
    work: (_lease, leading) =>
      doors.consumeDurable(ports.workQueue(names.streams.commands, 'command-handler'), leading),
  });
  await following;
  await service.stop();
};
