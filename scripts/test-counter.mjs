// A reporter for node:test that writes one line of JSON at the end: how many tests passed, failed and were skipped (suites not counted),
// and which failed. scripts/test.mjs adds the tiers up.

export default async function* count(source) {
  const totals = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined) {
      totals.skipped += 1;
      totals.skips.push(`${data.name}: ${data.skip === true || data.skip === '' ? 'no reason given' : data.skip}`);
    } else if (type === 'test:pass') totals.passed += 1;
    else {
      totals.failed += 1;
      totals.failures.push(`${data.file ?? '?'}: ${data.name}`);
    }
  }
  yield `${JSON.stringify(totals)}\n`;
}
