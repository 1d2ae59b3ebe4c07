// `npm run bench`: the product against the limit of the same machine in the same run, with the server's default sync and with
// `sync_interval: always`. Absolute figures drift with the machine; the ratios are what counts. Prints tables, writes .opstream/bench.json.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';
import { format, residentMiB } from './figures.mjs';
import { lastSequence, startInstance } from './instance.mjs';
import { accepted, consumeAndParse, rawPublishes, rebuild, reconciled, writeHistory } from './phases.mjs';
import { componentVariables, operator } from './workload.mjs';

const log = (text) => process.stderr.write(`  ${text}\n`);
const median = (values) => [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];

const medianRebuild = (events, rounds) => {
  const consume = median(rounds.map((round) => round.consume));
  const rebuilt = median(rounds.map((round) => round.rebuild));
  return { events, consume, rebuild: rebuilt, ratio: median(rounds.map((round) => round.rebuild / round.consume)) };
};

const registerOperator = async ({ connection }) => {
  const body = new TextEncoder().encode(JSON.stringify(operator));
  for (let tries = 0; ; tries += 1) {
    try {
      const reply = await connection.slots.request('opstream.rpc.apply', body);
      const receipt = JSON.parse(new TextDecoder().decode(reply.data));
      if (!receipt.accepted) throw new Error(JSON.stringify(receipt));
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
};

/** What is measured is the steady state: a process that has just begun spends most of its time compiling its own code. */
const WARM_UP = 10_000;
/** Of a rebuild, for the same reason. */
const WARM_UP_ROUNDS = 2;
const ROUNDS = 5;

const measureMode = async ({ natsServer, syncAlways, isQuick, entities }) => {
  const scale = (isQuick ? 0.2 : 1) * (syncAlways ? 0.4 : 1);
  const size = (count) => Math.max(200, Math.round(count * scale));
  const mode = syncAlways ? 'always' : 'default';
  const rawCount = size(syncAlways ? 20_000 : 40_000);
  const instance = await startInstance({ natsServer, syncAlways, name: `bench-${mode}` });
  try {
    await registerOperator(instance);
    log(`sync ${mode}: the raw limit`);
    const limits = [await rawPublishes(instance, { count: rawCount, inFlight: 256, label: 'rawa' })];
    const raw1 = await rawPublishes(instance, { count: size(4000), inFlight: 1, label: 'raw1' });
    log(`sync ${mode}: accepted applies (only the command-handler runs)`);
    const acceptedBy = {};
    await accepted(instance, { count: size(WARM_UP), inFlight: 256, label: 'warm' });
    for (const [inFlight, count] of [
      [256, 15_000],
      [32, 5000],
      [1, 1500],
    ]) {
      acceptedBy[inFlight] = await accepted(instance, { count: size(count), inFlight, label: `acc${inFlight}` });
    }
    await instance.start('command-handler-2', 'dist/processes/command-handler.js');
    await accepted(instance, { count: size(WARM_UP), inFlight: 256, label: 'warm2' });
    const acceptedByTwo = await accepted(instance, { count: size(10_000), inFlight: 256, label: 'two' });
    await instance.end('command-handler-2');
    limits.push(await rawPublishes(instance, { count: rawCount, inFlight: 256, label: 'rawb' }));

    log(`sync ${mode}: fully reconciled applies (everything runs)`);
    for (const name of ['projector', 'operator-runtime', 'query-responder'])
      await instance.start(name, `dist/processes/${name}.js`);
    await instance.start('component', 'scripts/bench/component.mjs', componentVariables);
    await reconciled(instance, { count: size(WARM_UP), inFlight: 256, label: 'rwarm' });
    const reconciledBy = {};
    for (const [inFlight, count] of [
      [256, 15_000],
      [32, 3000],
      [1, 800],
    ]) {
      reconciledBy[inFlight] = await reconciled(instance, { count: size(count), inFlight, label: `rec${inFlight}` });
    }
    limits.push(await rawPublishes(instance, { count: rawCount, inFlight: 256, label: 'rawc' }));

    const counted = await instance.connection.slots.request(
      'opstream.query.list',
      new TextEncoder().encode('{"limit":1}'),
    );
    const have = JSON.parse(new TextDecoder().decode(counted.data)).total;
    if (entities > have) {
      log(`sync ${mode}: up to ${entities} entities`);
      await reconciled(instance, { count: entities - have, inFlight: 256, label: 'fill' });
    }
    const memory = {};
    for (const [name, pid] of Object.entries(instance.pids())) memory[name] = await residentMiB(pid);

    log(`sync ${mode}: rebuild of the view`);
    const last = await lastSequence(instance.connection, 'OPSTREAM_EVENTS');
    // 15 events for each thing, as the rates were measured that the goal was set by; and the stream of this run, where each event is a
    // new thing, so that a rebuild writes as much as it reads.
    const history = await writeHistory(instance, { things: size(4000), changes: 14 });
    const rounds = [];
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
      rounds.push({
        consume: await consumeAndParse(instance, history.events, history.stream),
        rebuild: await rebuild(instance, history.events, `h${round}`, history),
      });
    }
    const newThings = [
      { consume: await consumeAndParse(instance, last), rebuild: await rebuild(instance, last, 'new') },
    ];
    return {
      mode,
      limit: median(limits.map(({ rate }) => rate)),
      raw1,
      accepted: acceptedBy,
      acceptedByTwo,
      reconciled: reconciledBy,
      rebuilds: {
        history: medianRebuild(history.events, rounds.slice(WARM_UP_ROUNDS)),
        newThings: medianRebuild(last, newThings),
      },
      memory,
    };
  } finally {
    await instance.stop();
  }
};

const row = (name, value, goal, isMet) =>
  `  ${name.padEnd(62)} ${value.padStart(10)}   ${goal.padEnd(14)} ${isMet === undefined ? '' : isMet ? 'met' : 'NOT MET'}`;

const rebuildRow = (name, { events, consume, rebuild: rate, ratio }) =>
  row(
    `${name} (${events}) / consume and parse (${format(rate)}/s of ${format(consume)}/s)`,
    format(ratio),
    '>= 0.6',
    ratio >= 0.6,
  );

const report = (result) => {
  const { mode, limit, raw1, accepted: acc, reconciled: rec } = result;
  const isAlways = mode === 'always';
  const goal = { accepted: isAlways ? 2 : 0.2, reconciled: isAlways ? 2 : 0.4 };
  const ratios = {
    accepted256: acc[256].rate / limit,
    acceptedByTwo256: result.acceptedByTwo.rate / limit,
    reconciledTimesWrites256: (rec[256].rate * rec[256].writesPerApply) / limit,
    receiptP50: acc[1].p50Ms / raw1.p50Ms,
    visibleP50: rec[1].p50Ms / raw1.p50Ms,
    rebuild: result.rebuilds.history.ratio,
    rebuildOfNewThings: result.rebuilds.newThings.ratio,
    largestProcessMiB: Math.max(
      ...Object.entries(result.memory)
        .filter(([name]) => name !== 'nats-server')
        .map(([, mib]) => mib),
    ),
  };
  const lines = [
    '',
    `sync_interval: ${mode}   raw publishes at 256 in flight: ${format(limit)}/s; one at a time: p50 ${format(raw1.p50Ms, 3)} ms, p99 ${format(raw1.p99Ms, 3)} ms`,
    '',
    '  in flight   accepted/s      p50 ms      p99 ms   reconciled/s      p50 ms      p99 ms   writes each',
    ...[1, 32, 256].map((n) =>
      [
        String(n).padStart(11),
        format(acc[n].rate).padStart(12),
        format(acc[n].p50Ms, 3).padStart(11),
        format(acc[n].p99Ms, 3).padStart(11),
        format(rec[n].rate).padStart(14),
        format(rec[n].p50Ms, 3).padStart(11),
        format(rec[n].p99Ms, 3).padStart(11),
        format(rec[n].writesPerApply).padStart(13),
      ].join(' '),
    ),
    '',
    row(
      'accepted at 256 in flight / limit, one command-handler',
      format(ratios.accepted256),
      `>= ${goal.accepted}`,
      ratios.accepted256 >= goal.accepted,
    ),
    row(
      `the same with two copies of it (${format(result.acceptedByTwo.rate)}/s)`,
      format(ratios.acceptedByTwo256),
      `>= ${goal.accepted}`,
      ratios.acceptedByTwo256 >= goal.accepted,
    ),
    row(
      'reconciled at 256 in flight x writes / limit',
      format(ratios.reconciledTimesWrites256),
      `>= ${goal.reconciled}`,
      ratios.reconciledTimesWrites256 >= goal.reconciled,
    ),
    row(
      'request to receipt, p50 in raw round trips',
      format(ratios.receiptP50),
      isAlways ? '' : '<= 4',
      isAlways ? undefined : ratios.receiptP50 <= 4,
    ),
    row(
      'request to visible in KV, p50 in raw round trips',
      format(ratios.visibleP50),
      isAlways ? '' : '<= 10',
      isAlways ? undefined : ratios.visibleP50 <= 10,
    ),
    rebuildRow('rebuild, 15 events each', result.rebuilds.history),
    rebuildRow('rebuild, 1 event each', result.rebuilds.newThings),
    row('largest process, MiB', format(ratios.largestProcessMiB), '<= 400', ratios.largestProcessMiB <= 400),
    `  memory, MiB: ${Object.entries(result.memory)
      .map(([name, mib]) => `${name} ${Math.round(mib)}`)
      .join(', ')}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return ratios;
};

export const runBench = async ({ natsServer, isQuick, entities }) => {
  const startedMs = performance.now();
  const results = [];
  for (const syncAlways of [false, true]) {
    const result = await measureMode({ natsServer, syncAlways, isQuick, entities: syncAlways ? 0 : entities });
    results.push({ ...result, ratios: report(result) });
  }
  const path = join(root, '.opstream', 'bench.json');
  mkdirSync(join(root, '.opstream'), { recursive: true });
  writeFileSync(
    path,
    `${JSON.stringify({ at: new Date().toISOString(), node: process.version, isQuick, results }, null, 2)}\n`,
  );
  process.stdout.write(
    `\n  ${((performance.now() - startedMs) / 1000).toFixed(0)} s; figures in .opstream/bench.json\n`,
  );
  return 0;
};
