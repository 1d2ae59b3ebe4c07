// Which ports a container listens on, and which ports of the machine lead to them. On the host's network the two are the same: the ones that
// are asked for where these are free, else any free ones, as for processes. In a network of its own a container has the ports that it asks
// for, and a service port of the machine leads to a port where it is free; the engine chooses the rest.

import { Fault } from '../core/fault.ts';
import type { InstanceSpec } from '../engine/supervision/ports.ts';
import { ownPort, portsOf, servicePortsOf } from './container-arguments.ts';
import type { ContainerFacts } from './container-facts.ts';
import { freePort } from './free-ports.ts';

export type ContainerPortsOptions = {
  readonly isOnHost: boolean;
  /** All containers of this folder. Faults: COMPUTE_UNAVAILABLE. */
  containers(): Promise<readonly ContainerFacts[]>;
};

export const createContainerPorts = ({ isOnHost, containers }: ContainerPortsOptions) => ({
  /** Ports as the component finds them. Faults: COMPUTE_UNAVAILABLE. */
  give: async (spec: InstanceSpec): Promise<ReturnType<typeof portsOf>> => {
    if (!isOnHost) return portsOf(spec, ownPort);
    const given = new Map<number, number>();
    const taken = new Set<number>();
    const wanted = [Number(spec.environment['METRIC_PORT'] ?? NaN), ...spec.ports.map(({ targetPort }) => targetPort)];
    for (const port of wanted.filter(Number.isInteger)) {
      const free = given.get(port) ?? (await freePort(port, taken));
      if (free === undefined) throw new Fault('COMPUTE_UNAVAILABLE', `no free port for ${spec.component}`);
      taken.add(free);
      given.set(port, free);
    }
    return portsOf(spec, (port) => given.get(port) ?? port);
  },

  /** Its service ports that are free, by the port of the container: one replica at a time has them. Faults: COMPUTE_UNAVAILABLE. */
  publish: async (spec: InstanceSpec): Promise<ReadonlyMap<number, number>> => {
    const wanted = servicePortsOf(spec);
    if (isOnHost || wanted.size === 0) return new Map();
    // An engine may lead ports on without anybody listening there.
    const running = (await containers()).filter(({ phase }) => phase === 'running');
    const taken = new Set(running.flatMap(({ published }) => [...published.values()]));
    const free = new Map<number, number>();
    for (const [port, servicePort] of wanted) {
      if ((await freePort(servicePort, taken)) !== servicePort) continue;
      taken.add(servicePort);
      free.set(port, servicePort);
    }
    return free;
  },
});
