// A reporter for node:test that writes one line of JSON at the end: how many tests passed, failed and were skipped (suites not counted),
// and which failed or were skipped. scripts/test.mjs adds the tiers up. node:test reports a file that holds no test at all as a test of
// that name which passed; here it has failed, because a file whose tests vanished must not look like one whose tests passed.

import { relative } from 'node:path';

const reasonOf = (mark) => (typeof mark === 'string' && mark !== '' ? mark : 'no reason given');

const isFileItself = ({ name, nesting, file }) => nesting === 0 && file !== undefined && file.endsWith(name);

export const count = async (source) => {
  const totals = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  const fail = (data, why) => {
    totals.failed += 1;
    const place = data.file === undefined ? '' : `${relative(process.cwd(), data.file)}: `;
    totals.failures.push(`${place}${data.name}${why}`);
  };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const mark = data.skip ?? data.todo;
    if (mark !== undefined && mark !== false) {
      totals.skipped += 1;
      totals.skips.push(`${data.name}: ${reasonOf(mark)}`);
    } else if (type === 'test:fail') {
      if (!isConsequence(data)) fail(data, '');
    } else if (data.details?.type === 'suite') continue;
    else if (isFileItself(data)) fail(data, ' holds no test');
    else totals.passed += 1;
  }
  return totals;
};

/** A suite that failed because a test in it did: that test has been counted. A suite whose own hook failed has not. */
const isConsequence = ({ details }) => details?.error?.failureType === 'subtestsFailed';

export default async function* report(source) {
  yield `${JSON.stringify(await count(source))}\n`;
}
