// The official test suites, which are others' work and not part of the project: read where they are (OPSTREAM_TEST_SUITES, or `shared/suites` beside
// the checkout), and the tests that need them are skipped where they are not.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.env['OPSTREAM_TEST_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url));

/** Why the tests of a suite cannot run, or false when they can. */
export const suiteMissing = (name: string): string | false =>
  existsSync(join(folder, name)) ? false : `the official suite is not in ${join(folder, name)} (OPSTREAM_TEST_SUITES)`;

/** The JSON files of a suite, by their paths in it. */
export const suiteFiles = (name: string): readonly (readonly [string, unknown])[] => {
  const root = join(folder, name);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [relative(root, path), JSON.parse(readFileSync(path, 'utf8')) as unknown]);
};
