// A secret's `files` (name: path): read here, beside the manifest that names them, and sent as `data`. A server cannot read the caller's files.

import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { decodeText } from '../core/decode.ts';
import { parseManifests } from '../manifest/parse.ts';
import { MAX_DOCUMENT_BYTES } from '../json-schema/limits.ts';
import type { SourceFile } from './joined-manifests.ts';
import { UsageError } from './verb.ts';

/** A text file's content. The message never holds any of it. */
const contentOf = (folder: string, path: JsonValue, key: string, manifest: string): string => {
  const refuse = (why: string): never => {
    throw new UsageError(`${manifest}: secret.files.${key}: ${why}`);
  };
  if (typeof path !== 'string') return refuse('expected the path of a file');
  const file = resolve(folder, path);
  try {
    if (statSync(file).size > MAX_DOCUMENT_BYTES)
      return refuse(`${path} is larger than ${MAX_DOCUMENT_BYTES / 1024} KiB`);
    return (
      decodeText(new Uint8Array(readFileSync(file))) ?? refuse(`${path} is not UTF-8 text; encode it first (base64)`)
    );
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return refuse(`${path} cannot be read`);
  }
};

const inlined = (value: JsonObject, folder: string, manifest: string): JsonObject => {
  const { secret } = value;
  if (!isJsonObject(secret) || !isJsonObject(secret['files'])) return value;
  const { files, data, ...rest } = secret;
  const contents = Object.entries(files).map(([key, path]) => [key, contentOf(folder, path, key, manifest)] as const);
  const given = isJsonObject(data) ? data : {};
  const twice = contents.find(([key]) => Object.hasOwn(given, key));
  if (twice !== undefined) throw new UsageError(`${manifest}: secret.files.${twice[0]}: data has that key too`);
  return { ...value, secret: { ...rest, data: { ...given, ...Object.fromEntries(contents) } } };
};

/** The file as it is, unless a secret in it names files. Throws UsageError for those that cannot be read. */
export const withSecretFiles = (source: SourceFile): SourceFile => {
  const text = Buffer.from(source.data.buffer, source.data.byteOffset, source.data.byteLength);
  if (!text.includes('files') || !text.includes('secret')) return source;
  const parsed = parseManifests(source.data);
  if (!parsed.ok) return source;
  const values = parsed.value.map(({ value }) => value).filter(isJsonObject);
  const after = values.map((value) => inlined(value, dirname(source.path), source.path));
  if (after.every((value, index) => value === values[index])) return source;
  return { ...source, data: new TextEncoder().encode(after.map((value) => JSON.stringify(value)).join('\n---\n')) };
};
