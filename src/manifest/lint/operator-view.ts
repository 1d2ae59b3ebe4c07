// What the rules look at in an operator's manifest, each value with its place. Read from the document as it was written and not from the
// stored form, because findings point into the text; so nothing about its shape is taken for granted.

import { isJsonObject, toPointer, type JsonObject, type JsonValue } from '../../core/json.ts';
import { defaultNatsApi } from '../operator-rules.ts';
import type { NatsApi } from '../../messages/manifest-types.ts';

type Path = readonly (string | number)[];

export type Placed = { readonly text: string; readonly pointer: string };

export type ComponentView = {
  readonly name: string;
  readonly pointer: string;
  readonly replicas: number | undefined;
  readonly compute: Placed | undefined;
  readonly variables: ReadonlyMap<string, Placed>;
  readonly arguments: readonly Placed[];
  readonly ports: readonly {
    readonly name: string;
    readonly targetPort: JsonValue | undefined;
    readonly pointer: string;
  }[];
  readonly runAsApiKey: Placed | undefined;
};

export const channelParts = ['stream', 'commandSubject', 'querySubject', 'replySubject'] as const;
export type ChannelPart = (typeof channelParts)[number];

/** `pointers` are absent for a channel that the manifest does not write down. */
export type ChannelView = {
  readonly type: string;
  readonly values: Readonly<Record<ChannelPart, string>>;
  readonly pointers: Readonly<Record<ChannelPart, string>> | undefined;
};

export type OperatorView = {
  readonly name: string;
  readonly components: readonly ComponentView[];
  readonly channels: readonly ChannelView[];
  /** Of types and of their actions. */
  readonly schemas: readonly { readonly type: string; readonly text: string; readonly pointer: string }[];
  readonly clusterApiKey: Placed | undefined;
};

const objectsIn = (value: JsonValue | undefined): readonly { readonly index: number; readonly item: JsonObject }[] =>
  Array.isArray(value)
    ? (value as readonly JsonValue[]).flatMap((item, index) => (isJsonObject(item) ? [{ index, item }] : []))
    : [];

const textIn = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

const placed = (value: JsonValue | undefined, path: Path): Placed | undefined =>
  typeof value === 'string' && value !== '' ? { text: value, pointer: toPointer(path) } : undefined;

const listOf = (value: JsonValue | undefined, path: Path): readonly Placed[] =>
  Array.isArray(value)
    ? (value as readonly JsonValue[]).flatMap((item, index) => placed(item, [...path, index]) ?? [])
    : [];

const variablesOf = (value: JsonValue | undefined, path: Path): ReadonlyMap<string, Placed> => {
  const variables = new Map<string, Placed>();
  for (const [name, item] of isJsonObject(value) ? Object.entries(value) : []) {
    if (typeof item === 'object') continue;
    variables.set(name, { text: String(item), pointer: toPointer([...path, name]) });
  }
  return variables;
};

const componentOf = (item: JsonObject, index: number): ComponentView => {
  const path: Path = ['operator', 'components', index];
  const replicas = item['replicas'];
  return {
    name: textIn(item['name']),
    pointer: toPointer(path),
    replicas: typeof replicas === 'number' ? replicas : undefined,
    compute: placed(item['compute'], [...path, 'compute']),
    variables: variablesOf(item['environmentVars'], [...path, 'environmentVars']),
    arguments: [...listOf(item['command'], [...path, 'command']), ...listOf(item['arguments'], [...path, 'arguments'])],
    ports: objectsIn(item['ports']).map(({ index: at, item: port }) => ({
      name: textIn(port['name']),
      targetPort: port['targetPort'],
      pointer: toPointer([...path, 'ports', at, 'targetPort']),
    })),
    runAsApiKey: placed(item['runAsApiKey'], [...path, 'runAsApiKey']),
  };
};

const valuesOf = ({ command, query }: NatsApi): Readonly<Record<ChannelPart, string>> => ({
  stream: command.stream,
  commandSubject: command.subject,
  querySubject: query.subject,
  replySubject: query.replySubject,
});

const channelOf = (type: string, natsApi: JsonObject, path: Path): ChannelView => {
  const command = isJsonObject(natsApi['command']) ? natsApi['command'] : {};
  const query = isJsonObject(natsApi['query']) ? natsApi['query'] : {};
  return {
    type,
    values: {
      stream: textIn(command['stream']),
      commandSubject: textIn(command['subject']),
      querySubject: textIn(query['subject']),
      replySubject: textIn(query['replySubject']),
    },
    pointers: {
      stream: toPointer([...path, 'command', 'stream']),
      commandSubject: toPointer([...path, 'command', 'subject']),
      querySubject: toPointer([...path, 'query', 'subject']),
      replySubject: toPointer([...path, 'query', 'replySubject']),
    },
  };
};

type SchemaView = OperatorView['schemas'][number];

const schemaIn = (item: JsonObject, type: string, path: Path): readonly SchemaView[] => {
  const holder = item['specSchema'];
  const text = isJsonObject(holder) ? holder['jsonSchema'] : undefined;
  return typeof text === 'string' ? [{ type, text, pointer: toPointer([...path, 'specSchema', 'jsonSchema']) }] : [];
};

/** Undefined when there is no `operator` section. */
export const operatorView = (value: JsonValue): OperatorView | undefined => {
  const operator = isJsonObject(value) ? value['operator'] : undefined;
  if (!isJsonObject(value) || !isJsonObject(operator)) return undefined;
  const name = textIn(value['name']);
  const types = objectsIn(operator['resources']);
  const shared = operator['natsApi'];
  const cluster = operator['natsClusterConfig'];
  return {
    name,
    components: objectsIn(operator['components']).map(({ item, index }) => componentOf(item, index)),
    channels: types.map(({ item, index }) => {
      const type = textIn(item['name']);
      const own = item['natsApi'];
      if (isJsonObject(own)) return channelOf(type, own, ['operator', 'resources', index, 'natsApi']);
      if (isJsonObject(shared)) return channelOf(type, shared, ['operator', 'natsApi']);
      return { type, values: valuesOf(defaultNatsApi(name, type)), pointers: undefined };
    }),
    schemas: types.flatMap(({ item, index }) => {
      const path: Path = ['operator', 'resources', index];
      const name = textIn(item['name']);
      const actions = objectsIn(item['actions']).flatMap(({ item: action, index: at }) =>
        schemaIn(action, `${name} ${textIn(action['name'])}`, [...path, 'actions', at]),
      );
      return [...schemaIn(item, name, path), ...actions];
    }),
    clusterApiKey: isJsonObject(cluster)
      ? placed(cluster['runAsApiKey'], ['operator', 'natsClusterConfig', 'runAsApiKey'])
      : undefined,
  };
};
