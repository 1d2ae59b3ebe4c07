// Measuring: percentiles, a closed loop of so many in flight, and rates.

export const percentile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

export const summarize = (durationsMs) => {
  const sorted = Float64Array.from(durationsMs).sort();
  return { count: sorted.length, p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) };
};

/** Runs `once(index)` `count` times, `inFlight` at a time. Rate per second and latencies of what finished. */
export const closedLoop = async ({ count, inFlight, once }) => {
  const durationsMs = new Float64Array(count);
  let next = 0;
  const startedMs = performance.now();
  const line = async () => {
    for (;;) {
      const index = next;
      if (index >= count) return;
      next += 1;
      const beganMs = performance.now();
      await once(index);
      durationsMs[index] = performance.now() - beganMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, line));
  const elapsedMs = performance.now() - startedMs;
  return { rate: (count / elapsedMs) * 1000, elapsedMs, ...summarize(durationsMs) };
};

export const median = (values) => {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/**
 * Measures by turns, `rounds` times: the reference, the product, the reference … Machines drift within seconds, so each round of the product
 * is held against the rounds of the reference before and after it, and what counts is the median of these ratios.
 */
export const byTurns = async ({ rounds, reference, product, figure }) => {
  const references = [await reference(0)];
  const products = [];
  for (let round = 1; round <= rounds; round += 1) {
    products.push(await product(round));
    references.push(await reference(round));
  }
  const ratios = products.map(
    (one, index) => figure(one) / ((figure(references[index]) + figure(references[index + 1])) / 2),
  );
  return { references, products, ratios, ratio: median(ratios) };
};

export const format = (value, digits = 2) =>
  Number.isFinite(value) ? (value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(digits)) : '-';

/** Resident memory of a process in MiB. */
export const residentMiB = async (pid) => {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? Number.NaN);
  return kib / 1024;
};
