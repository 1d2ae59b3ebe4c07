// Brings the image of an instance onto this machine when it is not there, with the credentials of its registry. Used by the container driver.

import { Fault } from '../core/fault.ts';
import type { Log } from '../engine/ports/log.ts';
import type { InstanceSpec } from '../engine/supervision/ports.ts';
import type { ContainerFiles } from './container-files.ts';
import { lastLine, type ContainerInventory } from './container-inventory.ts';
import type { Engine, EngineResult } from './engine-cli.ts';

const PULL_MS = 600_000;

/** The engine's reason goes into the message, all that it said into the details. */
export const notStartable = (message: string, { stderr }: EngineResult): Fault =>
  new Fault('COMPONENT_NOT_STARTABLE', `${message}: ${lastLine(stderr)}`, { details: { reason: stderr } });

export type ImageTools = {
  readonly engine: Engine;
  readonly files: ContainerFiles;
  readonly inventory: Pick<ContainerInventory, 'assertEngine'>;
  readonly log: Log;
};

/** Faults of the result: COMPONENT_NOT_STARTABLE (there is no such image, or it may not be had), COMPUTE_UNAVAILABLE. */
export const createImagePull =
  ({ engine, files, inventory, log }: ImageTools) =>
  async ({ id, image, registryConfig }: InstanceSpec): Promise<void> => {
    // The container's command line refuses it.
    if (image === undefined) return;
    const there = await engine.run(['image', 'inspect', '--format', '{{.Id}}', image]);
    if (there.code === 0) return;
    await inventory.assertEngine(there);
    log.info({ instance: id, image }, 'image is pulled');
    const run = (environment: Readonly<Record<string, string>>) =>
      engine.run(['pull', '--quiet', image], { timeoutMs: PULL_MS, environment, withProxies: true });
    const pulled =
      registryConfig === undefined
        ? await run({})
        : await files.withFile(id, 'config.json', registryConfig, (path) =>
            // The one is podman's, the other docker's.
            run({ REGISTRY_AUTH_FILE: path, DOCKER_CONFIG: path.slice(0, -'/config.json'.length) }),
          );
    if (pulled.code === 0) return;
    if (pulled.code === undefined)
      throw notStartable(`image ${image} is not on this machine, and pulling it took longer than ten minutes`, pulled);
    const how = registryConfig === undefined ? 'without credentials' : 'with the credentials of its imagePullSecret';
    throw notStartable(`image ${image} is not on this machine and cannot be pulled ${how}`, pulled);
  };
