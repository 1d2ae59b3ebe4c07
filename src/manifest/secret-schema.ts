// A manifest of `type: secret` (or without type but with `secret:`, as the operator page has it), as somebody sends it: its values are in the
// clear. What else must hold of some types is in secretProblems. No message repeats a value.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { RejectionDetail } from '../core/rejection.ts';
import { fields, metaProperties, token } from './meta-schema.ts';

export const SECRET_TYPES = [
  'key-value',
  'key-value-properties',
  'certificate',
  'cloud-kernel',
  'cloud-kernel-image-pull',
] as const;

/** Longest value, in characters. Certificates with their chain fit. */
const MAX_VALUE_LENGTH = 64 * 1024;

const KEY: JsonObject = {
  pattern: '^(?!\\.\\.?$)[A-Za-z0-9._-]{1,253}$',
  'x-expected': 'a name of letters, digits, ".", "_" and "-", at most 253 characters',
};

const values: JsonObject = {
  type: 'object',
  minProperties: 1,
  maxProperties: 500,
  propertyNames: KEY,
  additionalProperties: { type: 'string', maxLength: MAX_VALUE_LENGTH },
};

const files: JsonObject = {
  not: {},
  'x-message':
    'files are read by `opstream apply`, which sends their content as data; here only data is accepted: put the content there',
};

export const secretSchema = fields(
  {
    ...metaProperties,
    workspace: token,
    secret: fields({ type: { enum: SECRET_TYPES }, acl: { enum: ['r', 'rw'] }, data: values, files, file: files }, [
      'type',
      'acl',
      'data',
    ]),
  },
  ['name', 'version', 'secret'],
);

/** Keys of an image-pull secret that hold a whole docker `config.json`. */
export const REGISTRY_CONFIG_KEYS: readonly string[] = ['.dockerconfigjson', 'config.json'];
/** Else these three, in any case; REGISTRY_SERVER and the like are known too. */
export const REGISTRY_FIELDS = {
  server: ['registry', 'server', 'registry_server', 'docker_server'],
  username: ['username', 'registry_username', 'docker_username'],
  password: ['password', 'registry_password', 'docker_password'],
} as const;

export const registryField = (
  data: Readonly<Record<string, string>>,
  field: keyof typeof REGISTRY_FIELDS,
): string | undefined => {
  const names: readonly string[] = REGISTRY_FIELDS[field];
  return Object.entries(data).find(([key]) => names.includes(key.toLowerCase().replaceAll(/[-.]/g, '_')))?.[1];
};

/** What the shape does not say; the shape holds. */
export const secretProblems = (value: JsonObject): readonly RejectionDetail[] => {
  const secret = value['secret'];
  if (!isJsonObject(secret) || secret['type'] !== 'cloud-kernel-image-pull' || !isJsonObject(secret['data'])) return [];
  const data = secret['data'] as Readonly<Record<string, string>>;
  if (REGISTRY_CONFIG_KEYS.some((key) => data[key] !== undefined)) return [];
  const missing = (['server', 'username', 'password'] as const).filter(
    (field) => registryField(data, field) === undefined,
  );
  if (missing.length === 0) return [];
  const message = `expected ".dockerconfigjson" (a docker config.json), or "registry", "username" and "password"; missing: ${missing.join(', ')}`;
  return [{ message, pointer: '/secret/data', code: 'SECRET_INVALID' }];
};
