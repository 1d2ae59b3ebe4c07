// What `inspect` of an engine says of a container, as far as the driver reads it. podman and docker agree on these fields; what is not there
// is taken for unknown. Pure.

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

export const LABELS = {
  prefix: 'io.opstream.prefix',
  /** Short hash of the data folder: instances of the same prefix on one machine do not meet. */
  home: 'io.opstream.home',
  instance: 'io.opstream.instance',
  operator: 'io.opstream.operator',
  component: 'io.opstream.component',
  replica: 'io.opstream.replica',
  revision: 'io.opstream.revision',
  /** JSON: ports of the container by name, `metrics` among them. */
  ports: 'io.opstream.ports',
} as const;

export type ContainerFacts = {
  readonly containerId: string;
  readonly name: string;
  readonly instance: string;
  /** `ready to start` is none of them: such a container counts as created. */
  readonly phase: 'created' | 'running' | 'exited';
  readonly createdMs: number;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly exitCode: number;
  readonly wasOutOfMemory: boolean;
  readonly ports: Readonly<Record<string, number>>;
  /** Port of the host by port of the container; empty on the host's network. */
  readonly published: ReadonlyMap<number, number>;
};

const RUNNING: readonly string[] = ['running', 'paused', 'stopping', 'restarting', 'removing'];
const CREATED: readonly string[] = ['created', 'configured', 'initialized', 'initialised'];

const objectIn = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {});
const textIn = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

/** 0 for what never was: engines write the year 1, or nothing. */
const timeIn = (value: JsonValue | undefined): number => Math.max(0, Date.parse(textIn(value)) || 0);

const publishedIn = (settings: JsonObject): ReadonlyMap<number, number> => {
  const published = new Map<number, number>();
  for (const [port, bindings] of Object.entries(objectIn(settings['Ports']))) {
    const first = Array.isArray(bindings) ? bindings[0] : undefined;
    const host = Number(textIn(objectIn(first as JsonValue)['HostPort']));
    if (host > 0) published.set(Number.parseInt(port, 10), host);
  }
  return published;
};

const portsIn = (label: string): Readonly<Record<string, number>> => {
  try {
    const value = JSON.parse(label) as JsonValue;
    const entries = Object.entries(objectIn(value));
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  } catch {
    return {};
  }
};

/** One element of the answer; undefined when it is no container of ours. */
export const containerFacts = (value: JsonValue): ContainerFacts | undefined => {
  const container = objectIn(value);
  const state = objectIn(container['State']);
  const labels = objectIn(objectIn(container['Config'])['Labels']);
  const instance = textIn(labels[LABELS.instance]);
  const containerId = textIn(container['Id']);
  if (instance === '' || containerId === '') return undefined;
  const status = textIn(state['Status']);
  const { ExitCode: exitCode } = state;
  return {
    containerId,
    instance,
    // docker begins it with a slash.
    name: textIn(container['Name']).replace(/^\//, ''),
    phase: RUNNING.includes(status) ? 'running' : CREATED.includes(status) ? 'created' : 'exited',
    createdMs: timeIn(container['Created']),
    startedMs: timeIn(state['StartedAt']),
    finishedMs: timeIn(state['FinishedAt']),
    exitCode: typeof exitCode === 'number' ? exitCode : 0,
    wasOutOfMemory: state['OOMKilled'] === true,
    ports: portsIn(textIn(labels[LABELS.ports])),
    published: publishedIn(objectIn(container['NetworkSettings'])),
  };
};
