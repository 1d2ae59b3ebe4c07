// The component of test/components/python once more, made with the SDK: the same manifest, the same files. It is what the contract suite
// and the README's page about the channel are held against.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  runOperator,
  type Entity,
  type EntityStatus,
  type OController,
  type StatusUpdate,
} from '../../../src/sdk/index.ts';

const folder = process.env['NOTES_DIR'] ?? 'notes';
const STEP_MS = 100;
const FINAL: readonly (string | undefined)[] = ['succeeded', 'cancelled'];
let controller: OController | undefined;

const fileOf = (key: string, kind: 'txt' | 'tally'): string => join(folder, `${key}.${kind}`);

const stateAt = (isCancelled: boolean, isOver: boolean): 'cancelled' | 'succeeded' | 'inprogress' =>
  isCancelled ? 'cancelled' : isOver ? 'succeeded' : 'inprogress';

/** The run that is wanted, as it is now. The last status says when it began. */
const runOf = (
  { key, run, manifest }: Entity,
  last: EntityStatus | undefined,
): Pick<StatusUpdate, 'run' | 'runtime'> => {
  if (run === undefined) return {};
  const before = last?.run?.id === run.id ? last.run : undefined;
  if (before !== undefined && FINAL.includes(before.state)) return { run: before, runtime: before.state };
  const { steps = 3 } = manifest.resource.spec as { readonly steps?: number };
  const startedAt = before?.startedAt ?? new Date().toISOString();
  const state = stateAt(run.cancelRequested, Date.now() - Date.parse(startedAt) >= (steps + 1) * STEP_MS);
  if (state === 'succeeded') writeFileSync(fileOf(key, 'tally'), `${run.id}\n`, { flag: 'a' });
  const finishedAt = state === 'inprogress' ? {} : { finishedAt: new Date().toISOString() };
  return { runtime: state, run: { id: run.id, state, externalId: `${key}/${run.id}`, startedAt, ...finishedAt } };
};

await runOperator({
  reconciler: {
    id: () => 'notes',
    init: (given) => {
      controller = given;
      mkdirSync(folder, { recursive: true });
    },
    reconcile: async ({ key, type }) => {
      const entity = await controller?.getEntity(key, type);
      if (controller === undefined || entity === undefined) return {};
      if (entity.deletionRequestedAt !== undefined) {
        for (const kind of ['txt', 'tally'] as const) rmSync(fileOf(key, kind), { force: true });
        await controller.updateEntityStatus({ key, status: 'deleted' });
        return {};
      }
      if (type === 'note') {
        writeFileSync(fileOf(key, 'txt'), String(entity.manifest.resource.spec['text']));
        await controller.updateEntityStatus({ key, status: 'active', externalId: `${key}.txt` });
        return {};
      }
      const run = runOf(entity, await controller.getEntityStatus(key, type));
      await controller.updateEntityStatus({ key, status: 'active', ...run });
      return run.runtime === 'inprogress' ? { requeueAfterMs: STEP_MS } : {};
    },
  },
});
