// Checks of how things go: deletion in two steps, a deletion of what never was, a release, and a name that is used again.

import {
  apply,
  command,
  commandFor,
  commandSeen,
  deliver,
  entityOf,
  lastStatus,
  settled,
  spoken,
  statusesOf,
  until,
} from '../bench.ts';
import { untilQuiet } from '../quiet.ts';
import type { Bench } from '../bench.ts';
import { encodeJson } from '../../core/decode.ts';
import { RELEASED, type Entity } from '../../messages/entity.ts';
import { ask } from '../ask.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';

const DELETED =
  'when data.command is "delete" (deletionRequestedAt is set): remove what is outside, then store status "deleted" with the uid';

const untilDeleted = (bench: Bench, entity: Entity) =>
  until(
    bench,
    () => {
      const status = lastStatus(bench, entity);
      return status?.status === 'deleted' ? status : undefined;
    },
    { expected: `status "deleted" of ${entity.key}`, found: () => spoken(lastStatus(bench, entity)), advice: DELETED },
  );

const untilGone = (bench: Bench, name: string, uid: string): Promise<true> =>
  until(bench, async () => ((await entityOf(bench, name))?.uid === uid ? undefined : true), {
    expected: `${name} gone from opstream`,
    found: () => 'it is still there',
    advice: 'the uid in the status "deleted" must be that of the entity',
  });

const remove = async (bench: Bench, name: string): Promise<void> => {
  await command(bench, 'delete', name);
};

export const deletion: Check = {
  name: 'deletion',
  about: 'reports "deleted" when that is asked for, not before, and nothing after it',
  run: async (bench) => {
    await bench.component();
    const entity = await apply(bench, 'contract-deleted');
    await settled(bench, entity, DELETED);
    const early = statusesOf(bench, entity.key).find(({ event }) => event.data.status === 'deleted');
    if (early !== undefined) {
      throw new Breach({
        expected: 'no status "deleted" before it is asked for',
        found: spoken(early.event.data),
        advice: DELETED,
      });
    }
    const applied = await commandSeen(bench, entity);
    await remove(bench, 'contract-deleted');
    await untilDeleted(bench, entity);
    await untilGone(bench, 'contract-deleted', entity.uid);
    // A delivery that comes late must not make it again.
    await deliver(bench, commandFor(bench, entity, applied));
    await untilQuiet(bench, 'an apply that is older than the deletion is acknowledged and ignored');
    const last = lastStatus(bench, entity);
    if (last?.status !== 'deleted') {
      throw new Breach({
        expected: '"deleted" to be the last word about that uid, also when an older apply comes late',
        found: spoken(last),
        advice:
          'before taking in an entity that is not kept (any more), read its last status: an observedSequence that is not smaller makes it old news',
      });
    }
    return undefined;
  },
};

export const deleteUnknown: Check = {
  name: 'delete-unknown',
  about: 'reports "deleted" for what it has never made',
  run: async (bench) => {
    await bench.component();
    const like = await apply(bench, 'contract-known');
    await settled(bench, like, DELETED);
    const event = await commandSeen(bench, like);
    const name = 'contract-never-made';
    const { run: _run, ...rest } = like;
    const never: Entity = {
      ...rest,
      key: `${bench.workspace}.${name}`,
      uid: bench.ids.next(),
      generation: 1,
      sequence: like.sequence,
      deletionRequestedAt: like.updatedAt,
      manifest: { ...like.manifest, name },
    };
    await deliver(bench, commandFor(bench, never, event));
    await untilDeleted(bench, never);
    return undefined;
  },
};

export const declaredAgain: Check = {
  name: 'declared-again',
  about: 'takes a name that is used again for a new thing',
  run: async (bench) => {
    await bench.component();
    const name = 'contract-again';
    const first = await apply(bench, name);
    await settled(bench, first, DELETED);
    await remove(bench, name);
    await untilDeleted(bench, first);
    await untilGone(bench, name, first.uid);
    const second = await apply(bench, name);
    await settled(bench, second, 'another uid is another thing: nothing that is known of the earlier one holds for it');
    return undefined;
  },
};

const isReleased = (bench: Bench, entity: Entity): boolean =>
  lastStatus(bench, entity)?.conditions.some(({ reason }) => reason === RELEASED) === true;

const FORGET =
  'on "release" drop what is kept of the entity, leave what is outside as it is, and report nothing; a last status with the reason Released means the same';

export const release: Check = {
  name: 'release',
  about: 'forgets what is released and says nothing more about it',
  run: async (bench) => {
    await bench.component();
    const name = 'contract-released';
    const entity = await apply(bench, name);
    await settled(bench, entity, DELETED);
    const event = await commandSeen(bench, entity);
    await command(bench, 'release', name, { force: true });
    await until(bench, () => (isReleased(bench, entity) ? true : undefined), {
      expected: 'the status that tells of the release',
      found: () => spoken(lastStatus(bench, entity)),
      advice: 'a status that is stored without the expected last sequence can hide it',
    });
    await untilQuiet(bench, 'the command "release" is acknowledged like any other');
    const answer = await ask(bench, encodeJson({ id: 'contract-released', query: 'entity', key: entity.key }));
    if (answer['found'] !== false) {
      throw new Breach({
        expected: 'a released entity not to be known any more',
        found: 'it is found',
        advice: FORGET,
      });
    }
    await deliver(bench, commandFor(bench, entity, event));
    await untilQuiet(bench, 'an apply that is older than the release is acknowledged and ignored');
    // What was kept of it would be looked at again now.
    await (await bench.component()).kill9();
    await bench.component();
    await settled(bench, await apply(bench, 'contract-after-release'), FORGET);
    if (!isReleased(bench, entity)) {
      throw new Breach({
        expected: 'no word about a released resource after its release',
        found: spoken(lastStatus(bench, entity)),
        advice: FORGET,
      });
    }
    return undefined;
  },
};
