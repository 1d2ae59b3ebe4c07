// The operator's own manifest, for components that read it: a file with YAML or JSON as somebody writes it, or as it is stored.

import { readFileSync } from 'node:fs';
import { Fault } from '../core/fault.ts';
import { parseManifests } from '../manifest/parse.ts';
import type { OperatorManifest } from '../messages/manifest-types.ts';
import { validateManifest } from '../manifest/validate.ts';

const wrong = (path: string, problem: string): Fault =>
  new Fault('CONFIG_INVALID', `${path}: ${problem}`, { retry: 'never' });

const bytesOf = (path: string): Uint8Array => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw wrong(path, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
};

/** The first operator in the file, with defaults filled in. Faults: CONFIG_INVALID saying what is wrong with it. */
export const readOperatorManifest = (path: string): OperatorManifest => {
  const parsed = parseManifests(bytesOf(path));
  if (!parsed.ok) throw wrong(path, parsed.error.message);
  for (const document of parsed.value) {
    const manifest = validateManifest(document, { defaultWorkspace: 'public', actor: 'component' });
    if (!manifest.ok) throw wrong(path, manifest.error.message);
    if (manifest.value.type === 'operator') return manifest.value;
  }
  throw wrong(path, 'expected a manifest of type: operator');
};
