// What must hold of an operator manifest beyond its shape: names that differ, and channels that meet neither each other nor opstream's
// own. Runs also on manifests whose shape is wrong, so that all problems come in one answer; hence every value is `unknown` here.

import { isJsonObject, toPointer, type JsonObject, type JsonValue } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import { printable } from '../core/names.ts';
import type { NatsApi } from '../messages/manifest-types.ts';

type Path = readonly (string | number)[];

const STREAM = /^[A-Za-z0-9_-]{1,64}$/;
const SUBJECT_TOKEN = /^[A-Za-z0-9_-]+$/;
const MAX_SUBJECT_TOKENS = 16;
const MAX_SUBJECT_LENGTH = 200;

const mappings = (value: JsonValue | undefined): readonly { readonly index: number; readonly item: JsonObject }[] =>
  Array.isArray(value)
    ? (value as readonly JsonValue[]).flatMap((item, index) => (isJsonObject(item) ? [{ index, item }] : []))
    : [];

const channel = (message: string, path: Path): RejectionDetail => ({
  message,
  pointer: toPointer(path),
  code: 'CHANNEL_INVALID',
});

const streamProblem = (name: string, prefix: string): string | undefined => {
  if (!STREAM.test(name)) {
    return `expected a stream name of letters, digits, "_" and "-", 1 to 64 characters; found "${printable(name)}"`;
  }
  const own = `${prefix.toUpperCase().replaceAll('-', '_')}_`;
  const reserved = ['KV_', 'OBJ_', own].find((start) => name.startsWith(start));
  return reserved === undefined ? undefined : `stream names starting with "${reserved}" are reserved; choose another`;
};

const subjectProblem = (subject: string, prefix: string): string | undefined => {
  const tokens = subject.split('.');
  if (subject.length > MAX_SUBJECT_LENGTH || tokens.length > MAX_SUBJECT_TOKENS) {
    return `expected a subject of at most ${MAX_SUBJECT_TOKENS} tokens and ${MAX_SUBJECT_LENGTH} characters`;
  }
  if (!tokens.every((token) => SUBJECT_TOKEN.test(token))) {
    return `expected a subject of letters, digits, "_" and "-" in tokens separated by "."; found "${printable(subject)}"`;
  }
  const reserved = [prefix, '_INBOX', '_R_'].find((start) =>
    start === prefix ? tokens[0] === start : subject.startsWith(start),
  );
  return reserved === undefined ? undefined : `subjects starting with "${reserved}" are reserved; choose another`;
};

type Use = { readonly role: 'command' | 'query' | 'reply'; readonly value: string; readonly path: Path };

/** The subjects of one natsApi that are text, with their own problems already noted. */
const subjectsOf = (natsApi: JsonObject, path: Path, prefix: string, problems: RejectionDetail[]): readonly Use[] => {
  const command = isJsonObject(natsApi['command']) ? natsApi['command'] : {};
  const query = isJsonObject(natsApi['query']) ? natsApi['query'] : {};
  const { stream } = command;
  if (typeof stream === 'string') {
    const problem = streamProblem(stream, prefix);
    if (problem !== undefined) problems.push(channel(problem, [...path, 'command', 'stream']));
  }
  const uses = [
    { role: 'command', value: command['subject'], path: [...path, 'command', 'subject'] },
    { role: 'query', value: query['subject'], path: [...path, 'query', 'subject'] },
    { role: 'reply', value: query['replySubject'], path: [...path, 'query', 'replySubject'] },
  ] as const;
  return uses.flatMap(({ role, value, path: at }) => {
    if (typeof value !== 'string') return [];
    const problem = subjectProblem(value, prefix);
    if (problem !== undefined) problems.push(channel(problem, at));
    return [{ role, value, path: at }];
  });
};

/** A subject has one role, and a command subject one resource type. Query and reply subjects may be shared by types. */
const clashes = (uses: readonly Use[]): readonly RejectionDetail[] => {
  const first = new Map<string, Use>();
  return uses.flatMap((use) => {
    const other = first.get(use.value);
    if (other === undefined) {
      first.set(use.value, use);
      return [];
    }
    if (other.role === use.role && use.role !== 'command') return [];
    const message = `the subject "${printable(use.value)}" is used twice (also at ${toPointer(other.path)}); command subjects must differ from all others`;
    return [channel(message, use.path)];
  });
};

const duplicates = (
  path: Path,
  what: string,
  names: readonly { readonly index: number; readonly name: unknown }[],
  field?: string,
) => {
  const seen = new Set<unknown>();
  return names.flatMap(({ index, name }) => {
    if (typeof name !== 'string' || !seen.has(name)) {
      seen.add(name);
      return [];
    }
    const pointer = toPointer([...path, index, ...(field === undefined ? [] : [field])]);
    return [{ message: `the name "${printable(name)}" is given twice; ${what} must differ`, pointer }];
  });
};

/** What is started is said by the image, by the command, or by both. */
const programProblems = (
  components: readonly { readonly index: number; readonly item: JsonObject }[],
): readonly RejectionDetail[] =>
  components.flatMap(({ index, item: { image, command = [] } }) => {
    if (image !== undefined || !Array.isArray(command) || command.length > 0) return [];
    const message = 'expected "image", or "command" with the program to start; found neither';
    return [{ message, pointer: toPointer(['operator', 'components', index]) }];
  });

/** An own NATS server is listed among the components, and its log is found there. */
const serverNameProblem = (
  config: unknown,
  components: readonly { readonly item: JsonObject }[],
): readonly RejectionDetail[] => {
  const name = isJsonObject(config) ? config['name'] : undefined;
  if (typeof name !== 'string' || components.every(({ item }) => item['name'] !== name)) return [];
  const message = `the name "${printable(name)}" is that of a component; the NATS server needs one of its own`;
  return [{ message, pointer: toPointer(['operator', 'natsClusterConfig', 'name']) }];
};

/** Requests under a name that the type declares no action of would never be sent. */
const requestsOfNoAction = (type: JsonObject, index: number): readonly RejectionDetail[] => {
  const requests = isJsonObject(type['http']) ? type['http']['actions'] : undefined;
  if (!isJsonObject(requests)) return [];
  const declared = mappings(type['actions']).map(({ item }) => item['name']);
  return Object.keys(requests)
    .filter((name) => !declared.includes(name))
    .map((name) => {
      const known = declared.length === 0 ? 'declares no actions' : `declares the actions ${declared.join(', ')}`;
      const message = `the type ${known}, and these are the requests of "${printable(name)}"; declare it under actions`;
      return { message, pointer: toPointer(['operator', 'resources', index, 'http', 'actions', name]) };
    });
};

const sharedChannelProblem = (operator: JsonObject): readonly RejectionDetail[] => {
  if (!isJsonObject(operator['natsApi'])) return [];
  const without = mappings(operator['resources']).filter(({ item }) => item['natsApi'] === undefined);
  if (without.length < 2) return [];
  const message = `${without.length} resource types would share this command subject; give each its own natsApi`;
  return [channel(message, ['operator', 'natsApi'])];
};

/** Problems of an operator manifest that its schema does not see. `prefix` is the instance's (`opstream`). */
export const operatorProblems = (manifest: JsonObject, prefix: string): readonly RejectionDetail[] => {
  const operator = manifest['operator'];
  if (!isJsonObject(operator)) return [];
  const components = mappings(operator['components']);
  const types = mappings(operator['resources']);
  const workspaces = operator['enabledWorkspaces'];
  const problems: RejectionDetail[] = [
    ...serverNameProblem(operator['natsClusterConfig'], components),
    ...programProblems(components),
    ...duplicates(
      ['operator', 'components'],
      'component names',
      components.map(({ index, item }) => ({ index, name: item['name'] })),
      'name',
    ),
    ...duplicates(
      ['operator', 'resources'],
      'resource type names',
      types.map(({ index, item }) => ({ index, name: item['name'] })),
      'name',
    ),
    ...duplicates(
      ['operator', 'enabledWorkspaces'],
      'workspaces',
      (Array.isArray(workspaces) ? workspaces : []).map((name: unknown, index) => ({ index, name })),
    ),
    ...types.flatMap(({ index, item }) =>
      duplicates(
        ['operator', 'resources', index, 'actions'],
        'action names',
        mappings(item['actions']).map((action) => ({ index: action.index, name: action.item['name'] })),
        'name',
      ),
    ),
    ...types.flatMap(({ index, item }) => requestsOfNoAction(item, index)),
    ...sharedChannelProblem(operator),
  ];
  const uses: Use[] = [];
  const level: Path = ['operator', 'natsApi'];
  const { natsApi } = operator as { readonly natsApi?: JsonValue };
  if (isJsonObject(natsApi)) {
    const shared = subjectsOf(natsApi, level, prefix, problems);
    if (types.some(({ item }) => item['natsApi'] === undefined)) uses.push(...shared);
  }
  for (const { index, item } of types) {
    const own = item['natsApi'];
    if (isJsonObject(own)) uses.push(...subjectsOf(own, ['operator', 'resources', index, 'natsApi'], prefix, problems));
  }
  problems.push(...clashes(uses));
  return problems;
};

/** The channel of a type whose manifest names none. */
export const defaultNatsApi = (operator: string, type: string): NatsApi => {
  const subject = `operators.${operator}.${type}`;
  return {
    command: { stream: `${operator}-commands`, subject },
    query: { subject: `${subject}.query`, replySubject: `${subject}.reply` },
  };
};
