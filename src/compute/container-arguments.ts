// The command line of `run` for one instance. Pure. No secret is on it, because everybody on the machine can read command lines: variables
// come from a file, or, when their value does not fit into a line of one, from the environment of the engine's own process.

import { Fault } from '../core/fault.ts';
import type { InstanceSpec } from '../engine/supervision/ports.ts';
import { LABELS } from './container-facts.ts';

/** Where a container finds the files with its secrets. */
export const SECRETS_MOUNT = '/run/secrets/opstream';
export const AT_WORK_MOUNT = '/run/opstream-at-work';
const METRICS = 'metrics';
const MAX_FILE_LINE = 16 * 1024;
/** Where a component that takes any port for its metrics serves them inside a container. */
const DEFAULT_METRIC_PORT = 9464;

const refuse = (message: string): Fault => new Fault('COMPONENT_NOT_STARTABLE', message);

/** Whether the flags of `run` put containers on the host's network: then there is nothing to publish. */
export const isHostNetwork = (runFlags: readonly string[]): boolean =>
  runFlags.some((flag, index) =>
    /^--net(?:work)?$/.test(flag) ? runFlags[index + 1] === 'host' : /^--net(?:work)?=host$/.test(flag),
  );

/** Ports that the component should listen on, by name. On the host's network they are found by `free`; else they are the wanted ones. */
export const portsOf = (
  spec: Pick<InstanceSpec, 'ports' | 'environment'>,
  given: (wanted: number) => number,
): { readonly ports: Readonly<Record<string, number>>; readonly metricPort: number | undefined } => {
  const wantedMetric = spec.environment['METRIC_PORT'] ?? '';
  const metricPort = /^\d{1,5}$/.test(wantedMetric) ? given(Number(wantedMetric)) : undefined;
  const named = Object.fromEntries(spec.ports.map(({ name, targetPort }) => [name, given(targetPort)]));
  const isNamed = metricPort === undefined || Object.values(named).includes(metricPort);
  return { ports: isNamed ? named : { ...named, [METRICS]: metricPort }, metricPort };
};

export const ownPort = (wanted: number): number => (wanted === 0 ? DEFAULT_METRIC_PORT : wanted);

/** The port of the machine that is to lead to a port of a container in a network of its own; of two names for one port the first. */
export const servicePortsOf = ({ ports }: Pick<InstanceSpec, 'ports'>): ReadonlyMap<number, number> =>
  new Map(ports.map(({ servicePort, targetPort }) => [targetPort, servicePort] as const).toReversed());

/** What the engine, its runtime or the loader of programs would take for its own. */
const ENGINES_OWN =
  /^(?:PATH|HOME|TMPDIR|SHELL|IFS|LANG|LC_\w+|LD_\w+|GO\w+|XDG_\w+|DOCKER_\w+|CONTAINERS?_\w+|PODMAN_\w+|BUILDAH_\w+|STORAGE_\w+|REGISTR\w+|DBUS_\w+|SSL_\w+|SSH_\w+|NOTIFY_\w+|LISTEN_\w+|_\w+)$|_proxy$/i;

/**
 * Which variables go into a file for `--env-file`, which has one line for each and takes it as it is, and which must be handed on from the
 * environment of the engine's process: those of several lines. Faults: COMPONENT_NOT_STARTABLE.
 */
export const splitVariables = (
  variables: Readonly<Record<string, string>>,
): { readonly fileText: string; readonly handedOn: Readonly<Record<string, string>> } => {
  const lines: string[] = [];
  const handedOn: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (!/^[^\s=#*][^\s=*]*$/.test(name)) throw refuse(`an environment variable cannot be called "${name}"`);
    if (value.includes('\0')) throw refuse(`the environment variable ${name} holds a zero byte`);
    if (!/[\r\n]/.test(value) && value.length <= MAX_FILE_LINE) {
      lines.push(`${name}=${value}\n`);
      continue;
    }
    if (ENGINES_OWN.test(name)) {
      const problem = `the environment variable ${name} has several lines, or is too long, and means something to the container engine`;
      throw refuse(`${problem}; use another name, or a secret with consumptionType file`);
    }
    handedOn[name] = value;
  }
  return { fileText: lines.join(''), handedOn };
};

export type RunParts = {
  readonly spec: InstanceSpec;
  readonly prefix: string;
  readonly home: string;
  readonly name: string;
  readonly runFlags: readonly string[];
  readonly ports: Readonly<Record<string, number>>;
  /** Ports of the machine by port of the container; absent: any free one, which the engine chooses. */
  readonly hostPorts: ReadonlyMap<number, number>;
  readonly envFile: string;
  /** The engine writes the container's id into it when it has made it. */
  readonly idFile: string;
  readonly handedOn: readonly string[];
  readonly secretsFolder: string;
  readonly atWorkFile: string;
  readonly maxLogBytes: number;
};

/** Faults: COMPONENT_NOT_STARTABLE. */
export const runArguments = (parts: RunParts): readonly string[] => {
  const { spec, prefix, home, name, runFlags, ports, hostPorts, envFile, idFile, handedOn, secretsFolder } = parts;
  const { id, operator, component, replica, revision, image, command } = spec;
  if (image === undefined) throw refuse('a container needs an image, and the component names none');
  if (image === '' || image.startsWith('-')) throw refuse(`"${image}" cannot be the name of an image`);
  if (/[,"\n]/.test(secretsFolder) || /[,"\n]/.test(parts.atWorkFile))
    throw refuse(
      `the folder ${secretsFolder} cannot be mounted for its commas or quotes; choose another OPSTREAM_DATA`,
    );
  const labels = {
    [LABELS.prefix]: prefix,
    [LABELS.home]: home,
    [LABELS.instance]: id,
    [LABELS.operator]: operator,
    [LABELS.component]: component,
    [LABELS.replica]: String(replica),
    [LABELS.revision]: revision,
    [LABELS.ports]: JSON.stringify(ports),
  };
  const [entrypoint, ...before] = command;
  const published = isHostNetwork(runFlags) ? [] : [...new Set(Object.values(ports))];
  return [
    ...['run', '--detach', '--pull', 'never', '--name', name, '--restart', 'no'],
    // podman takes json-file for its own k8s-file; the default of either may be the journal, which is not ours to read.
    ...['--log-driver', 'json-file', '--log-opt', `max-size=${Math.ceil(parts.maxLogBytes / 1_048_576)}m`],
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...['--cidfile', idFile, '--env-file', envFile],
    ...handedOn.flatMap((variable) => ['--env', variable]),
    ...['--mount', `type=bind,source=${secretsFolder},destination=${SECRETS_MOUNT},readonly`],
    ...['--mount', `type=bind,source=${parts.atWorkFile},destination=${AT_WORK_MOUNT}`],
    // Only this machine can reach them.
    ...published.flatMap((port) => ['--publish', `127.0.0.1:${hostPorts.get(port) ?? ''}:${port}`]),
    ...runFlags,
    ...(entrypoint === undefined ? [] : ['--entrypoint', entrypoint]),
    image,
    ...before,
    ...spec.arguments,
  ];
};
