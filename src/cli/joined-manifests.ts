// Several files as one command: their bytes joined by `---`, and the way back from a line or document of the whole to the file that it
// came from. Pure; manifest-files.ts reads the files.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import { MAX_COMMAND_BYTES } from '../json-schema/limits.ts';
import { parseManifests } from '../manifest/parse.ts';

export type SourceFile = {
  /** As the user named it; `-` is stdin. */
  readonly path: string;
  readonly data: Uint8Array;
};

/** A document as far as it can be read here; the command-handler is who judges it. */
export type SourceDocument = { readonly path: string; readonly value: JsonObject };

export type JoinedManifests = {
  readonly data: Uint8Array;
  readonly documents: readonly SourceDocument[];
  /** `detail` with the file it is about, and the line within that file. */
  place(detail: RejectionDetail): { readonly path: string; readonly line?: number; readonly column?: number };
};

type Section = SourceFile & { readonly firstLine: number; readonly firstDocument: number };

const NEWLINE = 0x0a;
const SEPARATOR = new TextEncoder().encode('\n---\n');
const SEPARATOR_LINES = 2;
const BOM = [0xef, 0xbb, 0xbf];

const countLines = (data: Uint8Array): number =>
  data.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0);

const withoutBom = (data: Uint8Array): Uint8Array =>
  BOM.every((byte, index) => data[index] === byte) ? data.subarray(3) : data;

/** A JSON list of documents cannot stand in a YAML stream: its items are written as documents. */
const asYamlStream = (data: Uint8Array): Uint8Array => {
  const first = data.find((byte) => byte > 0x20);
  if (first !== 0x5b) return data;
  const parsed = parseManifests(data);
  if (!parsed.ok) return data;
  return new TextEncoder().encode(parsed.value.map(({ value }) => JSON.stringify(value)).join('\n---\n'));
};

const documentsIn = ({ path, data }: SourceFile): readonly SourceDocument[] => {
  if (data.byteLength > MAX_COMMAND_BYTES) return [];
  const parsed = parseManifests(data);
  return parsed.ok ? parsed.value.flatMap(({ value }) => (isJsonObject(value) ? [{ path, value }] : [])) : [];
};

const joinBytes = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
};

export const joinManifests = (files: readonly SourceFile[]): JoinedManifests => {
  const isOne = files.length === 1;
  const parts: Uint8Array[] = [];
  const sections: Section[] = [];
  const documents: SourceDocument[] = [];
  let line = 1;
  for (const file of files) {
    const data = isOne ? file.data : asYamlStream(withoutBom(file.data));
    if (parts.length > 0) {
      parts.push(SEPARATOR);
      line += SEPARATOR_LINES;
    }
    sections.push({ ...file, data, firstLine: line, firstDocument: documents.length });
    documents.push(...documentsIn({ path: file.path, data }));
    parts.push(data);
    line += countLines(data);
  }

  const sectionOf = (detail: RejectionDetail): Section | undefined => {
    const isAfter = (section: Section): boolean =>
      detail.line !== undefined
        ? section.firstLine <= detail.line
        : detail.document !== undefined && section.firstDocument <= detail.document;
    return sections.filter(isAfter).at(-1) ?? (sections.length === 1 ? sections[0] : undefined);
  };

  return {
    data: joinBytes(parts),
    documents,
    place: (detail) => {
      const section = sectionOf(detail);
      const path = section?.path ?? files.map((file) => file.path).join(',');
      if (detail.line === undefined || section === undefined) return { path };
      const column = detail.column === undefined ? {} : { column: detail.column };
      return { path, line: detail.line - section.firstLine + 1, ...column };
    },
  };
};

/** The size that the command would have, for a clear word before anything is sent. */
export const tooLargeMessage = (data: Uint8Array): string | undefined =>
  data.byteLength <= MAX_COMMAND_BYTES
    ? undefined
    : `expected manifests of at most ${MAX_COMMAND_BYTES / 1024} KiB together, found ${Math.ceil(data.byteLength / 1024)} KiB; apply them in several steps`;
