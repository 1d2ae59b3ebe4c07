// Every metric by name: the part of the published language that Prometheus reads. One table for the code that counts, the programs that
// expose (each all of its own, also those at zero) and the README (a test holds its table against this one).

import { componentMetrics } from './component-metrics.ts';
import { programs, type MetricDefinition, type Program } from './metric-definition.ts';

export { programs, type MetricDefinition, type Program } from './metric-definition.ts';

type Table = Readonly<Record<string, MetricDefinition>>;

const handler: readonly Program[] = ['command-handler'];
const projector: readonly Program[] = ['projector'];
const responder: readonly Program[] = ['query-responder'];
const runtime: readonly Program[] = ['operator-runtime'];
const writers: readonly Program[] = ['command-handler', 'projector', 'operator-runtime', 'component'];

export const metricCatalogue = {
  commands: {
    name: 'opstream_commands_total',
    kind: 'counter',
    labels: ['verb', 'door', 'result', 'code'],
    programs: handler,
    help: 'commands by answer: accepted, unchanged, rejected or failed (with the code), through the door rpc or cmd',
  },
  commandDuration: {
    name: 'opstream_command_duration_seconds',
    kind: 'histogram',
    labels: ['verb', 'door'],
    programs: handler,
    help: 'from the arrival of a command to its answer',
  },
  eventsAppended: {
    name: 'opstream_events_appended_total',
    kind: 'counter',
    labels: ['type'],
    programs: handler,
    help: 'events of desired state that were stored',
  },
  appendDuration: {
    name: 'opstream_append_duration_seconds',
    kind: 'histogram',
    labels: [],
    programs: handler,
    help: 'storing the events of one command, until the stream has confirmed them',
  },
  deliveries: {
    name: 'opstream_deliveries_total',
    kind: 'counter',
    labels: ['result'],
    programs: handler,
    help: 'durable commands taken from the queue: settled, set aside, parked, or to be repeated',
  },
  commandsParked: {
    name: 'opstream_commands_parked',
    kind: 'gauge',
    labels: [],
    programs: handler,
    help: 'durable commands that wait because what they are about is damaged, or behind such a one on the same thing',
  },
  eventsProjected: {
    name: 'opstream_events_projected_total',
    kind: 'counter',
    labels: ['projection'],
    programs: projector,
    help: 'stored messages that a projection has taken in',
  },
  projectionLag: {
    name: 'opstream_projection_lag',
    kind: 'gauge',
    labels: ['projection'],
    programs: projector,
    help: 'stored messages that a projection has yet to take in',
  },
  projectionBatchDuration: {
    name: 'opstream_projection_batch_duration_seconds',
    kind: 'histogram',
    labels: ['projection'],
    programs: projector,
    help: 'taking in one batch of messages, with the writing of documents',
  },
  queries: {
    name: 'opstream_queries_total',
    kind: 'counter',
    labels: ['verb', 'result', 'code'],
    programs: responder,
    help: 'queries by answer: answered, refused or failed (with the code)',
  },
  queryDuration: {
    name: 'opstream_query_duration_seconds',
    kind: 'histogram',
    labels: ['verb'],
    programs: responder,
    help: 'from the arrival of a query to its answer',
  },
  directoryRows: {
    name: 'opstream_directory_rows',
    kind: 'gauge',
    labels: [],
    programs: responder,
    help: 'operators and resources that lists are answered from',
  },
  eventsDispatched: {
    name: 'opstream_events_dispatched_total',
    kind: 'counter',
    labels: [],
    programs: runtime,
    help: 'events that were turned into commands to components, where one was due',
  },
  dispatchBatchDuration: {
    name: 'opstream_dispatch_batch_duration_seconds',
    kind: 'histogram',
    labels: [],
    programs: runtime,
    help: 'dispatching one batch of events, with the storing of commands',
  },
  dispatchLag: {
    name: 'opstream_dispatch_lag',
    kind: 'gauge',
    labels: [],
    programs: runtime,
    help: 'events that have yet to be dispatched',
  },
  commandsDispatched: {
    name: 'opstream_commands_dispatched_total',
    kind: 'counter',
    labels: ['operator', 'result'],
    programs: runtime,
    help: 'commands to components: stored on the channel, or failed (and tried again)',
  },
  commandsOwed: {
    name: 'opstream_commands_owed',
    kind: 'gauge',
    labels: [],
    programs: runtime,
    help: 'commands that wait because the channel of their operator does not work',
  },
  resourcesUnanswered: {
    name: 'opstream_resources_unanswered',
    kind: 'gauge',
    labels: [],
    programs: runtime,
    help: 'resources whose component has yet to report on their last event, at the last look',
  },
  commandsResent: {
    name: 'opstream_commands_resent_total',
    kind: 'counter',
    labels: ['operator'],
    programs: runtime,
    help: 'commands to components that were sent again because they were not answered',
  },
  statusesRelayed: {
    name: 'opstream_statuses_relayed_total',
    kind: 'counter',
    labels: ['operator'],
    programs: runtime,
    help: "statuses that came from an operator's own NATS server (natsClusterConfig)",
  },
  finalizations: {
    name: 'opstream_finalizations_total',
    kind: 'counter',
    labels: ['result'],
    programs: runtime,
    help: 'deletions that were finished, by what the command-handler answered: accepted or rejected',
  },
  ...componentMetrics,
  supervisedInstances: {
    name: 'opstream_supervised_instances',
    kind: 'gauge',
    labels: ['operator', 'state'],
    programs: runtime,
    help: 'instances of components that this copy supervises: starting, ready, unhealthy or exited',
  },
  supervisedStarts: {
    name: 'opstream_supervised_starts_total',
    kind: 'counter',
    labels: ['operator'],
    programs: runtime,
    help: 'instances of components that were started',
  },
  supervisedRestarts: {
    name: 'opstream_supervised_restarts_total',
    kind: 'counter',
    labels: ['operator'],
    programs: runtime,
    help: 'starts of what had run before, or could not be started before',
  },
  supervisedStartFailures: {
    name: 'opstream_supervised_start_failures_total',
    kind: 'counter',
    labels: ['operator', 'code'],
    programs: runtime,
    help: 'instances of components that could not be started',
  },
  deadLetters: {
    name: 'opstream_dead_letters_total',
    kind: 'counter',
    labels: ['source', 'code'],
    programs: writers,
    help: 'messages that could not be processed and were set aside',
  },
  leaseHeld: {
    name: 'opstream_lease_held',
    kind: 'gauge',
    labels: ['lease'],
    programs: writers,
    help: '1 while this copy holds the lease, 0 while it stands by',
  },
  natsConnected: {
    name: 'opstream_nats_connected',
    kind: 'gauge',
    labels: [],
    programs,
    help: '1 while the connection to NATS is up',
  },
  natsReconnects: {
    name: 'opstream_nats_reconnects_total',
    kind: 'counter',
    labels: [],
    programs,
    help: 'how often the connection to NATS came back',
  },
} as const satisfies Table;

export const metricsOf = (program: Program): readonly MetricDefinition[] =>
  Object.values<MetricDefinition>(metricCatalogue).filter((definition) => definition.programs.includes(program));
