// Pipelines of the factories: their definitions as the API stores them, and how their runs behave, which only the admin
// surface can say. A pipeline that is put through the API keeps the behaviour it had, or gets the default one.

import { createHash } from 'node:crypto';
import { badRequest, isJsonObject, type JsonObject } from './errors.ts';
import type { StandInOptions } from './options.ts';

export type Outcome = 'Succeeded' | 'Failed' | 'Never';

export type ActivityPlan = {
  readonly name: string;
  readonly type: string;
  readonly linkedServiceName: string;
  readonly input: JsonObject;
  /** Undefined: made up from the type and the time it took. */
  readonly output?: JsonObject;
};

export type Behaviour = {
  readonly queuedMs: number;
  readonly runMs: number;
  readonly cancelMs: number;
  /** Outcome of the first, second, ... run; the last one goes for all that follow. */
  readonly outcomes: readonly Outcome[];
  /** Which activity fails; by default the last. */
  readonly failingActivity?: string;
  /** What the failing activity says. */
  readonly message: string;
  readonly undeclaredParameters: StandInOptions['undeclaredParameters'];
};

export type Pipeline = {
  readonly name: string;
  readonly etag: string;
  readonly properties: JsonObject;
  readonly activities: readonly ActivityPlan[];
  readonly behaviour: Behaviour;
  readonly startedCount: number;
};

export type Factory = {
  readonly name: string;
  readonly resourceGroup: string;
  readonly createdAtMs: number;
  /** By lower-case name: Data Factory compares pipeline names without regard to case. */
  readonly pipelines: Map<string, Pipeline>;
};

export const pipelineNamePattern = /^[A-Za-z0-9_][^<>*#.%&:\\+?/]*$/;

export const defaultBehaviour = (options: StandInOptions): Behaviour => ({
  queuedMs: options.queuedMs,
  runMs: options.runMs,
  cancelMs: options.cancelMs,
  outcomes: ['Succeeded'],
  message: 'The specified container does not exist.',
  undeclaredParameters: options.undeclaredParameters,
});

/** What the portal's quickstart deploys: one Copy activity from blob to blob. */
const sampleProperties: JsonObject = {
  activities: [
    {
      name: 'MyCopyActivity',
      type: 'Copy',
      typeProperties: {
        source: { type: 'BinarySource', storeSettings: { type: 'AzureBlobStorageReadSettings', recursive: true } },
        sink: { type: 'BinarySink', storeSettings: { type: 'AzureBlobStorageWriteSettings' } },
        enableStaging: false,
      },
      linkedServiceName: { referenceName: 'ArmtemplateStorageLinkedService', type: 'LinkedServiceReference' },
      inputs: [{ referenceName: 'ArmtemplateTestDatasetIn', type: 'DatasetReference' }],
      outputs: [{ referenceName: 'ArmtemplateTestDatasetOut', type: 'DatasetReference' }],
    },
  ],
  annotations: [],
};

const activityOf = (value: unknown, index: number): ActivityPlan => {
  const wrong = (detail: string): Error => badRequest('BadRequest', `activities[${index}]: ${detail}`, 'body-invalid');
  if (!isJsonObject(value)) throw wrong('expected an object.');
  const { name, type, typeProperties, linkedServiceName, input, output } = value;
  if (typeof name !== 'string' || name === '') throw wrong("'name' is required and is a string.");
  if (typeof type !== 'string' || type === '') throw wrong("'type' is required and is a string.");
  const service = isJsonObject(linkedServiceName) ? linkedServiceName['referenceName'] : linkedServiceName;
  const derivedInput = isJsonObject(typeProperties) ? typeProperties : {};
  return {
    name,
    type,
    linkedServiceName: typeof service === 'string' ? service : '',
    input: isJsonObject(input) ? input : derivedInput,
    ...(isJsonObject(output) ? { output } : {}),
  };
};

const activitiesOf = (properties: JsonObject): readonly ActivityPlan[] => {
  const list = properties['activities'] ?? [];
  if (!Array.isArray(list)) throw badRequest('BadRequest', "'activities' must be a list.", 'body-invalid');
  const activities = list.map(activityOf);
  const doubled = activities.find((one, index) => activities.findIndex((other) => other.name === one.name) !== index);
  if (doubled !== undefined) {
    throw badRequest('BadRequest', `Activity name '${doubled.name}' is used more than once.`, 'body-invalid');
  }
  return activities;
};

const checkParameterSpecs = (properties: JsonObject): void => {
  const specs = properties['parameters'] ?? {};
  if (!isJsonObject(specs)) throw badRequest('BadRequest', "'parameters' must be an object.", 'body-invalid');
  for (const [name, spec] of Object.entries(specs)) {
    if (isJsonObject(spec) && typeof spec['type'] === 'string') continue;
    throw badRequest('BadRequest', `Parameter '${name}' must be an object with a 'type'.`, 'body-invalid');
  }
};

/** @throws Refusal when the definition is not one that the API would take */
export const definePipeline = (
  name: string,
  properties: JsonObject,
  behaviour: Behaviour,
  previous: Pipeline | undefined,
): Pipeline => {
  const activities = activitiesOf(properties);
  checkParameterSpecs(properties);
  const version = `${previous?.etag ?? ''}|${JSON.stringify(properties)}`;
  const digest = createHash('sha256').update(version).digest('hex');
  return {
    name: previous?.name ?? name,
    etag: `${digest.slice(0, 8)}-0000-0000-0000-${digest.slice(8, 20)}`,
    properties,
    activities,
    behaviour,
    startedCount: previous?.startedCount ?? 0,
  };
};

export const createFactories = (options: StandInOptions): readonly Factory[] =>
  options.factories.map((spec) => ({
    name: spec.name,
    resourceGroup: spec.resourceGroup,
    createdAtMs: options.now(),
    pipelines: new Map(
      spec.pipelines.map((name) => [
        name.toLowerCase(),
        definePipeline(name, sampleProperties, defaultBehaviour(options), undefined),
      ]),
    ),
  }));

export const factoryId = (subscriptionId: string, factory: Factory): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${factory.resourceGroup}` +
  `/providers/Microsoft.DataFactory/factories/${factory.name}`;

/** The resource as the API shows it. */
export const pipelineView = (subscriptionId: string, factory: Factory, pipeline: Pipeline): JsonObject => ({
  id: `${factoryId(subscriptionId, factory)}/pipelines/${pipeline.name}`,
  name: pipeline.name,
  type: 'Microsoft.DataFactory/factories/pipelines',
  properties: pipeline.properties,
  etag: pipeline.etag,
});

const outcomes: readonly Outcome[] = ['Succeeded', 'Failed', 'Never'];
const durationKeys = ['queuedMs', 'runMs', 'cancelMs'] as const;
const behaviourKeys = [...durationKeys, 'outcome', 'failingActivity', 'message', 'undeclaredParameters'];
const definitionKeys = ['activities', 'parameters'];
const addressKeys = ['factoryName', 'pipelineName'];

const parseBehaviour = (value: JsonObject, base: Behaviour): Behaviour | string => {
  for (const key of durationKeys) {
    const duration = value[key];
    if (duration !== undefined && !(typeof duration === 'number' && Number.isInteger(duration) && duration >= 0)) {
      return `${key}: expected whole milliseconds, at least 0`;
    }
  }
  const outcome = value['outcome'];
  const list = Array.isArray(outcome) ? outcome : [outcome];
  if (outcome !== undefined && (list.length === 0 || !list.every((one) => outcomes.includes(one)))) {
    return `outcome: expected one of ${outcomes.join(', ')}, or a list of them`;
  }
  for (const key of ['failingActivity', 'message']) {
    if (value[key] !== undefined && typeof value[key] !== 'string') return `${key}: expected a string`;
  }
  const undeclared = value['undeclaredParameters'];
  if (undeclared !== undefined && undeclared !== 'keep' && undeclared !== 'drop' && undeclared !== 'reject') {
    return 'undeclaredParameters: expected keep, drop or reject';
  }
  const set = Object.fromEntries(
    Object.entries(value).filter(
      ([key, field]) => key !== 'outcome' && behaviourKeys.includes(key) && field !== undefined,
    ),
  ) as Partial<Behaviour>;
  return { ...base, ...set, ...(outcome === undefined ? {} : { outcomes: list as readonly Outcome[] }) };
};

/**
 * Scripts a pipeline from the admin surface, making it when it is not there. Fields not given stay as they were;
 * its list of outcomes begins anew.
 * @returns the pipeline, or what is wrong with the order
 * @throws Refusal when the activities or parameters are not ones that the API would take
 */
export const scriptPipeline = (
  options: StandInOptions,
  factories: readonly Factory[],
  value: unknown,
): Pipeline | string => {
  if (!isJsonObject(value)) return 'expected an object';
  const known = [...addressKeys, ...definitionKeys, ...behaviourKeys];
  const unknownKey = Object.keys(value).find((key) => !known.includes(key));
  if (unknownKey !== undefined) return `unknown field '${unknownKey}'; expected ${known.join(', ')}`;
  const factoryName = value['factoryName'] ?? factories[0]?.name;
  const factory = factories.find((candidate) => candidate.name === factoryName);
  if (factory === undefined) return `factoryName: no factory '${String(factoryName)}' here`;
  const name = value['pipelineName'];
  if (typeof name !== 'string' || !pipelineNamePattern.test(name)) return 'pipelineName: expected a pipeline name';
  const previous = factory.pipelines.get(name.toLowerCase());
  const behaviour = parseBehaviour(value, previous?.behaviour ?? defaultBehaviour(options));
  if (typeof behaviour === 'string') return behaviour;
  const given = Object.fromEntries(Object.entries(value).filter(([key]) => definitionKeys.includes(key)));
  const properties = { ...(previous?.properties ?? sampleProperties), ...given };
  const pipeline = definePipeline(name, properties, behaviour, previous);
  if (
    behaviour.failingActivity !== undefined &&
    !pipeline.activities.some((a) => a.name === behaviour.failingActivity)
  ) {
    return `failingActivity: the pipeline has no activity '${behaviour.failingActivity}'`;
  }
  factory.pipelines.set(name.toLowerCase(), { ...pipeline, startedCount: 0 });
  return pipeline;
};
