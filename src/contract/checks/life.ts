// Checks of the ordinary life of a resource: declared, changed, delivered twice and in the wrong order.

import { apply, commandFor, commandSeen, deliver, lastStatus, settled, spoken, statusesOf } from '../bench.ts';
import { untilQuiet } from '../quiet.ts';
import type { Bench } from '../bench.ts';
import { atRest } from '../settling.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';
import type { Entity } from '../../messages/entity.ts';

const LEVEL = 'keep the entity with the largest data.entity.sequence, and ignore every other';

export const reports: Check = {
  name: 'reports',
  about: 'takes a command and reports what it saw',
  run: async (bench) => {
    await bench.component();
    const entity = await apply(bench, 'contract-reports');
    const advice = `pull from ${bench.api.command.stream}, make it so, then store a status on ${bench.names.status({ operator: bench.operator, workspace: bench.workspace, name: 'contract-reports' })}`;
    const wanted = await atRest(bench, entity, advice);
    const status = lastStatus(bench, wanted);
    if (status?.observedGeneration !== wanted.generation || status.observedSequence !== wanted.sequence) {
      throw new Breach({
        expected: `observedGeneration ${wanted.generation} and observedSequence ${wanted.sequence}`,
        found: spoken(status),
        advice: 'copy generation and sequence of the entity that was reconciled into the status',
      });
    }
    return entity.run === undefined ? undefined : `the run ended "${status.run?.state ?? ''}"`;
  },
};

/** A change that the component must observe: of the spec if the author gave another, else of the description. */
const change = (bench: Bench, name: string, text: string): Promise<Entity> =>
  bench.changedSpec === undefined
    ? apply(bench, name, { description: text })
    : apply(bench, name, { description: text }, bench.changedSpec);

export const changedSpec: Check = {
  name: 'changed-spec',
  about: 'observes a change',
  run: async (bench) => {
    await bench.component();
    const first = await apply(bench, 'contract-changed');
    await settled(bench, first, LEVEL);
    const second = await change(bench, 'contract-changed', 'changed');
    await settled(
      bench,
      second,
      'a newer sequence of a known entity is to be reconciled and reported like a first one',
    );
    return bench.changedSpec === undefined
      ? 'only the description was changed: give --spec twice to change the spec'
      : undefined;
  },
};

/** What statuses after the first `count` say that a repeat must not. */
const assertNothingNew = (bench: Bench, entity: Entity, count: number, after: string, advice: string): void => {
  const later = statusesOf(bench, entity.key).slice(count);
  const [first] = later;
  if (first === undefined) return;
  throw new Breach({
    expected: `no further status of ${entity.key} after ${after}`,
    found: `${later.length} more; the first is: ${spoken(first.event.data)}`,
    advice,
  });
};

export const doubled: Check = {
  name: 'doubled',
  about: 'takes the same command again and changes nothing',
  run: async (bench) => {
    await bench.component();
    const entity = await atRest(bench, await apply(bench, 'contract-doubled'), LEVEL);
    const event = await commandSeen(bench, entity);
    await untilQuiet(bench, 'acknowledge a command when it is kept');
    const count = statusesOf(bench, entity.key).length;
    for (let times = 0; times < 3; times += 1) await deliver(bench, commandFor(bench, entity, event));
    await untilQuiet(bench, 'a command that is old news is acknowledged too');
    assertNothingNew(
      ...([bench, entity, count, 'the command was delivered three times more'] as const),
      'deliveries are repeated: compare data.entity.sequence with what is kept, and store no status that says what the last one says',
    );
    return undefined;
  },
};

export const olderSequence: Check = {
  name: 'older-sequence',
  about: 'ignores an older command that comes late, and one that comes before the newer one',
  run: async (bench) => {
    await bench.component();
    const first = await apply(bench, 'contract-older');
    await settled(bench, first, LEVEL);
    const event = await commandSeen(bench, first);
    const second = await atRest(bench, await change(bench, 'contract-older', 'newer'), LEVEL);
    await untilQuiet(bench, 'acknowledge a command when it is kept');
    const count = statusesOf(bench, first.key).length;
    await deliver(bench, commandFor(bench, first, event));
    await untilQuiet(bench, 'an older command is acknowledged and otherwise ignored');
    assertNothingNew(
      ...([bench, second, count, `a command with the older sequence ${first.sequence} came late`] as const),
      LEVEL,
    );
    // Both in the wrong order, at once.
    await deliver(bench, commandFor(bench, second, event));
    await deliver(bench, commandFor(bench, first, event));
    await untilQuiet(bench, LEVEL);
    const last = lastStatus(bench, second);
    if (last?.observedSequence !== second.sequence) {
      throw new Breach({ expected: `observedSequence ${second.sequence}`, found: spoken(last), advice: LEVEL });
    }
    return undefined;
  },
};
