// The metrics of components: a part of metric-catalogue.ts, which is what everybody else imports.

import type { MetricDefinition, Program } from './metric-definition.ts';

const component: readonly Program[] = ['component'];

export const componentMetrics = {
  componentCommands: {
    name: 'opstream_component_commands_total',
    kind: 'counter',
    labels: ['result'],
    programs: component,
    help: 'commands that arrived: kept, ignored (old news), retried, or dead (set aside)',
  },
  componentQueries: {
    name: 'opstream_component_queries_total',
    kind: 'counter',
    labels: ['result'],
    programs: component,
    help: 'queries to the component: answered, refused or failed',
  },
  reconciles: {
    name: 'opstream_component_reconciles_total',
    kind: 'counter',
    labels: ['result'],
    programs: component,
    help: 'reconciles: succeeded, failed (tried again), terminal (tried again later), conflict (run again), or hung (given up on)',
  },
  reconcileDuration: {
    name: 'opstream_component_reconcile_duration_seconds',
    kind: 'histogram',
    labels: [],
    programs: component,
    help: 'one reconcile',
  },
  statusesWritten: {
    name: 'opstream_component_statuses_written_total',
    kind: 'counter',
    labels: [],
    programs: component,
    help: 'status events that were stored; equal ones are not',
  },
  keysWaiting: {
    name: 'opstream_component_keys_waiting',
    kind: 'gauge',
    labels: [],
    programs: component,
    help: 'entities that wait for a worker',
  },
  keysWorking: {
    name: 'opstream_component_keys_working',
    kind: 'gauge',
    labels: [],
    programs: component,
    help: 'reconciles under way',
  },
  keysDelayed: {
    name: 'opstream_component_keys_delayed',
    kind: 'gauge',
    labels: [],
    programs: component,
    help: 'entities that wait for their time',
  },
  isLeader: {
    name: 'opstream_component_is_leader',
    kind: 'gauge',
    labels: [],
    programs: component,
    help: '1 while this replica leads',
  },
  externalCalls: {
    name: 'opstream_component_external_calls_total',
    kind: 'counter',
    labels: ['target', 'method', 'status'],
    programs: component,
    help: 'calls of the outside by host and class of the answer: 2xx to 5xx, aborted, or error (no answer)',
  },
  externalCallDuration: {
    name: 'opstream_component_external_call_duration_seconds',
    kind: 'histogram',
    labels: ['target', 'method'],
    programs: component,
    help: 'from a call of the outside to the head of its answer',
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
