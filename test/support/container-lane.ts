// A container driver for one test, on the engine of its file and a data folder of its own, with what the tests ask of it again and again.

import { createContainerDriver, endContainers } from '../../src/compute/container-driver.ts';
import { homeOf } from '../../src/compute/container-files.ts';
import type { InstanceSpec, InstanceState, LogLine } from '../../src/engine/supervision/ports.ts';
import { temporaryFolder } from './children.ts';
import type { TestEngine } from './container-engine.ts';
import { silentLog } from './silent-log.ts';
import { waitFor } from './wait-for.ts';

export const ID = 'op.worker.0.abc';
/** Says something to both outputs and then waits to be stopped, which it survives for a word and an exit code of its own. */
export const PATIENT = 'trap "echo bye; exit 3" TERM; echo out; echo err >&2; while true; do sleep 0.1; done';

export const textsOf = (lines: readonly LogLine[], output: LogLine['output'] = 'stdout'): readonly string[] =>
  lines.filter((line) => line.output === output).map(({ text }) => text);

export const openContainerLane = (engine: TestEngine) => {
  const folder = temporaryFolder();
  const { program, engineFlags, runFlags, image } = engine;
  const options = {
    ...{ program, engineFlags, runFlags },
    ...{ environment: process.env, data: folder.path, prefix: 'opstream', log: silentLog },
  };
  const driver = createContainerDriver(options);
  return {
    driver,
    /** For another driver on the same folder. */
    options,
    folder: folder.path,
    nameOf: (id: string): string => `opstream-${homeOf(folder.path)}.${id}`,
    spec: (script: string, change: Partial<InstanceSpec> = {}): InstanceSpec => ({
      ...{ id: ID, operator: 'op', component: 'worker', replica: 0, revision: 'abc', type: 'worker' },
      ...{ image, command: ['/bin/sh', '-c'], arguments: [script], files: [], environment: {}, ports: [] },
      ...change,
    }),
    read: async (position?: string, enough = Number.POSITIVE_INFINITY): Promise<readonly LogLine[]> => {
      const lines: LogLine[] = [];
      for await (const line of driver.followLog(ID, position, AbortSignal.timeout(20_000))) {
        lines.push(line);
        if (lines.length >= enough) break;
      }
      return lines;
    },
    untilExited: (): Promise<InstanceState> =>
      waitFor(async () => (await driver.list()).find((one) => one.id === ID && one.state === 'exited'), {
        what: `${ID} to end`,
      }),
    close: async (): Promise<void> => {
      await endContainers(options, 0);
      await engine.removeContainers();
      folder.remove();
    },
  };
};
