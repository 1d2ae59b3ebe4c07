// Reads what -f names: files, folders (their *.yaml, *.yml and *.json, sorted by name; with -R also those below), or stdin.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { MAX_COMMAND_BYTES } from '../json-schema/limits.ts';
import type { CliContext } from './context.ts';
import { joinManifests, type JoinedManifests, type SourceFile } from './joined-manifests.ts';
import { withSecretFiles } from './secret-files.ts';
import { UsageError } from './verb.ts';

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);
const MAX_FILES = 1000;
/** A file this large is no manifest; it is not even read. */
const MAX_FILE_BYTES = 16 * MAX_COMMAND_BYTES;

const reasonOf = (error: unknown): string => {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { readonly code?: unknown };
  if (code === 'ENOENT') return 'there is no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read by this user';
  return typeof code === 'string' ? `it cannot be read (${code})` : 'it cannot be read';
};

const filesIn = (folder: string, isRecursive: boolean): readonly string[] => {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((left, right) => (left.name < right.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory() && EXTENSIONS.has(extname(entry.name).toLowerCase()));
  const folders = isRecursive ? entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')) : [];
  return [
    ...files.map((entry) => join(folder, entry.name)),
    ...folders.flatMap((entry) => filesIn(join(folder, entry.name), true)),
  ];
};

const pathsOf = (path: string, isRecursive: boolean): readonly string[] => {
  if (!statSync(path).isDirectory()) return [path];
  const files = filesIn(path, isRecursive);
  if (files.length > 0) return files;
  throw new UsageError(
    `${path}: no *.yaml, *.yml or *.json in that folder${isRecursive ? '' : '; -R looks below it too'}`,
  );
};

const readOne = (path: string): SourceFile => {
  const size = statSync(path).size;
  if (size > MAX_FILE_BYTES) {
    throw new UsageError(
      `${path}: expected a manifest of at most ${MAX_COMMAND_BYTES / 1024} KiB, found ${Math.ceil(size / 1024)} KiB`,
    );
  }
  return withSecretFiles({ path, data: new Uint8Array(readFileSync(path)) });
};

const readPath = (path: string, isRecursive: boolean): readonly SourceFile[] => {
  try {
    return pathsOf(path, isRecursive).map(readOne);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path}: ${reasonOf(error)}`);
  }
};

/** Throws UsageError for what cannot be read. */
export const readManifests = async (
  context: Pick<CliContext, 'readStdin'>,
  paths: readonly string[],
  isRecursive: boolean,
): Promise<JoinedManifests> => {
  if (paths.length === 0) throw new UsageError('-f FILE is missing: say which manifests');
  const files: SourceFile[] = [];
  for (const path of paths) {
    if (path === '-') files.push({ path: 'stdin', data: await context.readStdin() });
    else files.push(...readPath(path, isRecursive));
  }
  if (files.length > MAX_FILES) throw new UsageError(`expected at most ${MAX_FILES} files, found ${files.length}`);
  return joinManifests(files);
};
