// What each verb does to a resource. Pure; see deciders.ts.

import { isDeepStrictEqual } from '../../core/equal.ts';
import { reject, type Rejection } from '../../core/rejection.ts';
import { err } from '../../core/result.ts';
import type { Decision, DecisionContext } from '../../domain/decision.ts';
import { decideResource, type Host } from '../../domain/resource/decide.ts';
import { saysStuck, type Entity } from '../../messages/entity.ts';
import type { ResourceManifest } from '../../messages/manifest-types.ts';
import {
  applyingBy,
  expectedBy,
  known,
  needsNothing,
  NOTHING,
  targetOf,
  wantedOf,
  type Case,
  type DecideContext,
  type Decider,
  type DecidersOf,
  type Need,
  type Scene,
} from './case.ts';
import { nameFilterOf, runWishOf } from './resource-types.ts';

const LAST_STATUS: readonly Need[] = ['lastStatus'];

const changesNothing = (decision: Decision): boolean => decision.ok && decision.value.length === 0;

/**
 * A command that changes nothing, sent again for a resource that is stuck: who sends it has mended something, or wants to see whether it works
 * now. So it asks the component to look at once instead of being `unchanged`.
 */
const retryIfStuck = (decision: Decision, one: Case, context: DecideContext): Decision => {
  const { ref, resource } = one.aggregate;
  const { entity } = resource;
  if (entity === undefined || !changesNothing(decision)) return decision;
  const status = known(one, 'lastStatus');
  return status?.uid === entity.uid && saysStuck(status)
    ? decideResource({ type: 'reconcile' }, resource, context, ref)
    : decision;
};

const hostOf = (one: Case, manifest: ResourceManifest, scene: Scene): Host => {
  const operator = scene.operatorNamed(manifest.resource.operator);
  if (operator === undefined) return { operator, otherOperators: known(one, 'operatorNames'), checkSpec: () => [] };
  const host: Host = { operator, checkSpec: (resourceType, spec) => scene.checkSpec(operator, resourceType, spec) };
  return nameFilterOf(manifest, operator) === undefined ? host : { ...host, externalName: known(one, 'externalName') };
};

/** Without the look at what is stuck. */
const plainApply = (one: Case, scene: Scene, context: DecisionContext): Decision => {
  const wanted = wantedOf(one, 'resource');
  if (!wanted.ok) return wanted;
  const { ref, resource } = one.aggregate;
  const { manifest } = wanted.value;
  const host = hostOf(one, manifest, scene);
  return decideResource({ type: 'apply', manifest, host, ...applyingBy(one, scene) }, resource, context, ref);
};

/** What the receipt says of a change outside that is accepted, and not carried out before the resource is resumed. */
const warnIfHeldBack = (entity: Entity | undefined, what: string, { warn }: DecideContext): void => {
  if (entity?.suspended !== true) return;
  const { workspace, name } = entity.manifest;
  const message = `resource "${name}" is suspended: ${what} is kept, and happens outside when it is resumed`;
  const isDeletion = what === 'the deletion';
  const hint = `opstream resume -n ${name} -w ${workspace}${isDeletion ? '; or release it with force: what it has outside then stays' : ''}`;
  warn({ code: 'HELD_BACK', severity: 'warning', message, hint, pointer: '' });
};

/** For a decision of which only is asked whether it has events. */
const trialAt = ({ time }: Scene): DecisionContext => ({ time, eventId: '' });

const apply: Decider = {
  needs: (one, scene) => {
    const wanted = wantedOf(one, 'resource');
    if (!wanted.ok) return NOTHING;
    const { manifest } = wanted.value;
    const operator = scene.operatorNamed(manifest.resource.operator);
    if (operator === undefined) return ['operatorNames'];
    if (nameFilterOf(manifest, operator) !== undefined && one.facts.externalName === undefined) return ['externalName'];
    const { entity } = one.aggregate.resource;
    if (entity === undefined || !isDeepStrictEqual(entity.manifest, manifest)) return NOTHING;
    return changesNothing(plainApply(one, scene, trialAt(scene))) ? LAST_STATUS : NOTHING;
  },
  decide: (one, context) => {
    if (one.wanted?.ok === true) warnIfHeldBack(one.aggregate.resource.entity, 'the change', context);
    return retryIfStuck(plainApply(one, context, context), one, context);
  },
};

/** Whether there is an operator with the resource's type. */
const isHosted = ({ manifest }: Entity, scene: Scene): boolean => {
  const { operator, type } = manifest.resource;
  return scene.operatorNamed(operator)?.manifest.operator.resources.some(({ name }) => name === type) === true;
};

/** What is outside is left there. `delete` with force is the same. */
const release: Decider = {
  needs: ({ aggregate }) => (aggregate.resource.entity === undefined ? NOTHING : LAST_STATUS),
  decide: (one, context) => {
    const { ref, resource } = one.aggregate;
    const { entity } = resource;
    const force = targetOf(one).force === true;
    const isOperatorGone = entity === undefined || !isHosted(entity, context);
    const lastStatus = entity === undefined ? undefined : known(one, 'lastStatus');
    const by = context.request.actor;
    const command = { type: 'release', force, by, isOperatorGone, lastStatus, ...expectedBy(one, context) } as const;
    return decideResource(command, resource, context, ref);
  },
};

/** A run that nobody would carry out is refused; a deletion that nobody would carry out is a wish that is kept, with a word about it. */
const orphanProblem = (
  verb: WishVerb | 'run',
  entity: Entity | undefined,
  context: DecideContext,
): Rejection | undefined => {
  if (entity === undefined || isHosted(entity, context)) return undefined;
  const { operator } = entity.manifest.resource;
  const message = `operator "${operator}" is gone, or has no such type any more, and nobody is there to do it`;
  if (verb === 'run' || verb === 'cancel' || verb === 'reconcile') {
    return reject('OPERATOR_NOT_FOUND', `${message}; register the operator again, or release the resource`);
  }
  const hint = 'register the operator again, or release the resource: what it has outside then stays';
  if (verb === 'delete') context.warn({ code: 'OPERATOR_GONE', severity: 'warning', message, hint, pointer: '' });
  return undefined;
};

const run: Decider = {
  needs: needsNothing,
  decide: (one, context) => {
    const { ref, resource } = one.aggregate;
    const orphaned = orphanProblem('run', resource.entity, context);
    if (orphaned !== undefined) return err(orphaned);
    const { operator = '', type = '' } = resource.entity?.manifest.resource ?? {};
    const wish = runWishOf(targetOf(one), context.operatorNamed(operator), type);
    return decideResource({ type: 'run', wish, ...expectedBy(one, context) }, resource, context, ref);
  },
};

type WishVerb = 'delete' | 'cancel' | 'suspend' | 'resume' | 'reconcile';

/** Of those that change something outside: what is held back while the resource is suspended. */
const HELD: Readonly<Partial<Record<WishVerb, string>>> = {
  delete: 'the deletion',
  cancel: 'the cancel',
  reconcile: 'the reconcile',
};

const plainWish = (verb: WishVerb, one: Case, scene: Scene, context: DecisionContext): Decision => {
  const { ref, resource } = one.aggregate;
  const expected = expectedBy(one, scene);
  if (verb !== 'cancel') return decideResource({ type: verb, ...expected }, resource, context, ref);
  const { all = false } = targetOf(one);
  return decideResource({ type: verb, all, ...expected }, resource, context, ref);
};

/** With the words that there are about it: nobody carries it out, or not yet. */
const wish = (verb: WishVerb): Decider => ({
  needs: needsNothing,
  decide: (one, context) => {
    const { entity } = one.aggregate.resource;
    const orphaned = orphanProblem(verb, entity, context);
    if (orphaned !== undefined) return err(orphaned);
    const held = HELD[verb];
    if (held !== undefined && entity !== undefined && isHosted(entity, context)) warnIfHeldBack(entity, held, context);
    return plainWish(verb, one, context, context);
  },
});

const plainDelete = wish('delete');

const remove: Decider = {
  needs: (one, scene) => {
    if (targetOf(one).force === true) return release.needs(one, scene);
    return changesNothing(plainWish('delete', one, scene, trialAt(scene))) ? LAST_STATUS : NOTHING;
  },
  decide: (one, context) =>
    targetOf(one).force === true
      ? release.decide(one, context)
      : retryIfStuck(plainDelete.decide(one, context), one, context),
};

/** The end of a deletion (P12). Whoever asks for it is not believed: the last status that is stored must say `deleted`. */
const finalize: Decider = {
  needs: (one) => (one.aggregate.resource.entity?.uid === (targetOf(one).uid ?? '') ? LAST_STATUS : NOTHING),
  decide: (one, context) => {
    const { ref, resource } = one.aggregate;
    const { uid = '' } = targetOf(one);
    const lastStatus = resource.entity?.uid === uid ? known(one, 'lastStatus') : undefined;
    return decideResource({ type: 'finalize', uid, lastStatus }, resource, context, ref);
  },
};

/** The run's end, as the status says that the operator-runtime has seen. */
const settle: Decider = {
  needs: ({ aggregate }) => (aggregate.resource.entity === undefined ? NOTHING : ['namedStatus']),
  decide: (one, context) => {
    const { ref, resource } = one.aggregate;
    const { uid = '', runId = '' } = targetOf(one);
    const status = resource.entity === undefined ? undefined : known(one, 'namedStatus');
    const observed = status?.uid === uid ? status.run : undefined;
    return decideResource({ type: 'settle', uid, runId, observed }, resource, context, ref);
  },
};

export const resourceDeciders: DecidersOf<'resource'> = {
  apply,
  create: apply,
  patch: apply,
  delete: remove,
  release,
  run,
  cancel: wish('cancel'),
  suspend: wish('suspend'),
  resume: wish('resume'),
  reconcile: wish('reconcile'),
  finalize,
  settle,
};
