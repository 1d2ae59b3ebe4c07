// The bodies of patch, delete, release, run, cancel, suspend, resume, reconcile, restart and finalize: `{ type?, workspace?, name, ... }` as JSON or YAML.
// Called by the command-handler for both doors.

import type { JsonObject } from '../../core/json.ts';
import type { Result } from '../../core/result.ts';
import { ok } from '../../core/result.ts';
import { DEFAULT_WORKSPACE, targetVerbs, type TargetCommand, type TargetVerb } from '../../messages/commands.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { ifRunningChoices, type IfRunning } from '../../messages/if-running.ts';
import type { Operation } from '../../messages/patch.ts';
import type { Kind } from '../../messages/subjects.ts';
import { positioned } from '../document.ts';
import { COUNT, readBody, refuseBody, TOKEN, tokenProblem, TYPES } from './body.ts';
import { shapeOf, type Shape } from './shape.ts';

const common: JsonObject = { type: TYPES, workspace: { type: 'string' }, name: TOKEN, expectedGeneration: COUNT };

const PATCH: JsonObject = { type: 'array', minItems: 1, 'x-expected': 'a list of RFC 6902 operations' };
const UID: JsonObject = { type: 'string', minLength: 1, maxLength: 128 };

const FORCE: JsonObject = { type: 'boolean' };

const shapeFor = (own: JsonObject, optional: JsonObject = {}): Shape =>
  shapeOf({
    type: 'object',
    properties: { ...common, ...own, ...optional },
    required: ['name', ...Object.keys(own)],
    additionalProperties: false,
  });

const plain = shapeFor({});
const shapes: Readonly<Record<TargetVerb, Shape>> = {
  patch: shapeFor({ patch: PATCH }),
  delete: shapeFor({}, { force: FORCE }),
  release: shapeFor({}, { force: FORCE }),
  run: shapeFor({}, { action: TOKEN, parameters: { type: 'object' }, ifRunning: { enum: [...ifRunningChoices] } }),
  cancel: shapeFor({}, { all: { type: 'boolean' } }),
  suspend: plain,
  resume: plain,
  reconcile: plain,
  restart: shapeFor({}, { component: TOKEN }),
  reseal: plain,
  finalize: shapeFor({ uid: UID }),
  settle: shapeFor({ uid: UID, runId: UID, statusSequence: COUNT }),
};

export const isTargetVerb = (verb: string): verb is TargetVerb => (targetVerbs as readonly string[]).includes(verb);

type Given = {
  readonly type?: Kind;
  readonly workspace?: string;
  readonly name: string;
  readonly expectedGeneration?: number;
  readonly patch?: readonly Operation[];
  readonly uid?: string;
  readonly action?: string;
  readonly ifRunning?: IfRunning;
  readonly all?: boolean;
  readonly runId?: string;
  readonly statusSequence?: number;
  readonly component?: string;
  readonly parameters?: JsonObject;
  readonly force?: boolean;
};

/**
 * The command in `data`. `type` defaults to resource, `workspace` to `defaultWorkspace`; an operator has workspace `_` and may name no other.
 * `patch` (a list; its operations are checked where they are applied) belongs to the verb patch, `uid` to finalize, `force` to delete and
 * release.
 * Errors: COMMAND_INVALID, NAME_INVALID when a name is all that is wrong, MANIFEST_TOO_LARGE; with pointers into the body.
 */
export const parseTargetCommand = (
  verb: TargetVerb,
  data: Uint8Array,
  defaultWorkspace: string = DEFAULT_WORKSPACE,
): Result<TargetCommand> => {
  const what = `the command ${verb}`;
  const body = readBody(data, 'COMMAND_INVALID', what, shapes[verb]);
  if (!body.ok) return body;
  const given = body.value.value as unknown as Given;
  const kind = given.type ?? 'resource';
  const problem =
    kind === 'operator'
      ? given.workspace === undefined || given.workspace === NO_WORKSPACE
        ? undefined
        : {
            message: 'an operator is instance-level and lives in no workspace; leave the field out',
            pointer: '/workspace',
          }
      : tokenProblem(given.workspace ?? defaultWorkspace, 'a workspace', '/workspace');
  if (problem !== undefined) return refuseBody('COMMAND_INVALID', what, [positioned(problem, body.value.document)]);
  const workspace = kind === 'operator' ? NO_WORKSPACE : (given.workspace ?? defaultWorkspace);
  return ok({
    verb,
    target: { kind, workspace, name: given.name },
    ...(given.patch === undefined ? {} : { patch: given.patch }),
    ...(given.uid === undefined ? {} : { uid: given.uid }),
    ...(given.runId === undefined ? {} : { runId: given.runId }),
    ...(given.statusSequence === undefined ? {} : { statusSequence: given.statusSequence }),
    ...(given.ifRunning === undefined ? {} : { ifRunning: given.ifRunning }),
    ...(given.all === true ? { all: true } : {}),
    ...(given.action === undefined ? {} : { action: given.action }),
    ...(given.component === undefined ? {} : { component: given.component }),
    ...(given.parameters === undefined ? {} : { parameters: given.parameters }),
    ...(given.force === true ? { force: true } : {}),
    ...(given.expectedGeneration === undefined ? {} : { expectedGeneration: given.expectedGeneration }),
  });
};
