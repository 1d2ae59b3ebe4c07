// Which program of this machine is meant by a component's `image` and `command`: the process driver starts programs, not images. A table
// (OPSTREAM_LOCAL_IMAGES, YAML or JSON) names a program for an image; it replaces the manifest's `command`, the `arguments` stay:
//
//   docker.io/rubiklabs/azure-operator:
//     command: [node, dist/operators/azure-data-factory/main.js]
//     environment: { AZURE_POLL_INTERVAL: 1s }
//
// The file is read at each start, so that mending it is enough. What the manifest sets wins over the table's environment.

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { Fault } from '../core/fault.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { parseManifests } from '../manifest/parse.ts';

export type LocalImage = {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};
export type LocalImages = ReadonlyMap<string, LocalImage>;

export type Program = LocalImage & { readonly path: string };

export type ProgramQuestion = {
  /** Undefined: the component names none, and `command` says all. */
  readonly image: string | undefined;
  readonly command: readonly string[];
  readonly builtIn: LocalImages;
  /** Path of the table, if there is one. */
  readonly tablePath: string | undefined;
  /** PATH. */
  readonly searchPath: string;
};

/** `host:5000/name:tag@sha256:…` without tag and digest. */
export const imageName = (image: string): string => {
  const [name = ''] = image.split('@');
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
};

const invalid = (path: string, problem: string): Fault =>
  new Fault(
    'COMPONENT_NOT_STARTABLE',
    `the table of local images ${path} ${problem}; expected for each image {command: [program, argument, …], environment: {NAME: value}}`,
  );

const parseEntry = (path: string, image: string, entry: JsonObject): LocalImage => {
  const { command, environment = {} } = entry;
  const isCommand = Array.isArray(command) && command.length > 0 && command.every((one) => typeof one === 'string');
  if (!isCommand) throw invalid(path, `has no command for ${image}`);
  const isPlain = isJsonObject(environment) && Object.values(environment).every((value) => typeof value !== 'object');
  if (!isPlain) throw invalid(path, `has an environment for ${image} that is no mapping of plain values`);
  const variables = Object.entries(environment).map(([name, value]) => [name, String(value)] as const);
  return { command: command as readonly string[], environment: Object.fromEntries(variables) };
};

/** Faults: COMPONENT_NOT_STARTABLE. */
export const readLocalImages = (path: string): LocalImages => {
  let data: Uint8Array;
  try {
    data = readFileSync(path);
  } catch (error) {
    throw invalid(path, `cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
  }
  const parsed = parseManifests(data);
  if (!parsed.ok) throw invalid(path, `is neither YAML nor JSON: ${parsed.error.message}`);
  const table = parsed.value[0]?.value;
  if (!isJsonObject(table)) throw invalid(path, 'is no mapping');
  return new Map(
    Object.entries(table).map(([image, entry]) => {
      if (!isJsonObject(entry)) throw invalid(path, `has no mapping for ${image}`);
      return [image, parseEntry(path, image, entry)];
    }),
  );
};

/** What the table has for an image, as text to compare; undefined when it has nothing, or cannot be read (the start will say so). */
export const localImageText = (image: string, tablePath: string): string | undefined => {
  try {
    const table = readLocalImages(tablePath);
    const entry = table.get(image) ?? table.get(imageName(image));
    return entry === undefined ? undefined : JSON.stringify(entry);
  } catch {
    return undefined;
  }
};

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const findProgram = (name: string, searchPath: string): string | undefined => {
  // Whatever PATH says: the Node that runs this.
  if (name === 'node') return process.execPath;
  if (name.includes('/')) return isProgram(resolve(name)) ? resolve(name) : undefined;
  return searchPath
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find(isProgram);
};

const tableIn = ({ tablePath }: ProgramQuestion): string =>
  tablePath === undefined ? 'there is no table (OPSTREAM_LOCAL_IMAGES)' : `the table is ${tablePath}`;

const notFound = (program: string, local: LocalImage | undefined, question: ProgramQuestion): Fault => {
  const where = program.includes('/') ? '' : ` in PATH (${question.searchPath})`;
  const missing = `program ${program} is not on this machine${where}`;
  if (question.image === undefined) {
    const todo = 'install it, or use a compute with the container driver';
    return new Fault('COMPONENT_NOT_STARTABLE', `${missing}; ${todo}`);
  }
  const name = imageName(question.image);
  const why =
    local === undefined
      ? `, and image ${name} is not in the table of local images (${tableIn(question)}); install the program, name the image in that table, or use a compute with the container driver`
      : `; the table of local images names it for ${name} (${tableIn(question)})`;
  return new Fault('COMPONENT_NOT_STARTABLE', `${missing}${why}`);
};

const localImage = (image: string, table: LocalImages | undefined, builtIn: LocalImages): LocalImage | undefined => {
  const name = imageName(image);
  return table?.get(image) ?? table?.get(name) ?? builtIn.get(name);
};

/** Faults: COMPONENT_NOT_STARTABLE, with what was looked for and what can be done. */
export const resolveProgram = (question: ProgramQuestion): Program => {
  const { image, tablePath, builtIn } = question;
  const table = tablePath === undefined ? undefined : readLocalImages(tablePath);
  const local = image === undefined ? undefined : localImage(image, table, builtIn);
  const command = local?.command ?? question.command;
  const [program] = command;
  if (program === undefined) {
    throw new Fault(
      'COMPONENT_NOT_STARTABLE',
      `image ${image ?? '(none)'} has no program on this machine and the component has no command; name the image in the table of local images (${tableIn(question)}), give a command, or use a compute with the container driver`,
    );
  }
  const path = findProgram(program, question.searchPath);
  if (path === undefined) throw notFound(program, local, question);
  return { path, command, environment: local?.environment ?? {} };
};
