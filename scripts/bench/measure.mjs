// Measures one instance in one sync mode: limits and product by turns, in the steady state (what has just begun spends most of its time
// compiling its own code).

import { byTurns, median, residentMiB } from './figures.mjs';
import { lastSequence, startInstance } from './instance.mjs';
import {
  accepted,
  consumeAndParse,
  rawPublishes,
  rebuild,
  reconciled,
  startChain,
  untilServed,
  writeHistory,
} from './phases.mjs';
import { componentVariables, operator } from './workload.mjs';

const log = (text) => process.stderr.write(`  ${text}\n`);

const ROUNDS = 4;
const WARM_UP = 8000;
/** One at a time, other code is hot than with many in flight: what runs once for each read of the socket. */
const WARM_UP_ALONE = 1000;
const WARM_UP_REBUILDS = 2;

const rateOf = ({ rate }) => rate;
const p50Of = ({ p50Ms }) => p50Ms;

const registerOperator = async ({ connection }) => {
  const body = new TextEncoder().encode(JSON.stringify(operator));
  const reply = await untilServed(() => connection.slots.request('opstream.rpc.apply', body));
  const receipt = JSON.parse(new TextDecoder().decode(reply.data));
  if (!receipt.accepted) throw new Error(JSON.stringify(receipt));
};

/** Under load: against the raw limit, by turns. `phase`: accepted or reconciled. */
const underLoad = (instance, size, { phase, count, label, rounds = ROUNDS }) =>
  byTurns({
    rounds,
    figure: rateOf,
    reference: (round) => rawPublishes(instance, { count: size(10_000), inFlight: 256, label: `raw${label}${round}` }),
    product: (round) => phase(instance, { count: size(count), inFlight: 256, label: `${label}256-${round}` }),
  });

/** One at a time: against raw publishes one at a time. */
const alone = (instance, size, { phase, count, label }) =>
  byTurns({
    rounds: ROUNDS,
    figure: p50Of,
    reference: (round) => rawPublishes(instance, { count: size(800), inFlight: 1, label: `one${label}${round}` }),
    product: (round) => phase(instance, { count: size(count), inFlight: 1, label: `${label}1-${round}` }),
  });

const measureAccepted = async (instance, size) => {
  await accepted(instance, { count: size(WARM_UP), inFlight: 256, label: 'warm' });
  const at256 = await underLoad(instance, size, { phase: accepted, count: 4000, label: 'acc' });
  const at32 = await accepted(instance, { count: size(3000), inFlight: 32, label: 'acc32' });
  await accepted(instance, { count: size(WARM_UP_ALONE), inFlight: 1, label: 'warmone' });
  const at1 = await alone(instance, size, { phase: accepted, count: 400, label: 'acc' });
  await instance.start('command-handler-2', 'dist/processes/command-handler.js');
  await accepted(instance, { count: size(WARM_UP), inFlight: 256, label: 'warm2' });
  const byTwo = await underLoad(instance, size, { phase: accepted, count: 3000, label: 'two', rounds: 2 });
  await instance.end('command-handler-2');
  return { at256, at32, at1, byTwo };
};

const measureReconciled = async (instance, size) => {
  for (const name of ['projector', 'operator-runtime', 'query-responder'])
    await instance.start(name, `dist/processes/${name}.js`);
  await instance.start('component', 'scripts/bench/component.mjs', componentVariables);
  await reconciled(instance, { count: size(WARM_UP), inFlight: 256, label: 'rwarm' });
  const at256 = await underLoad(instance, size, { phase: reconciled, count: 2500, label: 'rec' });
  const at32 = await reconciled(instance, { count: size(1500), inFlight: 32, label: 'rec32' });
  await reconciled(instance, { count: size(WARM_UP_ALONE), inFlight: 1, label: 'rwarmone' });
  const at1 = await alone(instance, size, { phase: reconciled, count: 200, label: 'rec' });
  return { at256, at32, at1 };
};

/** What the same hops take when nothing is done on the way, in raw round trips. */
const measureChain = async (instance, size) => {
  const started = await startChain(instance);
  const phaseOf =
    (measured) =>
    (_instance, { count, label }) =>
      measured({ count, label });
  await started.answered({ count: size(WARM_UP_ALONE), label: 'warma' });
  const answered = await alone(instance, size, { phase: phaseOf(started.answered), count: 400, label: 'chaina' });
  await started.extend();
  await started.visible({ count: size(WARM_UP_ALONE), label: 'warmv' });
  const visible = await alone(instance, size, { phase: phaseOf(started.visible), count: 200, label: 'chainv' });
  await started.stop();
  return { answered, visible };
};

const fillUp = async ({ connection, ...instance }, entities) => {
  const counted = await connection.slots.request('opstream.query.list', new TextEncoder().encode('{"limit":1}'));
  const have = JSON.parse(new TextDecoder().decode(counted.data)).total;
  if (entities > have)
    await reconciled({ connection, ...instance }, { count: entities - have, inFlight: 256, label: 'fill' });
};

const rebuildRounds = async (rounds, measureConsume, measureRebuild) => {
  const measured = [];
  for (let round = 0; round < rounds; round += 1)
    measured.push({ consume: await measureConsume(), rebuild: await measureRebuild(round) });
  return measured;
};

const mediansOf = (events, rounds) => ({
  events,
  consume: median(rounds.map(({ consume }) => consume)),
  rebuild: median(rounds.map((round) => round.rebuild)),
  ratio: median(rounds.map((round) => round.rebuild / round.consume)),
});

/**
 * 15 events for each thing, as the rates were measured that the goal was set by; and the stream of this run, where each event is a new
 * thing, so that a rebuild writes as much as it reads.
 */
const measureRebuilds = async (instance, size) => {
  const last = await lastSequence(instance.connection, 'OPSTREAM_EVENTS');
  const history = await writeHistory(instance, { things: size(4000), changes: 14 });
  const rounds = await rebuildRounds(
    WARM_UP_REBUILDS + ROUNDS,
    () => consumeAndParse(instance, history.events, history.stream),
    (round) => rebuild(instance, history.events, `h${round}`, history),
  );
  const newThings = await rebuildRounds(
    1,
    () => consumeAndParse(instance, last),
    () => rebuild(instance, last, 'new'),
  );
  return { history: mediansOf(history.events, rounds.slice(WARM_UP_REBUILDS)), newThings: mediansOf(last, newThings) };
};

/** Everything of one mode. `isQuick`: a fifth of the work. */
export const measureMode = async ({ natsServer, syncAlways, isQuick, entities }) => {
  const scale = (isQuick ? 0.2 : 1) * (syncAlways ? 0.4 : 1);
  const size = (count) => Math.max(100, Math.round(count * scale));
  const mode = syncAlways ? 'always' : 'default';
  const instance = await startInstance({ natsServer, syncAlways, name: `bench-${mode}` });
  try {
    await registerOperator(instance);
    log(`sync ${mode}: accepted applies (only the command-handler runs), and the raw limit by turns`);
    const ofAccepted = await measureAccepted(instance, size);
    log(`sync ${mode}: the bare chain`);
    const chain = await measureChain(instance, size);
    log(`sync ${mode}: fully reconciled applies (everything runs)`);
    const ofReconciled = await measureReconciled(instance, size);
    if (entities > 0) log(`sync ${mode}: up to ${entities} entities`);
    await fillUp(instance, entities);
    const memory = {};
    for (const [name, pid] of Object.entries(instance.pids())) memory[name] = await residentMiB(pid);
    log(`sync ${mode}: rebuild of the view`);
    const rebuilds = await measureRebuilds(instance, size);
    return { mode, accepted: ofAccepted, reconciled: ofReconciled, chain, rebuilds, memory };
  } finally {
    await instance.stop();
  }
};
