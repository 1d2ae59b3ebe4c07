// The bench's tables: from what was measured to ratios, and whether they reach their goals.

import { format, median } from './figures.mjs';

const row = (name, value, goal = '', isMet) => {
  const verdict = isMet === undefined ? '' : isMet ? 'met' : 'NOT MET';
  return `  ${name.padEnd(64)} ${format(value).padStart(8)}   ${goal.padEnd(8)} ${verdict}`.trimEnd();
};
const atLeast = (name, value, goal) => row(name, value, `>= ${goal}`, value >= goal);
const atMost = (name, value, goal) =>
  goal === undefined ? row(name, value) : row(name, value, `<= ${goal}`, value <= goal);

const medianOf = (runs, figure) => median(runs.map(figure));
const rateOf = ({ rate }) => rate;
const p50Of = ({ p50Ms }) => p50Ms;
const p99Of = ({ p99Ms }) => p99Ms;

const cells = (runs) => [
  format(medianOf(runs, rateOf)).padStart(12),
  format(medianOf(runs, p50Of), 3).padStart(11),
  format(medianOf(runs, p99Of), 3).padStart(11),
];

const perWrite = ({ ratio, products }) => ratio * medianOf(products, ({ writesPerApply }) => writesPerApply);

/** The ratios of one mode, by name; what bench.json holds. */
export const ratiosOf = ({ accepted, reconciled, chain, rebuilds, memory }) => ({
  accepted256: accepted.at256.ratio,
  acceptedByTwo256: accepted.byTwo.ratio,
  reconciledTimesWrites256: perWrite(reconciled.at256),
  receiptP50: accepted.at1.ratio,
  visibleP50: reconciled.at1.ratio,
  bareReceiptP50: chain.answered.ratio,
  bareVisibleP50: chain.visible.ratio,
  rebuild: rebuilds.history.ratio,
  rebuildOfNewThings: rebuilds.newThings.ratio,
  largestProcessMiB: Math.max(
    ...Object.entries(memory)
      .filter(([name]) => name !== 'nats-server')
      .map(([, mib]) => mib),
  ),
});

const goals = {
  default: { accepted: 0.2, reconciled: 0.4, receipt: 4, visible: 10 },
  always: { accepted: 2, reconciled: 2 },
};

const table = ({ accepted, reconciled }) => {
  const lines = [
    '  in flight   accepted/s      p50 ms      p99 ms   reconciled/s      p50 ms      p99 ms   writes each',
  ];
  const shown = [
    [1, accepted.at1.products, reconciled.at1.products],
    [32, [accepted.at32], [reconciled.at32]],
    [256, accepted.at256.products, reconciled.at256.products],
  ];
  for (const [inFlight, first, second] of shown) {
    const writes = format(medianOf(second, ({ writesPerApply }) => writesPerApply)).padStart(13);
    lines.push([String(inFlight).padStart(11), ...cells(first), ` ${cells(second).join(' ')}`, writes].join(' '));
  }
  return lines;
};

const rebuildText = ({ events, consume, rebuild }) =>
  `(${events}) / consume and parse (${format(rebuild)}/s of ${format(consume)}/s)`;

/** The text of one mode. */
export const reportOf = (result) => {
  const { mode, accepted, rebuilds, memory } = result;
  const goal = goals[mode];
  const ratios = ratiosOf(result);
  const limit = medianOf(accepted.at256.references, rateOf);
  const raw = accepted.at1.references;
  const memoryText = Object.entries(memory).map(([name, mib]) => `${name} ${Math.round(mib)}`);
  return [
    '',
    `sync_interval: ${mode}   raw publishes at 256 in flight: ${format(limit)}/s; one at a time: p50 ${format(medianOf(raw, p50Of), 3)} ms, p99 ${format(medianOf(raw, p99Of), 3)} ms`,
    '',
    ...table(result),
    '',
    atLeast('accepted at 256 in flight / limit, one command-handler', ratios.accepted256, goal.accepted),
    atLeast('the same with two copies of it', ratios.acceptedByTwo256, goal.accepted),
    atLeast('reconciled at 256 in flight x writes / limit', ratios.reconciledTimesWrites256, goal.reconciled),
    atMost('request to receipt, p50 in raw round trips', ratios.receiptP50, goal.receipt),
    row('  of which the bare chain (same hops, nothing done)', ratios.bareReceiptP50),
    atMost('request to visible in KV, p50 in raw round trips', ratios.visibleP50, goal.visible),
    row('  of which the bare chain (same hops, nothing done)', ratios.bareVisibleP50),
    atLeast(`rebuild, 15 events each ${rebuildText(rebuilds.history)}`, ratios.rebuild, 0.6),
    row(`rebuild, 1 event each ${rebuildText(rebuilds.newThings)}`, ratios.rebuildOfNewThings),
    atMost('largest process, MiB', ratios.largestProcessMiB, 400),
    `  memory, MiB: ${memoryText.join(', ')}`,
    '',
  ].join('\n');
};

/** The text of one component that polls many resources. */
export const componentReportOf = (measured) =>
  [
    '',
    `one component, ${measured.entities} resources polled every ${measured.pollSeconds} s: ${format(measured.pollsPerSecond)} polls/s`,
    '',
    atMost('cores in use', measured.cores, 1),
    row('  in its busiest second', measured.busiestSecond),
    atMost('resident memory, MiB', measured.residentMiB, 300),
    atMost('statuses written while nothing changed', measured.statusesWritten, 0),
    '',
  ].join('\n');
