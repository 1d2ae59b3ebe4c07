// Brings an intent and the aggregates together for the pure deciders: fills in what they need to know of other aggregates (the
// operator of a resource, the resources of an operator) and turns a patch into the manifest that it means.

import { decideOperator } from '../domain/operator/decide.ts';
import { decideResource, type Host } from '../domain/resource/decide.ts';
import { applyPatch } from '../messages/patch.ts';
import { documentFromValue } from '../messages/manifest/document.ts';
import { validateManifest } from '../messages/manifest/validate.ts';
import { reject } from '../core/rejection.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { JsonValue } from '../core/json.ts';
import type { Decision, DecisionContext } from '../domain/decision.ts';
import type { Manifest, OperatorManifest, ResourceManifest } from '../messages/manifest/types.ts';
import type { OperatorDocument } from '../messages/queries.ts';
import type { Aggregate } from './aggregates.ts';
import type { CommandRequest } from './command-request.ts';
import { refOf, type Intent, type TargetIntent } from './intent.ts';
import type { SpecSchemas } from './spec-schemas.ts';
import { refKey } from '../messages/subjects.ts';

export type DecideIntentContext = DecisionContext & {
  readonly request: CommandRequest;
  readonly prefix: string;
  readonly schemas: SpecSchemas;
  /** The operator of that name as this command sees it (with what the same command declares). */
  operatorNamed(name: string): OperatorDocument | undefined;
  /** Names of resources that need the operator; asked only for the deletion of operators. */
  dependentsOf(operator: string): Promise<readonly string[]>;
};

const hostOf = (manifest: ResourceManifest, context: DecideIntentContext): Host => {
  const operator = context.operatorNamed(manifest.resource.operator);
  return {
    operator,
    checkSpec: (resourceType, spec) =>
      operator === undefined ? [] : context.schemas.check(operator, resourceType, spec),
  };
};

const manifestOf = (aggregate: Aggregate): Manifest | undefined =>
  aggregate.ref.kind === 'operator' ? aggregate.operator.operator?.manifest : aggregate.resource.entity?.manifest;

/** The manifest that a patch makes of the stored one, validated as if it had been applied. */
const patched = (intent: TargetIntent, aggregate: Aggregate, context: DecideIntentContext): Result<Manifest> => {
  const before = manifestOf(aggregate);
  if (before === undefined)
    return err(reject('NOT_FOUND', `there is no ${intent.ref.kind} "${intent.ref.name}" to patch`));
  const after = applyPatch(before as unknown as JsonValue, intent.command.patch);
  if (!after.ok) return after;
  const document = documentFromValue(after.value);
  if (!document.ok) return document;
  const { request, prefix } = context;
  const validated = validateManifest(document.value, {
    defaultWorkspace: intent.ref.workspace,
    actor: request.actor,
    prefix,
  });
  if (!validated.ok) return validated;
  if (refKey(refOf(validated.value)) !== refKey(intent.ref)) {
    return err(
      reject('PATCH_INVALID', 'a patch must not change type, workspace or name', [
        { message: 'identity changed', pointer: '/patch' },
      ]),
    );
  }
  return ok(validated.value);
};

const decideApply = (
  manifest: Manifest,
  mustBeNew: boolean,
  expectedGeneration: number | undefined,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Decision => {
  const expected = expectedGeneration === undefined ? {} : { expectedGeneration };
  return manifest.type === 'operator'
    ? decideOperator({ type: 'apply', manifest, mustBeNew, ...expected }, aggregate.operator, manifest.name)
    : decideResource(
        { type: 'apply', manifest, host: hostOf(manifest, context), mustBeNew, ...expected },
        aggregate.resource,
        context,
        aggregate.ref,
      );
};

const keepOwner = (manifest: Manifest, before: Manifest | undefined): Manifest =>
  before === undefined || before.owner === manifest.owner
    ? manifest
    : manifest.type === 'operator'
      ? ({ ...manifest, owner: before.owner } satisfies OperatorManifest)
      : ({ ...manifest, owner: before.owner } satisfies ResourceManifest);

export const decideIntent = async (
  intent: Intent,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { request } = context;
  if (intent.kind === 'manifest') {
    const manifest = intent.isOwnerDefaulted ? keepOwner(intent.manifest, manifestOf(aggregate)) : intent.manifest;
    return decideApply(manifest, intent.mustBeNew, request.expectedGeneration, aggregate, context);
  }
  const { command, ref } = intent;
  const expectedGeneration = command.expectedGeneration ?? request.expectedGeneration;
  if (command.verb === 'patch') {
    const manifest = patched(intent, aggregate, context);
    return manifest.ok ? decideApply(manifest.value, false, expectedGeneration, aggregate, context) : manifest;
  }
  const expected = expectedGeneration === undefined ? {} : { expectedGeneration };
  if (ref.kind === 'operator') {
    const dependents = aggregate.operator.operator === undefined ? [] : await context.dependentsOf(ref.name);
    return command.verb === 'finalize'
      ? decideOperator({ type: 'finalize', uid: command.uid ?? '', dependents }, aggregate.operator, ref.name)
      : decideOperator({ type: 'delete', dependents, ...expected }, aggregate.operator, ref.name);
  }
  if (command.verb === 'finalize') {
    return decideResource({ type: 'finalize', uid: command.uid ?? '' }, aggregate.resource, context, ref);
  }
  return decideResource({ type: command.verb, ...expected }, aggregate.resource, context, ref);
};
