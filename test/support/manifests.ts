// Manifests as tests send them to a running instance: an operator with a runnable and a plain type, and resources of the plain one.

import type { JsonObject } from '../../src/core/json.ts';
import type { Client, SendOptions } from '../../src/client/types.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { operatorManifest, resourceManifest } from './fixtures.ts';

const asJson = (value: unknown): JsonObject => value as JsonObject;

/** An operator with a channel of its own, enabled in `public` and `sandbox`. */
export const operatorNamed = (name: string): JsonObject => {
  const manifest = operatorManifest({ name });
  const resources = manifest.operator.resources.map((type) => ({
    ...type,
    natsApi: {
      command: { stream: `${name}-channel`, subject: `${name}.${type.name}` },
      query: { subject: `${name}.${type.name}.query`, replySubject: `${name}.${type.name}.reply` },
    },
  }));
  return asJson({ ...manifest, operator: { ...manifest.operator, resources } });
};

/** A resource of the type `dataset`, which does not run and takes any spec. */
export const datasetOf = (operator: string, name: string, spec: JsonObject, workspace = 'public'): JsonObject =>
  asJson(resourceManifest({}, { name, workspace, resource: { operator, type: 'dataset', spec } }));

/** Several documents in one body. */
export const together = (documents: readonly JsonObject[]): Uint8Array =>
  new TextEncoder().encode(documents.map((document) => JSON.stringify(document)).join('\n---\n'));

/** Applies, and fails when it is refused. */
export const mustApply = async (
  client: Client,
  body: JsonObject | Uint8Array,
  options?: SendOptions,
): Promise<Receipt> => {
  const receipt = await client.send('apply', body, options);
  if (!receipt.accepted) throw new Error(`refused: ${JSON.stringify(receipt.rejection)}`);
  return receipt;
};
