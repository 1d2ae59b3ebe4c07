// The fields that every manifest has, and the small schemas that the others are built from. Field names and defaults are those of the
// operator page; validate.ts fills the defaults in. `x-expected` and `x-code` make messages (see validation/problems.ts).

import type { JsonObject } from '../core/json.ts';
import { TOKEN_RULE } from '../core/names.ts';

export const MANIFEST_TYPES = ['operator', 'resource', 'secret'] as const;
export const VERSIONS = ['v1alpha', 'v1beta', 'v1'] as const;

/** A name that becomes a subject token. */
export const token: JsonObject = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]{0,62}[a-z0-9])?$',
  'x-expected': TOKEN_RULE,
  'x-code': 'NAME_INVALID',
};

export const text = (maxLength: number): JsonObject => ({ type: 'string', minLength: 1, maxLength });

export const textList = (maxItems: number, maxLength: number): JsonObject => ({
  type: 'array',
  maxItems,
  items: { type: 'string', maxLength },
});

/** A mapping with these fields and no others. */
export const fields = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const LABEL_KEY = {
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$',
  'x-expected': 'letters, digits and "." "_" "/" "-", starting and ending with a letter or digit, 1 to 128 characters',
};

export const META_REQUIRED = ['name', 'version', 'type'] as const;

export const metaProperties: JsonObject = {
  name: token,
  version: { enum: VERSIONS },
  type: { enum: MANIFEST_TYPES },
  layer: { enum: ['user', 'system'] },
  description: { type: 'string', maxLength: 4096 },
  tags: { type: 'array', maxItems: 100, items: text(128) },
  labels: {
    type: 'object',
    maxProperties: 100,
    propertyNames: LABEL_KEY,
    additionalProperties: { type: 'string', maxLength: 256 },
  },
  owner: text(256),
};
