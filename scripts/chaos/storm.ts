// A storm: commands through both doors all the time, and in each round something is killed with SIGKILL, sometimes while another is frozen: one of
// the built processes (two copies of each), a component, or the server. Started by scripts/chaos.mjs with the rounds and the seed. Afterwards
// everything is up again, and what it settles to is held against what was accepted.

import { pause } from '../../src/jetstream/pause.ts';
import { opstreamAt } from '../../test/support/opstream-at.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { randomOf } from './random.ts';
import { createReport, givenNumbers, type Report } from './report.ts';
import { checkStorm, unsettled } from './storm-check.ts';
import { SEARCH_GRACE_MS, SERVER, startCast, type Cast, type Victim } from './storm-cast.ts';
import { startLoad } from './storm-load.ts';

/** So many receipts between two kills: each of them meets load. */
const RECEIPTS = 12;
const STANDSTILL_MS = 90_000;
const SETTLE_MS = 300_000;
const FREEZE_MS = SEARCH_GRACE_MS / 3;

/** Of the kills; it is one of many, and everything hangs on it. */
const SERVER_SHARE = 0.12;

const { amount: rounds, seed } = givenNumbers();
const random = randomOf(seed);

const freeze = async (victim: Victim, forMs: number, report: Report): Promise<void> => {
  victim.signal('SIGSTOP');
  report.count('freezes');
  await pause(forMs);
  victim.signal('SIGCONT');
};

const killAndStart = async (victim: Victim, forMs: number, report: Report): Promise<void> => {
  await victim.kill();
  report.count('kills');
  report.count(`kills of ${victim.name.replace(/ \d$/, '')}`);
  await pause(forMs);
  await victim.start().catch((error: unknown) => report.breach(`${victim.name} did not come back: ${String(error)}`));
};

const stormRound = async (cast: Cast, round: number, report: Report): Promise<void> => {
  const { victims } = cast;
  const server = victims.filter(({ name }) => name === SERVER);
  const killed = [random.pick(random.chance(SERVER_SHARE) ? server : victims)];
  if (random.chance(0.25)) killed.push(random.pick(victims.filter((one) => !killed.includes(one))));
  const others = victims.filter((one) => !killed.includes(one));
  const frozen = random.chance(0.4) ? [random.pick(others)] : [];
  report.say(
    `round ${round}/${rounds}: kill ${killed.map(({ name }) => name).join(' and ')}${frozen.map(({ name }) => `, freeze ${name}`).join('')}`,
  );
  await Promise.all([
    ...frozen.map((one) => freeze(one, random.between(200, FREEZE_MS), report)),
    ...killed.map((one) => killAndStart(one, random.between(0, 1500), report)),
  ]);
};

const settle = async (cast: Cast, report: Report): Promise<void> => {
  const { instance } = cast;
  let left: readonly string[] = ['nothing was looked at yet'];
  let toldMs = performance.now();
  const look = async (): Promise<boolean> => {
    left = await unsettled(instance).catch((error: unknown) => [String(error)]);
    if (performance.now() - toldMs > 10_000) {
      toldMs = performance.now();
      report.say(`settling: ${left.length} left, such as ${left[0] ?? 'none'}`);
    }
    return left.length === 0;
  };
  const what = { timeoutMs: SETTLE_MS, intervalMs: 500, what: 'everything to be as it is wanted' };
  await waitFor(look, what).catch(() => left.forEach((one) => report.breach(`not settled: ${one}`)));
  for (const verb of ['verify', 'doctor']) {
    let answer = await opstreamAt(instance.server.url, verb);
    // A lease may be on its way from one copy to the next.
    for (let again = 0; answer.code !== 0 && again < 10; again += 1) {
      await pause(1000);
      answer = await opstreamAt(instance.server.url, verb);
    }
    if (answer.code === 0) report.say(`${verb}: ${answer.out.trim().split('\n').at(-1)}`);
    else report.breach(`${verb}: ${answer.out}${answer.err}`);
  }
};

const main = async (): Promise<number> => {
  const report = createReport(`storm of ${rounds} rounds`, seed);
  const cast = await startCast(report);
  try {
    report.say(`${cast.victims.length} processes are up`);
    const load = startLoad(cast.instance, random, report);
    for (let round = 1; round <= rounds; round += 1) {
      const wanted = load.receipts.size + RECEIPTS;
      await waitFor(() => load.receipts.size >= wanted, { timeoutMs: STANDSTILL_MS, what: 'receipts' }).catch(() =>
        report.breach(`round ${round}: fewer than ${RECEIPTS} receipts in ${STANDSTILL_MS / 1000} s`),
      );
      await stormRound(cast, round, report);
    }
    report.say(`the storm is over; ${load.receipts.size} commands have their receipts`);
    await load.stop();
    await settle(cast, report);
    await checkStorm(cast, load, report);
  } finally {
    await cast.stop();
  }
  return report.finish();
};

process.exitCode = await main();
