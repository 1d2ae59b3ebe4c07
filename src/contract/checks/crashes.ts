// Checks with violence: the component killed at bad moments, the server restarted, two copies at once, and a polite end.

import { apply, command, lastOnChannel, lastStatus, settled, until } from '../bench.ts';
import { untilQuiet } from '../quiet.ts';
import type { Bench } from '../bench.ts';
import type { Entity } from '../../messages/entity.ts';
import { type Check } from '../types.ts';
import { Breach } from '../breach.ts';

const KEEP =
  'acknowledge a command only when a kill can no longer lose it: done and reported, or kept on disk or in a bucket that is read at the start';
const ROUNDS = 3;
const CROWD = 12;
const TERMINATE_MS = 10_000;
const STANDBY_MS = 2_000;

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** Kills the component at the first acknowledgement of a command that is not there yet. Resolves when it is dead. */
const killAtNextAck = async (bench: Bench): Promise<{ readonly killed: Promise<void> }> => {
  const program = await bench.component();
  const before = await lastOnChannel(bench);
  const killed = new Promise<void>((resolve, reject) => {
    bench.witness.onAck = ({ kind, sequence }) => {
      if (sequence <= before || !kind.startsWith('+ACK')) return;
      bench.witness.onAck = undefined;
      program.kill9().then(resolve, reject);
    };
  });
  return { killed };
};

export const keptBeforeAck: Check = {
  name: 'kept-before-ack',
  about: 'has kept what it acknowledges: killed with kill -9 right then, it goes on with it',
  run: async (bench) => {
    for (const name of numbered('contract-ack', ROUNDS)) {
      const { killed } = await killAtNextAck(bench);
      const entity = await apply(bench, name);
      let isKilled = false;
      void killed.then(() => (isKilled = true));
      await until(bench, () => (isKilled ? true : undefined), {
        expected: 'the command acknowledged',
        found: () => 'no acknowledgement',
        advice: 'reply +ACK to the message when it is kept',
      });
      await bench.component();
      await settled(bench, entity, KEEP);
    }
    return undefined;
  },
};

export const killedAtWork: Check = {
  name: 'killed-at-work',
  about: 'killed with kill -9 amid many commands, ends where it would have ended',
  run: async (bench) => {
    const program = await bench.component();
    const names = numbered('contract-killed', CROWD);
    const keys = new Set(names.map((name) => `${bench.workspace}.${name}`));
    const killed = until(bench, () => bench.witness.statuses.find(({ event }) => keys.has(event?.data.key ?? '')), {
      expected: 'a first status',
      found: () => 'none',
      advice: KEEP,
    }).then(() => program.kill9());
    killed.catch(() => undefined);
    const entities = await Promise.all(names.map((name) => apply(bench, name)));
    await killed;
    await bench.component();
    for (const entity of entities) await settled(bench, entity, KEEP);

    // And once more, with changes and deletions under way.
    const again = await bench.component();
    const wanted: Entity[] = [];
    for (const [index, name] of names.entries()) {
      if (index % 3 === 0) await command(bench, 'delete', name);
      else wanted.push(await apply(bench, name, { description: 'after the first kill' }));
      if (index === CROWD / 2) await again.kill9();
    }
    await bench.component();
    for (const entity of wanted) await settled(bench, entity, KEEP);
    for (const [index, entity] of entities.entries()) {
      if (index % 3 !== 0) continue;
      await until(bench, () => (lastStatus(bench, entity)?.status === 'deleted' ? true : undefined), {
        expected: `status "deleted" of ${entity.key}`,
        found: () => lastStatus(bench, entity)?.status ?? 'none',
        advice: KEEP,
      });
    }
    return undefined;
  },
};

const FENCE =
  'let only the holder of the lease take commands and report, and write the sequence of its acquisition as data.fence';

/** Statuses in the order of the stream: whoever had lost the lease must not report any more. */
const assertFenced = (bench: Bench, fromSequence: number): number => {
  let highest = 0;
  const fences = new Set<number>();
  for (const { sequence, event, isOwn } of bench.witness.statuses) {
    if (event === undefined || isOwn || sequence <= fromSequence) continue;
    const { fence, key } = event.data;
    if (!Number.isSafeInteger(fence) || fence <= 0) {
      throw new Breach({ expected: `a fence above 0 in the status of ${key}`, found: String(fence), advice: FENCE });
    }
    if (fence < highest) {
      throw new Breach({
        expected: 'no status from a copy after another with a newer lease has reported',
        found: `fence ${fence} after fence ${highest}, for ${key} (message ${sequence} of ${bench.names.streams.status})`,
        advice: FENCE,
      });
    }
    highest = fence;
    fences.add(fence);
  }
  return fences.size;
};

export const replicas: Check = {
  name: 'replicas',
  about: 'of two copies one reports, and the other takes over when that one is killed',
  skipped: (bench) =>
    bench.replicas > 1 ? undefined : 'the manifest says one replica (--replicas 2 tests it all the same)',
  run: async (bench) => {
    const fromSequence = bench.witness.statuses.at(-1)?.sequence ?? 0;
    const first = await bench.component();
    await settled(bench, await apply(bench, 'contract-leader'), FENCE);
    const second = await bench.launch();
    try {
      // A copy that works without the lease is seen when it has had the time to start, and a command goes to each of the two.
      const startedBy = performance.now() + STANDBY_MS;
      for (let round = 0; round === 0 || performance.now() < startedBy; round += 1) {
        const names = numbered(`contract-replica-${round}`, CROWD / 3);
        const entities = await Promise.all(names.map((name) => apply(bench, name)));
        for (const entity of entities) await settled(bench, entity, FENCE);
      }
      const { length } = bench.witness.statuses;
      await first.kill9();
      const after = await Promise.all(numbered('contract-taken-over', 4).map((name) => apply(bench, name)));
      for (const entity of after)
        await settled(bench, entity, 'the copy that is left must take over when the lease runs out');
      const terms = assertFenced(bench, fromSequence);
      if (terms < 2 || bench.witness.statuses.length === length) {
        throw new Breach({ expected: 'a larger fence after the take-over', found: `${terms} fence`, advice: FENCE });
      }
    } finally {
      await second.kill9();
    }
    return undefined;
  },
};

export const serverRestart: Check = {
  name: 'server-restart',
  about: 'connects again when the NATS server was away, and goes on',
  run: async (bench) => {
    const program = await bench.component();
    await settled(bench, await apply(bench, 'contract-before-restart'), KEEP);
    await bench.restartServer();
    const entity = await apply(bench, 'contract-after-restart');
    const advice =
      'connect again without end, subscribe anew, ask for messages anew; a request whose answer went with the connection is made again';
    await settled(bench, entity, advice, bench.timeoutMs * 2);
    const ending = program.ending();
    return ending === undefined ? undefined : 'it ended, and was started again';
  },
};

export const sigterm: Check = {
  name: 'sigterm',
  about: 'ends within 10 s of SIGTERM, also at work, and loses nothing by it',
  run: async (bench) => {
    const program = await bench.component();
    const entities = await Promise.all(numbered('contract-term', CROWD).map((name) => apply(bench, name)));
    const ending = await program.terminate(TERMINATE_MS);
    if (ending === undefined) {
      throw new Breach({
        expected: 'an end within 10 s of SIGTERM',
        found: 'it went on, and was killed',
        advice: 'on SIGTERM stop taking commands, let go of the lease, and exit',
      });
    }
    if (ending.code !== 0 && ending.signal !== 'SIGTERM') {
      throw new Breach({
        expected: 'exit code 0',
        found: ending.signal ?? `exit code ${ending.code ?? '?'}`,
        advice: 'being told to stop is no failure',
      });
    }
    await bench.component();
    for (const entity of entities) await settled(bench, entity, KEEP);
    await untilQuiet(bench, KEEP);
    return undefined;
  },
};
