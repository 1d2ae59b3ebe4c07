// Whether a running instance still works as a whole, in the processes in which it began.

import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/core/json.ts';
import { startDatasetComponent } from './dataset-component.ts';
import { datasetOf, mustApply, operatorNamed } from './manifests.ts';
import { programs, startInstance, type RunningInstance } from './running-instance.ts';
import { waitFor } from './wait-for.ts';

export type Unshaken = {
  readonly instance: RunningInstance;
  /** The whole way: applied, projected, dispatched, reconciled, observed; by the same processes, none of which has met a bug. */
  mustWork(): Promise<void>;
  stop(): Promise<void>;
};

/** An instance with the operator `op` and a component for it. */
export const startUnshaken = async (): Promise<Unshaken> => {
  const instance = await startInstance();
  await mustApply(instance.client, operatorNamed('op'));
  const component = startDatasetComponent(instance, 'op');
  const pidsNow = (): readonly number[] => programs.flatMap((program) => instance.of(program).map(({ pid }) => pid));
  const pids = pidsNow();
  let probes = 0;
  return {
    instance,
    mustWork: async () => {
      probes += 1;
      const name = `probe-${probes}`;
      await mustApply(instance.client, datasetOf('op', name, { probes }));
      await waitFor(
        async () => {
          const answer = await instance.client.query('get', { type: 'resource', workspace: 'public', name });
          return answer.ok && answer.value.summary.status === 'active';
        },
        { what: `${name} to be reconciled`, timeoutMs: 10_000 },
      );
      for (const copy of programs.flatMap((program) => instance.of(program))) {
        const bug = copy.lines.find(
          ({ level, err }) => level === 'fatal' || (err as JsonObject)?.['type'] === 'TypeError',
        );
        assert.equal(bug, undefined, `${copy.name}: ${JSON.stringify(bug)}`);
      }
      assert.deepEqual(pidsNow(), pids);
      for (const pid of pids) assert.ok(process.kill(pid, 0));
    },
    stop: async () => {
      await component.stop();
      await instance.stop();
    },
  };
};
