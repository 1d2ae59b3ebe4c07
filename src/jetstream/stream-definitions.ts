// The stream definitions of streams/*.json, for one instance: the files say "opstream", another prefix is put in its place. The files
// are the only place for retention, replicas, limits and windows.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isToken } from '../core/names.ts';

/** A stream configuration in the server's own terms. */
export type StreamDefinition = { readonly name: string; readonly subjects: readonly string[] } & Readonly<
  Record<string, unknown>
>;

/** streams/ beside package.json, from src/ as well as from dist/. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'streams');

const renamed = (text: string, prefix: string): string =>
  text
    .replaceAll('"OPSTREAM_', `"${prefix.toUpperCase().replaceAll('-', '_')}_`)
    .replaceAll('KV_opstream-', `KV_${prefix}-`)
    .replaceAll('$KV.opstream-', `$KV.${prefix}-`)
    .replaceAll('"opstream.', `"${prefix}.`);

export const readStreamDefinitions = (options: {
  readonly prefix: string;
  readonly replicas?: number;
  readonly folder?: string;
}): readonly StreamDefinition[] => {
  const { prefix, replicas, folder = FOLDER } = options;
  if (!isToken(prefix)) throw new Error(`not a prefix: ${prefix}`);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const definition = JSON.parse(renamed(readFileSync(join(folder, file), 'utf8'), prefix)) as StreamDefinition;
      return replicas === undefined ? definition : { ...definition, num_replicas: replicas };
    });
};
