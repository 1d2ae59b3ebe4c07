// The streams and buckets of an instance on a memory server, as `streams/*.json` define them.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namesFor, type Names } from '../messages/subjects.ts';
import { createMemoryServer, type MemoryServer, type ServerOptions } from './memory-server.ts';
import type { StreamDefinition } from './memory-stream.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'streams');
const NANOS_PER_MS = 1_000_000;
const DEFAULT_PREFIX = 'opstream';

type Stored = {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention?: 'limits' | 'workqueue';
  readonly max_msgs_per_subject?: number;
  readonly duplicate_window?: number;
};

const readDefinitions = (): readonly StreamDefinition[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const { name, subjects, retention, max_msgs_per_subject, duplicate_window } = JSON.parse(
        readFileSync(join(FOLDER, file), 'utf8'),
      ) as Stored;
      return {
        ...{ name, subjects, retention: retention ?? 'limits' },
        ...((max_msgs_per_subject ?? 0) > 0 ? { maxPerSubject: max_msgs_per_subject ?? 0 } : {}),
        ...(duplicate_window === undefined ? {} : { duplicateWindowMs: duplicate_window / NANOS_PER_MS }),
      };
    });

let definitions: readonly StreamDefinition[] | undefined;

/** A server that holds what provisioning makes for an instance of the default prefix. */
export const createMemoryInstance = (
  options: ServerOptions,
): { readonly server: MemoryServer; readonly names: Names } => {
  definitions ??= readDefinitions();
  const server = createMemoryServer(options);
  for (const definition of definitions) server.addStream(definition);
  return { server, names: namesFor(DEFAULT_PREFIX) };
};
