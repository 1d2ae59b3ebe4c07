// Reading what arrives on the channel. It is anybody's bytes: the whole shape that the SDK relies on is checked here, above all
// the names that become subjects and keys. Unknown fields pass: a newer operator-runtime may send more.

import { decodeJson } from '../core/decode.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { reject, type Rejection } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import { COMMAND_TYPE, entityKey, type EntityCommand, type EntityKey, type EntityQuery } from '../messages/entity.ts';
import type { Provenance } from '../messages/envelope.ts';
import { isToken, printable, TOKEN_RULE } from '../core/names.ts';
import { validTraceparent, validTracestate } from '../messages/trace.ts';

const isPosition = (value: JsonValue | undefined): boolean => Number.isSafeInteger(value) && Number(value) > 0;
const isText = (value: JsonValue | undefined): value is string => typeof value === 'string' && value !== '';

const manifestProblem = (manifest: JsonValue | undefined, key: JsonValue | undefined): string | undefined => {
  if (!isJsonObject(manifest)) return 'data.entity.manifest is not an object';
  const { workspace, name, resource } = manifest;
  if (!isToken(workspace)) return `data.entity.manifest.workspace is not ${TOKEN_RULE}`;
  if (!isToken(name)) return `data.entity.manifest.name is not ${TOKEN_RULE}`;
  if (key !== entityKey(workspace, name)) {
    return `data.entity.key is "${printable(key)}", expected "${entityKey(workspace, name)}"`;
  }
  if (!isJsonObject(resource)) return 'data.entity.manifest.resource is not an object';
  if (!isToken(resource['operator'])) return `data.entity.manifest.resource.operator is not ${TOKEN_RULE}`;
  if (!isText(resource['type'])) return 'data.entity.manifest.resource.type is not a name';
  return isJsonObject(resource['spec']) ? undefined : 'data.entity.manifest.resource.spec is not an object';
};

const runProblem = (run: JsonValue | undefined): string | undefined => {
  if (run === undefined) return undefined;
  const isRun = isJsonObject(run) && isText(run['id']) && typeof run['cancelRequested'] === 'boolean';
  return isRun ? undefined : 'data.entity.run has no id or no cancelRequested';
};

const entityProblem = (entity: JsonObject): string | undefined => {
  if (!isText(entity['uid'])) return 'data.entity.uid is not a text';
  if (!isPosition(entity['sequence'])) return 'data.entity.sequence is not a whole number above 0';
  if (!isPosition(entity['generation'])) return 'data.entity.generation is not a whole number above 0';
  const deletion = entity['deletionRequestedAt'];
  if (deletion !== undefined && !isText(deletion)) return 'data.entity.deletionRequestedAt is not a time';
  return manifestProblem(entity['manifest'], entity['key']) ?? runProblem(entity['run']);
};

const COMMANDS: readonly unknown[] = ['apply', 'delete', 'release'];

/** The command, or a sentence saying what is wrong with it. */
export const parseEntityCommand = (bytes: Uint8Array): Result<EntityCommand, string> => {
  const event = decodeJson(bytes);
  if (!isJsonObject(event)) return err('not a JSON object');
  if (event['type'] !== COMMAND_TYPE) return err(`type is "${printable(event['type'])}", expected "${COMMAND_TYPE}"`);
  const { data } = event;
  if (!isJsonObject(data)) return err('data is not an object');
  if (!COMMANDS.includes(data['command'])) return err(`data.command is none of ${COMMANDS.join(', ')}`);
  if (!isJsonObject(data['entity'])) return err('data.entity is not an object');
  const problem = entityProblem(data['entity']);
  return problem === undefined ? ok(event as unknown as EntityCommand) : err(problem);
};

/** The ids to be copied onto what the command causes. `causationid` becomes the command's own id. */
export const provenanceOf = ({ id, correlationid, commandid, actor, ...rest }: EntityCommand): Provenance => {
  const traceparent = validTraceparent(rest.traceparent);
  const tracestate = traceparent === undefined ? undefined : validTracestate(rest.tracestate);
  return {
    correlationid: correlationid ?? id,
    causationid: id,
    commandid: commandid ?? id,
    actor: actor ?? 'unknown',
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  };
};

const isKey = (value: unknown): value is EntityKey => {
  if (typeof value !== 'string') return false;
  const parts = value.split('.');
  return parts.length === 2 && parts.every(isToken);
};

/** The query, or the rejection with whatever of its id and key could be read. */
export const parseEntityQuery = (
  bytes: Uint8Array,
): Result<EntityQuery, { readonly id: string; readonly key: string; readonly rejection: Rejection }> => {
  const value = decodeJson(bytes);
  const fields = isJsonObject(value) ? value : {};
  const { id, query, key } = fields;
  const problems = [
    ...(isJsonObject(value) ? [] : [{ message: 'expected a JSON object', pointer: '' }]),
    ...(typeof id === 'string' && id.length <= 256 ? [] : [{ message: 'expected a text', pointer: '/id' }]),
    ...(query === 'entity' || query === 'status' ? [] : [{ message: 'expected entity or status', pointer: '/query' }]),
    ...(isKey(key) ? [] : [{ message: 'expected <workspace>.<name>', pointer: '/key' }]),
  ];
  if (problems.length === 0) return ok(fields as unknown as EntityQuery);
  const rejection = reject('QUERY_INVALID', 'expected {id, query: "entity" | "status", key}', problems);
  return err({ id: typeof id === 'string' ? id.slice(0, 256) : '', key: isKey(key) ? key : '', rejection });
};
