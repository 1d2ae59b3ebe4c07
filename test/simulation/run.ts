// `npm run simulate` runs this: histories from a seed on, with what they met and what they broke. The first broken one is told whole with --trace.

import { parseArgs } from 'node:util';
import { runHistory, type HistoryResult } from './history.ts';
import type { Counts } from './network.ts';

const EVERY_MS = 5000;
const MAX_TOLD = 12;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const histories = Number(values.histories ?? (minutes === undefined ? 1 : Number.MAX_SAFE_INTEGER));

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const total: Counts = new Map();
let commands = 0;
let steps = 0;
let simulatedMs = 0;
let done = 0;
let broken = 0;
const startedMs = performance.now();
let toldMs = startedMs;

const progress = (seed: number): void => {
  const minutesGone = (performance.now() - startedMs) / 60_000;
  say(`  seed ${seed}: ${done} histories, ${broken} broken, ${Math.round(done / minutesGone)} a minute`);
  toldMs = performance.now();
};

const take = (result: HistoryResult): void => {
  done += 1;
  commands += result.commands;
  steps += result.steps;
  simulatedMs += result.simulatedMs;
  for (const [what, number] of result.counts) total.set(what, (total.get(what) ?? 0) + number);
  if (result.breaches.length === 0) return;
  broken += 1;
  say(`\nseed ${result.seed} breaks ${result.breaches.length}:`);
  for (const breach of result.breaches.slice(0, MAX_TOLD)) say(`  - ${breach}`);
  say(`  again: npm run simulate -- --seed ${result.seed} --trace`);
};

for (let seed = first; seed < first + histories; seed += 1) {
  take(await runHistory(seed, values.trace ? say : undefined));
  if (broken > 0 && !values['keep-going']) break;
  if (performance.now() - toldMs > EVERY_MS) progress(seed);
  if (minutes !== undefined && performance.now() - startedMs > minutes * 60_000) break;
}

const minutesGone = (performance.now() - startedMs) / 60_000;
say(
  `\n${done} histories from seed ${first} on in ${(minutesGone * 60).toFixed(1)} s: ${Math.round(done / minutesGone)} a minute`,
);
say(`${commands} commands, ${steps} steps, ${(simulatedMs / 3_600_000).toFixed(1)} hours simulated`);
for (const [what, number] of [...total].sort(([left], [right]) => left.localeCompare(right)))
  say(`  ${number} ${what}`);
say(broken === 0 ? 'nothing was broken' : `${broken} broken`);
process.exitCode = broken === 0 ? 0 : 1;
