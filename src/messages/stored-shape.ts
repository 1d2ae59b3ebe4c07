// Whether a stored manifest has what its readers touch. Not the validation of manifests (that was done before it was stored): a guard
// against damaged or foreign events, which must not be able to stop a process. Called for each event that brings or changes a manifest.

import { isJsonObject } from '../core/json.ts';
import { isToken } from '../core/names.ts';

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const metaProblem = (manifest: Readonly<Record<string, unknown>>): string | undefined => {
  if (!isToken(manifest['name'])) return 'manifest.name is not a name';
  if (typeof manifest['version'] !== 'string') return 'manifest.version is not a string';
  if (typeof manifest['owner'] !== 'string') return 'manifest.owner is not a string';
  const { tags, labels } = manifest;
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
    return 'manifest.tags is not a list of strings';
  return labels === undefined || isJsonObject(labels) ? undefined : 'manifest.labels is not an object';
};

/** Why `value` is no stored manifest of a resource; undefined when it is one. */
export const resourceManifestProblem = (value: unknown): string | undefined => {
  if (!isJsonObject(value)) return 'manifest is not an object';
  const { workspace, resource } = value;
  if (!isToken(workspace)) return 'manifest.workspace is not a name';
  if (!isJsonObject(resource)) return 'manifest.resource is not an object';
  if (!isToken(resource['operator'])) return 'manifest.resource.operator is not a name';
  if (!isText(resource['type'])) return 'manifest.resource.type is not a string';
  return isJsonObject(resource['spec']) ? metaProblem(value) : 'manifest.resource.spec is not an object';
};

/** Why `value` is no stored manifest of a secret; undefined when it is one. */
export const secretManifestProblem = (value: unknown): string | undefined => {
  if (!isJsonObject(value)) return 'manifest is not an object';
  const { workspace, secret } = value;
  if (!isToken(workspace)) return 'manifest.workspace is not a name';
  if (!isJsonObject(secret)) return 'manifest.secret is not an object';
  const { data } = secret;
  if (!isText(secret['type'])) return 'manifest.secret.type is not a string';
  if (!isJsonObject(data)) return 'manifest.secret.data is not an object';
  return Object.values(data).every((item) => typeof item === 'string')
    ? metaProblem(value)
    : 'manifest.secret.data holds something that is not text';
};

const isChannel = (value: unknown): boolean => {
  if (!isJsonObject(value)) return false;
  const { command, query } = value;
  if (!isJsonObject(command) || !isText(command['stream']) || !isText(command['subject'])) return false;
  return isJsonObject(query) && isText(query['subject']) && isText(query['replySubject']);
};

const isSchemaHolder = (value: unknown): boolean =>
  value === undefined || (isJsonObject(value) && typeof value['jsonSchema'] === 'string');

const isTextOrNone = (value: unknown): boolean => value === undefined || typeof value === 'string';
const isListOr = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  value === undefined || (Array.isArray(value) && value.every(isItem));
const isString = (value: unknown): boolean => typeof value === 'string';
const isNamed = (value: unknown): boolean => isJsonObject(value) && isText(value['name']);

const isComponent = (value: unknown): boolean => {
  if (!isJsonObject(value) || !isToken(value['name']) || !isText(value['compute'])) return false;
  const { replicas, image, imagePullSecret, environmentVars, secrets, dataosSecrets, ports } = value;
  return (
    Number.isSafeInteger(replicas) &&
    [image, imagePullSecret, value['runAsUser'], value['runAsApiKey']].every(isTextOrNone) &&
    (environmentVars === undefined || isJsonObject(environmentVars)) &&
    [value['command'], value['arguments']].every((list) => isListOr(list, isString)) &&
    [secrets, dataosSecrets, ports].every((list) => isListOr(list, isNamed))
  );
};

/** Why `value` is no stored manifest of an operator; undefined when it is one. */
export const operatorManifestProblem = (value: unknown): string | undefined => {
  if (!isJsonObject(value)) return 'manifest is not an object';
  const { operator } = value;
  if (!isJsonObject(operator)) return 'manifest.operator is not an object';
  const { resources, enabledWorkspaces, components, natsClusterConfig } = operator;
  if (!Array.isArray(components) || !components.every(isComponent))
    return 'manifest.operator.components holds something that is no component';
  if (natsClusterConfig !== undefined && !isNamed(natsClusterConfig))
    return 'manifest.operator.natsClusterConfig has no name';
  if (!Array.isArray(enabledWorkspaces)) return 'manifest.operator.enabledWorkspaces is not a list';
  if (!Array.isArray(resources)) return 'manifest.operator.resources is not a list';
  const isType = (type: unknown): boolean =>
    isJsonObject(type) &&
    isText(type['name']) &&
    isSchemaHolder(type['specSchema']) &&
    isListOr(type['actions'], isNamed) &&
    isChannel(type['natsApi']);
  return resources.every(isType)
    ? metaProblem(value)
    : 'manifest.operator.resources holds something that is no resource type';
};
