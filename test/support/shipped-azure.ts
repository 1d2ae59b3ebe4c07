// The operator without code, driven by its shipped manifest for Data Factory, on stores in memory against the stand-in of Azure over HTTP.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { assembleReconciler } from '../../src/operators/http/assemble.ts';
import type { EntityStatus } from '../../src/sdk/index.ts';
import type { StandInOptions } from '../../src/stand-ins/azure-data-factory/options.ts';
import { environmentFor, startAzure } from '../unit/operators/azure-data-factory/support.ts';
import { temporaryFolder } from './children.ts';
import { reconcilerInMemory, type InMemoryOptions } from './reconciler-in-memory.ts';

const shipped = join(import.meta.dirname, '../../src/operators/http/manifests/azure-data-factory.yaml');
const folder = temporaryFolder();
after(() => folder.remove());

/** The shipped manifest, looking at runs more often, and for a lost one for `findFor`. */
const manifestFor = (findFor: string): string => {
  const path = join(folder.path, `operator-${findFor}.yaml`);
  const text = readFileSync(shipped, 'utf8');
  assert.match(text, /pollInterval: 5s[^]*findFor: 1m/);
  writeFileSync(
    path,
    text.replace('pollInterval: 5s', 'pollInterval: 50ms').replace('findFor: 1m', `findFor: ${findFor}`),
  );
  return path;
};

export const shippedAzure = async ({
  inMemory,
  findFor = '4s',
  ...standInOptions
}: { readonly inMemory?: InMemoryOptions; readonly findFor?: string } & Partial<StandInOptions> = {}) => {
  const { standIn, admin } = await startAzure(standInOptions);
  const env = {
    ...environmentFor(standIn),
    ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: 'azure.pipelines.run',
  };
  const make = () => assembleReconciler({ env, argv: ['--manifest', manifestFor(findFor)] });
  const [first, afterRestart] = [await make(), await make()];
  let starts = 0;
  // What restarts knows nothing of what was.
  const reconciler = () => {
    starts += 1;
    return starts === 1 ? first : afterRestart;
  };
  const component = reconcilerInMemory(reconciler, inMemory);
  const until = (isReached: (status: EntityStatus) => boolean, what: string) =>
    component.until(isReached, what, 'public.run-1', 'adf-operator');
  return { admin, component, until };
};
