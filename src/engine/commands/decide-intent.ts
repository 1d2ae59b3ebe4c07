// Brings an intent and the aggregates together for the pure deciders: fills in what they need to know of other aggregates (the
// operator of a resource, the resources of an operator) and turns a patch into the manifest that it means.

import { type DecideIntentContext } from './deciding.ts';
import { decideOperator } from '../../domain/operator/decide.ts';
import { decideResource, type Host } from '../../domain/resource/decide.ts';
import { decideSecret } from '../../domain/secret/decide.ts';
import { applyPatch } from '../../messages/sent-patch.ts';
import { documentFromValue } from '../../manifest/document.ts';
import { validateManifest } from '../../manifest/validate.ts';
import { reject, type Rejection } from '../../core/rejection.ts';
import type { TargetCommand } from '../../messages/commands.ts';
import { NOTHING_LEFT } from '../../messages/left-behind.ts';
import { isPending, type Awaitable } from '../../core/awaitable.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { JsonValue } from '../../core/json.ts';
import type { Decision } from '../../domain/decision.ts';
import type { Manifest, OperatorManifest, ResourceManifest, SecretManifest } from '../../messages/manifest-types.ts';
import { adviceOnDocument } from './advice.ts';
import type { Aggregate } from './aggregates.ts';
import { refOf, type Intent, type TargetIntent } from './intent.ts';
import { retryIfStuck } from './stuck.ts';
import { decideFinalize } from './decide-finalize.ts';
import { externalNameOf, filterProblems } from './resource-types.ts';
import { breakagesOf } from '../evolution/schema-evolution.ts';
import { resealManifest, sealManifest } from './sealing.ts';
import { decideResourceTarget } from './decide-resource-target.ts';
import { warnIfHeldBack } from './held-back.ts';
import { refKey, resourceRef } from '../../messages/subjects.ts';

const hostOf = (manifest: ResourceManifest, context: DecideIntentContext): Awaitable<Host> => {
  const operator = context.operatorNamed(manifest.resource.operator);
  if (operator === undefined) {
    return context.relations
      .operatorNames()
      .then((otherOperators) => ({ operator, otherOperators, checkSpec: () => [] }));
  }
  const host: Host = {
    operator,
    checkSpec: (resourceType, spec) => context.schemas.check(operator, resourceType, spec),
  };
  const name = externalNameOf(manifest, operator, context.jq);
  return name === undefined ? host : name.then((externalName) => ({ ...host, externalName }));
};

const manifestOf = (aggregate: Aggregate): Manifest | undefined =>
  aggregate.ref.kind === 'resource'
    ? aggregate.resource.entity?.manifest
    : (aggregate.operator.operator?.manifest ?? aggregate.secret.secret?.manifest);

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
  for (const finding of adviceOnDocument(intent.ref.kind, document.value)) context.warn(finding);
  return ok(validated.value);
};

/** Why the operator cannot become what the manifest says, beyond what the manifest itself shows. */
const operatorProblem = async (
  manifest: OperatorManifest,
  { operator: { operator } }: Aggregate,
  context: DecideIntentContext,
): Promise<Rejection | undefined> => {
  const [first, ...others] = await filterProblems(operator?.manifest, manifest, context.jq);
  if (first !== undefined) return reject('JQ_INVALID', first.message, [first, ...others]);
  if (operator === undefined || operator.deletionRequestedAt !== undefined) return undefined;
  return breakagesOf(operator.manifest, manifest, context.census, (entity) =>
    context.isCommanded(resourceRef(entity.manifest.workspace, entity.manifest.name)),
  );
};

type Applying = {
  readonly mustBeNew: boolean;
  readonly expectedGeneration?: number;
};

const decideResourceApply = (
  manifest: ResourceManifest,
  how: Applying,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Awaitable<Decision> => {
  const { ref, resource } = aggregate;
  warnIfHeldBack(resource.entity, 'the change', context.warn);
  const decideWith = (host: Host): Awaitable<Decision> =>
    retryIfStuck(decideResource({ type: 'apply', manifest, host, ...how }, resource, context, ref), aggregate, context);
  const host = hostOf(manifest, context);
  return isPending(host) ? host.then(decideWith) : decideWith(host);
};

const decideApply = (
  given: Manifest,
  mustBeNew: boolean,
  expectedGeneration: number | undefined,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Awaitable<Decision> => {
  const how = expectedGeneration === undefined ? { mustBeNew } : { mustBeNew, expectedGeneration };
  return given.type === 'resource'
    ? decideResourceApply(given, how, aggregate, context)
    : decideSealedApply(given, how, aggregate, context);
};

/** Of what may hold secrets. */
const decideSealedApply = async (
  given: OperatorManifest | SecretManifest,
  how: Applying,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { ref } = aggregate;
  const sealed = sealManifest(given, manifestOf(aggregate), context.vault, context.isStored);
  if (!sealed.ok) return sealed;
  const manifest = sealed.value as OperatorManifest | SecretManifest;
  const problem = manifest.type === 'operator' ? await operatorProblem(manifest, aggregate, context) : undefined;
  if (problem !== undefined) return err(problem);
  return manifest.type === 'operator'
    ? decideOperator({ type: 'apply', manifest, ...how }, aggregate.operator, manifest.name)
    : decideSecret({ type: 'apply', manifest, ...how }, aggregate.secret, context, ref);
};

/** The same values under the current key. */
const decideReseal = (aggregate: Aggregate, context: DecideIntentContext): Decision => {
  const { ref } = aggregate;
  const before = manifestOf(aggregate);
  if (before === undefined) {
    const where = ref.kind === 'operator' ? '' : ` in workspace "${ref.workspace}"`;
    return err(reject('NOT_FOUND', `there is no ${ref.kind} "${ref.name}"${where}`));
  }
  const resealed = resealManifest(before, context.vault);
  if (!resealed.ok) return resealed;
  const manifest = resealed.value as OperatorManifest | SecretManifest;
  return manifest.type === 'operator'
    ? decideOperator({ type: 'reseal', manifest }, aggregate.operator, ref.name)
    : decideSecret({ type: 'reseal', manifest }, aggregate.secret, context, ref);
};

const deleteSecret = async (
  { force = false }: TargetCommand,
  expected: { readonly expectedGeneration?: number },
  { ref, secret }: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const isAsked = secret.secret !== undefined && !force;
  const users = isAsked ? await context.relations.usersOfSecret(ref.workspace, ref.name) : { total: 0, operators: [] };
  return decideSecret({ type: 'delete', users, force, ...expected }, secret, context, ref);
};

const keepOwner = (manifest: Manifest, before: Manifest | undefined): Manifest =>
  before === undefined || before.owner === manifest.owner ? manifest : { ...manifest, owner: before.owner };

/** There is something to wait for only where the decision needs more than the aggregate and the operators that are known. */
export const decideIntent = (
  intent: Intent,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Awaitable<Decision> => {
  if (intent.kind === 'target') return decideTarget(intent, aggregate, context);
  const manifest = intent.isOwnerDefaulted ? keepOwner(intent.manifest, manifestOf(aggregate)) : intent.manifest;
  return decideApply(manifest, intent.mustBeNew, context.request.expectedGeneration, aggregate, context);
};

/** delete and restart. */
const decideOperatorTarget = async (
  command: TargetCommand,
  expected: { readonly expectedGeneration?: number },
  { ref, operator }: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { verb, force = false, component } = command;
  if (verb === 'restart') {
    const which = component === undefined ? {} : { component };
    return decideOperator({ type: 'restart', ...which, ...expected }, operator, ref.name);
  }
  const dependents = operator.operator === undefined ? NOTHING_LEFT : await context.relations.dependentsOf(ref.name);
  return decideOperator({ type: 'delete', dependents, force, ...expected }, operator, ref.name);
};

const decideTarget = async (
  intent: TargetIntent,
  aggregate: Aggregate,
  context: DecideIntentContext,
): Promise<Decision> => {
  const { command, ref } = intent;
  const expectedGeneration = command.expectedGeneration ?? context.request.expectedGeneration;
  if (command.verb === 'patch') {
    const manifest = patched(intent, aggregate, context);
    return manifest.ok ? decideApply(manifest.value, false, expectedGeneration, aggregate, context) : manifest;
  }
  const expected = expectedGeneration === undefined ? {} : { expectedGeneration };
  if (command.verb === 'reseal') return decideReseal(aggregate, context);
  if (ref.kind === 'secret') return deleteSecret(command, expected, aggregate, context);
  if (command.verb === 'finalize') return decideFinalize(command, aggregate, context);
  if (ref.kind === 'operator') return decideOperatorTarget(command, expected, aggregate, context);
  return decideResourceTarget(command, expected, aggregate, context);
};
