// From an operator's manifest to the instances that should run. Pure: secrets have been read, the way to the server is given. The revision
// is a hash of what an instance is started with, secrets by their version and never by their value (a hash of a weak secret tells it);
// `replicas` is not in it, so that scaling starts or stops copies and changes none.

import { type ComponentSecrets, type ServerAccess } from './plan-inputs.ts';
import type { ComponentSpec, NatsApi } from '../../messages/manifest-types.ts';
import type { OperatorDocument } from '../../messages/queries.ts';
import { hiddenValuesOf } from './secrets/hidden-values.ts';
import type { RollParts } from '../../messages/entity.ts';
import { instanceId } from './instance-id.ts';
import type { InstanceFile, InstanceSpec } from './ports.ts';
import { secretPart } from './rolled-for.ts';

export type PlanContext = {
  readonly prefix: string;
  readonly access: ServerAccess;
  readonly secrets: ComponentSecrets;
  /** `runAsApiKey` in the clear. Its version is in the revision, not its sealed text, which a rotation of the keys changes. */
  readonly apiKey?: string;
  /** Changes when it does, and does not tell it. */
  readonly apiKeyVersion?: string;
  /** What this machine has for the image; another one makes another revision. Absent: nothing of its own. */
  readonly local?: string;
  /** A short hash: lower case letters and digits. */
  digest(text: string): string;
};

const CHANNEL = 'ENTITY_OF_INTEREST_MESSAGE_';

const channelVariables = (operator: string, component: string, api: NatsApi): Readonly<Record<string, string>> => ({
  [`${CHANNEL}QUEUE`]: `${operator}-${component}`,
  [`${CHANNEL}STREAM`]: api.command.stream,
  [`${CHANNEL}COMMAND_SUBJECT`]: api.command.subject,
  [`${CHANNEL}QUERY_SUBJECT`]: api.query.subject,
  [`${CHANNEL}QUERY_REPLY_SUBJECT`]: api.query.replySubject,
});

/** Which channel the component serves: the one whose command subject it names, else the only one that the operator has. */
const channelOf = (operator: OperatorDocument, component: ComponentSpec): NatsApi | undefined => {
  const apis = operator.manifest.operator.resources.map(({ natsApi }) => natsApi);
  const named = component.environmentVars?.[`${CHANNEL}COMMAND_SUBJECT`];
  if (named !== undefined) return apis.find(({ command }) => command.subject === named);
  const [first] = apis;
  return apis.every(({ command }) => command.subject === first?.command.subject) ? first : undefined;
};

/** The seed's variables of the platform, as far as they mean something here. */
const platformVariables = (operator: OperatorDocument, component: ComponentSpec): Readonly<Record<string, string>> => {
  const { manifest, uid } = operator;
  const logLevel = component.environmentVars?.['LOG_LEVEL'];
  return {
    DATAOS_NAME: manifest.name,
    DATAOS_TYPE: 'operator',
    DATAOS_RESOURCE_ID: `operator:${manifest.version}:${manifest.name}`,
    DATAOS_UID: uid,
    DATAOS_TAGS: manifest.tags.join(','),
    DATAOS_DESCRIPTION: manifest.description ?? '',
    DATAOS_RUN_AS_USER: component.runAsUser ?? manifest.owner,
    DATAOS_IS_DRY_RUN: 'false',
    RUNNABLE_TYPE: component.type,
    ...(logLevel === undefined ? {} : { DATAOS_LOG_LEVEL: String(logLevel) }),
  };
};

/** The operator's own manifest, for a component that is told by it what to do (operators/http). */
export const OPERATOR_FILE = 'operator.json';

const manifestFile = (operator: OperatorDocument): readonly InstanceFile[] =>
  operator.manifest.operator.resources.some(({ http }) => http !== undefined)
    ? [{ name: OPERATOR_FILE, content: JSON.stringify(operator.manifest) }]
    : [];

const declared = ({ environmentVars = {} }: ComponentSpec): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(environmentVars).map(([name, value]) => [name, String(value)]));

type Started = {
  readonly template: { readonly image: string | undefined };
  readonly known: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly described: readonly InstanceFile[];
  readonly asked: string | undefined;
};

/** What goes into the revision, part by part. Its own image is a part of itself wherever the manifest says it. */
const partsOf = (component: ComponentSpec, started: Started, context: PlanContext): RollParts => {
  const { access, secrets, digest } = context;
  const { template, known, files, asked } = started;
  const { image, ...rest } = template;
  const ownImage = JSON.stringify({ image: component.image }).slice(1, -1);
  const described = started.described.map(({ content }) => content.replaceAll(ownImage, ''));
  const ofManifest = Object.entries(known)
    .filter(([name, value]) => access.environment[name] !== value)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  const places = Object.entries(secrets.sequences ?? {});
  const referred = places.map(([place]) => place).sort();
  const digested = (value: unknown): string => digest(JSON.stringify(value));
  return {
    manifest: digested([rest, component.compute, ofManifest, files, component.imagePullSecret, described, referred]),
    image: digested([image, context.local]),
    server: digested(access.environment),
    credentials: digested([access.credentialsVersion, context.apiKeyVersion]),
    restart: asked ?? '',
    ...Object.fromEntries(places.map(([place, sequence]) => [secretPart(place), String(sequence)])),
  };
};

/** The instances of one component, by replica. What the manifest sets wins over what is derived, secrets win over both. */
export const planComponent = (
  operator: OperatorDocument,
  component: ComponentSpec,
  context: PlanContext,
): readonly InstanceSpec[] => {
  const { prefix, access, secrets, apiKey, digest } = context;
  const api = channelOf(operator, component);
  const known = {
    ...platformVariables(operator, component),
    OPSTREAM_PREFIX: prefix,
    OPSTREAM_OPERATOR: operator.name,
    ...access.environment,
    ...(api === undefined ? {} : channelVariables(operator.name, component.name, api)),
    ...declared(component),
  };
  const template = {
    type: component.type,
    image: component.image,
    command: component.command ?? [],
    arguments: component.arguments ?? [],
    ports: component.ports ?? [],
  } as const;
  const sorted = Object.entries(known).sort(([left], [right]) => (left < right ? -1 : 1));
  const files = secrets.files.map(({ name }) => name);
  const described = manifestFile(operator);
  const pull = component.imagePullSecret ?? '';
  const { restarts = {} } = operator;
  const asked = Object.hasOwn(restarts, component.name) ? `restart ${restarts[component.name]}` : undefined;
  const versions = [access.credentialsVersion, context.apiKeyVersion, context.local, asked].filter(
    (version) => version !== undefined,
  );
  const revision = digest(
    JSON.stringify([template, component.compute, sorted, secrets.version, files, pull, ...described, ...versions]),
  );
  const parts = partsOf(component, { template, known, files, described, asked }, context);
  const hidden = hiddenValuesOf(secrets, access.credentials, apiKey);
  return Array.from({ length: Math.max(0, component.replicas) }, (_, replica) => ({
    id: instanceId({ operator: operator.name, component: component.name, replica, revision }),
    operator: operator.name,
    component: component.name,
    replica,
    revision,
    parts,
    ...template,
    environment: {
      ...access.credentials,
      ...known,
      ...(apiKey === undefined ? {} : { DATAOS_RUN_AS_APIKEY: apiKey }),
      ...secrets.environment,
    },
    files: [...secrets.files, ...described],
    hidden,
    ...(secrets.registryConfig === undefined ? {} : { registryConfig: secrets.registryConfig }),
  }));
};
