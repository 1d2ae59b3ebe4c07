#!/usr/bin/env node
// The command-handler: answers opstream.rpc.<verb> (every copy, one queue group) and carries out opstream.cmd.<verb> (the copy that holds
// the lease `command-intake`). The only writer of OPSTREAM_EVENTS.

import { createAggregates } from '../engine/commands/aggregates.ts';
import { createCommandDoors } from '../engine/commands/command-doors.ts';
import { APPEND_DEADLINE_MS, createCommandExecutor } from '../engine/commands/execute-command.ts';
import { whileLeading } from '../engine/loops/lead.ts';
import { createOutcomeIndex } from '../engine/commands/outcome-index.ts';
import { createOutcomes } from '../engine/history/outcomes.ts';
import { createChannelClaims } from '../engine/commands/channel-claims.ts';
import { createLeftStorage } from '../engine/commands/left-storage.ts';
import { lastOperatorStatus } from '../engine/history/last-operator-status.ts';
import { createCensus } from '../engine/evolution/census.ts';
import { createSnapshots } from '../engine/history/snapshots.ts';
import { createRelations } from '../engine/commands/relations.ts';
import { createSpecSchemas } from '../engine/commands/spec-schemas.ts';
import { createAppender } from '../jetstream/appender.ts';
import { createEraser } from '../jetstream/erase-message.ts';
import { createFollower } from '../jetstream/follower.ts';
import { createKeyValueStore } from '../jetstream/key-value-store.ts';
import { createLeaderReader, createLimitedStreamReader } from '../jetstream/limited-stream.ts';
import { createOperatorStorage } from '../jetstream/operator-storage.ts';
import { createRequester } from '../jetstream/requester.ts';
import { createServiceHost } from '../jetstream/service-host.ts';
import { createWorkQueue } from '../jetstream/work-queue.ts';
import { createWholeStreamReader } from '../jetstream/whole-stream.ts';
import { createJqRunner } from '../jq/jq-runner.ts';
import { verbs } from '../messages/commands.ts';
import { runProcess } from '../program/lifecycle.ts';
import { openInstance, VERSION } from './common/open-instance.ts';
import { explainFault } from './common/store-problem.ts';
import { openVault } from './common/open-vault.ts';

await runProcess('command-handler', async (signal, context) => {
  const instance = await openInstance(context, signal, ['command-intake']);
  const { names, connection, clock, ids, leases, holder, config, log, appenderOf } = instance;
  const { streams } = names;
  const { metrics } = instance.vitals;
  let isServing = false;
  instance.vitals.need('the service is not registered yet', () => isServing);
  const reader = createWholeStreamReader(connection, streams.events);
  const outcomes = createOutcomes({
    names,
    reader: createLeaderReader(connection, streams.outcomes),
    appender: appenderOf(streams.outcomes),
    clock,
  });
  const outcomeIndex = createOutcomeIndex({ names, follower: createFollower(connection, streams.outcomes), log });
  const following = outcomeIndex.follow(signal);
  const jq = createJqRunner();
  // What was reported last decides whether a deletion ends: a replica that is behind would not know.
  const statuses = {
    ...createLimitedStreamReader(connection, streams.status),
    ...createLeaderReader(connection, streams.status),
  };
  const claims = createChannelClaims(names, reader);
  const executor = createCommandExecutor({
    names,
    aggregates: createAggregates({
      ...{ names, reader, clock },
      snapshots: createSnapshots({
        ...{ names, reader, log },
        store: createKeyValueStore(connection, names.buckets.snapshots),
      }),
    }),
    appender: createAppender(connection, streams.events, { deadlineMs: APPEND_DEADLINE_MS }),
    outcomes,
    outcomeIndex,
    schemas: createSpecSchemas(),
    vault: openVault(config),
    ids,
    clock,
    metrics,
    census: createCensus({
      ...{ names, events: reader, requester: createRequester(connection) },
      entities: createKeyValueStore(connection, names.buckets.entities),
    }),
    jq,
    claims,
    checkWhole: reader.checkWhole,
    relations: createRelations({
      names,
      events: reader,
      statuses,
      requester: createRequester(connection),
      clock,
      storageLeftBy: createLeftStorage({
        ...{ prefix: names.prefix, claims, storage: createOperatorStorage(connection, names.prefix) },
        hasOwnServer: async ({ name }) =>
          (await lastOperatorStatus(statuses, names, name)).status?.nats?.location === 'own',
      }),
    }),
  });
  const doors = createCommandDoors({
    executor,
    outcomes,
    ids,
    clock,
    log,
    deadLetters: instance.deadLetters,
    commandStream: streams.commands,
    erase: createEraser(connection, streams.commands),
    metrics,
    explain: (fault) => explainFault(config.storeFolder, holder, fault),
  });
  const service = await createServiceHost(connection, log).serve({
    name: names.services.commandHandler,
    version: VERSION,
    description: 'Commands on operators and resources; the reply is a receipt',
    endpoints: [
      ...verbs.map((verb) => ({ name: verb, subject: names.rpc(verb) })),
      { name: 'internal-finalize', subject: names.internal('finalize') },
    ],
    stats: () => instance.vitals.stats(),
    onRequest: (request) => {
      doors
        .answerRequest(request)
        .catch((error: unknown) => log.error({ err: error }, 'request could not be answered'));
    },
  });
  isServing = true;
  log.info({ service: names.services.commandHandler }, 'ready');
  await whileLeading({
    leases,
    name: 'command-intake',
    holder,
    ttlMs: config.leaseTtlMs,
    clock,
    log,
    signal,
    work: (_lease, leading) =>
      doors.consumeDurable(createWorkQueue(connection, streams.commands, 'command-handler'), leading),
  });
  await following;
  await service.stop();
  await jq.close();
  await connection.close();
});
