// Checks of what runs: the normal run, a further one, a cancelled one, and the actions that the type declares.

import { apply, command, FINAL, lastStatus, settled, spoken, statusesOf, until, BenchProblem } from '../bench.ts';
import type { Bench } from '../bench.ts';
import type { Entity } from '../../messages/entity.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';

const RUNS =
  'data.entity.run.id names the run that is wanted: report it as run.id, with run.state and runtime, until it is final';
const notRunnable = ({ type }: Bench): string | undefined =>
  type.isRunnable ? undefined : `type ${type.name} does not run`;

const wanted = (entity: Entity | undefined): Entity => {
  if (entity?.run === undefined) throw new BenchProblem('a run was asked for and none is wanted');
  return entity;
};

/** A run is started once and ends once. */
const assertOneEach = (bench: Bench, key: string): void => {
  const seen = new Map<string, { readonly externalId: string | undefined; readonly state: string }>();
  for (const { event } of statusesOf(bench, key)) {
    const { run } = event.data;
    if (run === undefined) continue;
    const before = seen.get(run.id);
    const externalId = run.externalId ?? before?.externalId;
    if (before !== undefined && before.externalId !== undefined && before.externalId !== externalId) {
      throw new Breach({
        expected: `run ${run.id} started once`,
        found: `it was reported as ${before.externalId} and as ${externalId ?? ''}`,
        advice: 'record the intent before the call outside, and look for what was started after a restart',
      });
    }
    if (before !== undefined && FINAL.includes(before.state) && run.state !== before.state) {
      throw new Breach({
        expected: `run ${run.id} to stay ${before.state}`,
        found: run.state,
        advice: 'a final state is final',
      });
    }
    seen.set(run.id, { externalId, state: run.state });
  }
};

export const runs: Check = {
  name: 'runs',
  about: 'reports a run with its id through to a final state, and a further run as a new one',
  skipped: notRunnable,
  run: async (bench) => {
    await bench.component();
    const name = 'contract-runs';
    const first = wanted(await apply(bench, name));
    await settled(bench, first, RUNS);
    const second = wanted(await command(bench, 'run', name));
    const status = await settled(bench, second, RUNS);
    if (status.runtime !== status.run?.state) {
      throw new Breach({
        expected: 'runtime equal to run.state',
        found: `runtime ${status.runtime ?? 'absent'}, run.state ${status.run?.state ?? ''}`,
        advice: RUNS,
      });
    }
    assertOneEach(bench, second.key);
    return undefined;
  },
};

export const cancel: Check = {
  name: 'cancel',
  about: 'honours the cancelling of a run, or reports that it came too late',
  skipped: notRunnable,
  run: async (bench) => {
    await bench.component();
    const name = 'contract-cancel';
    const entity = wanted(await apply(bench, name));
    await until(bench, () => (lastStatus(bench, entity)?.run?.id === entity.run?.id ? true : undefined), {
      expected: 'the run reported',
      found: () => spoken(lastStatus(bench, entity)),
      advice: RUNS,
    });
    if (FINAL.includes(lastStatus(bench, entity)?.run?.state))
      return 'the run was over before it could be cancelled: give a spec that runs longer';
    const cancelled = wanted(await command(bench, 'cancel', name));
    const status = await settled(
      bench,
      cancelled,
      'when data.entity.run.cancelRequested is true: stop the run and report its final state with the sequence of that command',
    );
    assertOneEach(bench, entity.key);
    return status.run?.state === 'cancelled' ? undefined : `the run ended "${status.run?.state ?? ''}" all the same`;
  },
};

export const actions: Check = {
  name: 'actions',
  about: 'reports a run of each action that the type declares',
  skipped: ({ type }) => ((type.actions ?? []).length > 0 ? undefined : `type ${type.name} declares no actions`),
  run: async (bench) => {
    await bench.component();
    const name = 'contract-actions';
    await settled(bench, await apply(bench, name), RUNS);
    const remarks: string[] = [];
    for (const { name: action } of bench.type.actions ?? []) {
      let entity: Entity | undefined;
      try {
        entity = await command(bench, 'run', name, { action });
      } catch (error) {
        if (!(error instanceof BenchProblem)) throw error;
        remarks.push(`action ${action} needs parameters and was not tried`);
        continue;
      }
      const status = await settled(bench, wanted(entity), RUNS);
      if (status.run?.action === action) continue;
      throw new Breach({
        expected: `run.action "${action}" in the status`,
        found: status.run?.action ?? 'none',
        advice: 'copy data.entity.run.action into run.action',
      });
    }
    return remarks.length === 0 ? undefined : remarks.join('; ');
  },
};
