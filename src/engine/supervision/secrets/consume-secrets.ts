// What a component is given of the secrets that its manifest refers to: variables, files, credentials of a registry. Pure; the supervisor reads
// the contents (secretPlacesOf says which) and starts the component with the result, which is in the clear and never logged.

import { REGISTRY_CONFIG_KEYS, registryField } from '../../../manifest/secret-schema.ts';
import {
  imagePullPlace,
  SECRET_WORKSPACE,
  secretUsesOf,
  type SecretPlace,
} from '../../../manifest/secret-references.ts';
import { decodeJson } from '../../../core/decode.ts';
import { isJsonObject } from '../../../core/json.ts';
import type { ComponentSpec, SecretReference } from '../../../messages/manifest-types.ts';
import type { InstanceFile, SecretContent } from '../ports.ts';
import { propertiesText } from './properties-text.ts';

/** Of a ComponentSpec, what is about secrets. */
export type SecretReferences = Pick<ComponentSpec, 'name' | 'secrets' | 'dataosSecrets' | 'imagePullSecret'>;

/** Why a reference gives nothing, or not all; `message` is fit for a condition and never holds a value. */
export type MissingSecret = SecretPlace & { readonly key?: string; readonly field: string; readonly message: string };

export type ConsumedSecrets = {
  readonly environment: Readonly<Record<string, string>>;
  /** Plain names; each once. */
  readonly files: readonly InstanceFile[];
  readonly registryConfig?: string;
  /** Empty: everything that is referred to is there. Else the component should not be started. */
  readonly missing: readonly MissingSecret[];
  /** `workspace/name` -> sequence of its content: part of what makes a revision. A rotation of keys does not change it. */
  readonly sequences: Readonly<Record<string, number>>;
};

/** The secrets to be read for a component, each once. */
export const secretPlacesOf = (component: SecretReferences): readonly SecretPlace[] => {
  const places = new Map(
    secretUsesOf(component).map(({ workspace, name }) => [`${workspace}/${name}`, { workspace, name }]),
  );
  return [...places.values()];
};

type Pair = readonly [string, string];

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `adf-operator` -> `ADF_OPERATOR_PROPERTIES` */
const propertiesVariable = (name: string): string => `${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_PROPERTIES`;

/** Keys that are wanted; undefined: all. */
const wantedKeys = ({ key, keys, allKeys }: SecretReference): readonly string[] | undefined => {
  if (allKeys === true || (key === undefined && keys === undefined)) return undefined;
  return [...new Set([...(key === undefined ? [] : [key]), ...(keys ?? [])])];
};

export const consumeSecrets = (component: SecretReferences, contents: readonly SecretContent[]): ConsumedSecrets => {
  const known = new Map(contents.map((content) => [`${content.workspace}/${content.name}`, content]));
  const environment: Record<string, string> = {};
  const files = new Map<string, { readonly content: string; readonly from: string }>();
  const missing: MissingSecret[] = [];
  const sequences: Record<string, number> = {};

  const find = (place: SecretPlace, field: string): SecretContent | undefined => {
    const key = `${place.workspace}/${place.name}`;
    const content = known.get(key);
    if (content !== undefined) sequences[key] = content.sequence;
    else
      missing.push({
        ...place,
        field,
        message: `there is no secret "${place.name}" in workspace "${place.workspace}"`,
      });
    return content;
  };

  const addFile = (name: string, content: string, place: SecretPlace, field: string): void => {
    const from = `${place.workspace}/${place.name}`;
    const other = files.get(name);
    if (other === undefined) files.set(name, { content, from });
    else if (other.content !== content) {
      const message = `the file "${name}" of secret "${from}" would replace that of secret "${other.from}"; refer to other keys or rename one`;
      missing.push({ ...place, field, message });
    }
  };

  const pairsOf = (secret: SecretContent, reference: SecretReference, field: string): readonly Pair[] => {
    const { workspace, name, data } = secret;
    return (wantedKeys(reference) ?? Object.keys(data)).flatMap((key): readonly Pair[] => {
      const value = Object.hasOwn(data, key) ? data[key] : undefined;
      if (value !== undefined) return [[key, value]];
      missing.push({ workspace, name, key, field, message: `secret "${workspace}/${name}" has no key "${key}"` });
      return [];
    });
  };

  const addVariable = ([key, value]: Pair, place: SecretPlace, field: string): void => {
    if (VARIABLE.test(key) && !value.includes('\0')) environment[key] = value;
    else {
      const message = `the key "${key}" of secret "${place.workspace}/${place.name}" cannot be an environment variable; use consumptionType file or propFile`;
      missing.push({ ...place, key, field, message });
    }
  };

  const consume = (reference: SecretReference, field: string): void => {
    const place = { workspace: reference.workspace ?? SECRET_WORKSPACE, name: reference.name };
    const secret = find(place, field);
    if (secret === undefined) return;
    const pairs = pairsOf(secret, reference, field);
    const isProperties = secret.type === 'key-value-properties';
    const how = reference.consumptionType ?? 'envVars';
    if (how === 'propFile' || how === 'propfile' || (how === 'file' && isProperties)) {
      addFile(`${place.name}.properties`, propertiesText(pairs), place, field);
    } else if (how === 'file') {
      for (const [key, value] of pairs) addFile(key, value, place, field);
    } else {
      for (const pair of pairs) addVariable(pair, place, field);
      if (isProperties) environment[propertiesVariable(place.name)] = propertiesText(pairs);
    }
  };

  for (const field of ['secrets', 'dataosSecrets'] as const) {
    for (const reference of component[field] ?? []) consume(reference, field);
  }
  const { imagePullSecret } = component;
  const pull = imagePullSecret === undefined ? undefined : find(imagePullPlace(imagePullSecret), 'imagePullSecret');
  const registryConfig = pull === undefined ? undefined : registryConfigOf(pull);
  if (pull !== undefined && registryConfig === undefined) {
    const message = `secret "${pull.workspace}/${pull.name}" holds no credentials of a registry: neither a ".dockerconfigjson" nor registry, username and password`;
    missing.push({ workspace: pull.workspace, name: pull.name, field: 'imagePullSecret', message });
  }
  return {
    environment,
    files: [...files].map(([name, { content }]) => ({ name, content })),
    ...(registryConfig === undefined ? {} : { registryConfig }),
    missing,
    sequences,
  };
};

/** A docker `config.json`; undefined when the secret holds none and cannot be made into one. */
const registryConfigOf = ({ data }: SecretContent): string | undefined => {
  const whole = REGISTRY_CONFIG_KEYS.map((key) => data[key]).find((text) => text !== undefined);
  if (whole !== undefined) return isJsonObject(decodeJson(new TextEncoder().encode(whole))) ? whole : undefined;
  const server = registryField(data, 'server');
  const username = registryField(data, 'username');
  const password = registryField(data, 'password');
  if (server === undefined || username === undefined || password === undefined) return undefined;
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return JSON.stringify({ auths: { [server]: { username, password, auth } } });
};
