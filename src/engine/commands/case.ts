// One thing that a command is about, as its decider sees it: what is asked for, the aggregate, the manifest that the thing shall have, and the
// facts that were gathered. gather.ts makes it, the deciders (deciders.ts) look at nothing else: so they are pure and wait for nothing.

import type { Rejection, RejectionDetail } from '../../core/rejection.ts';
import type { Result } from '../../core/result.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Decision, DecisionContext } from '../../domain/decision.ts';
import type { HostOperator } from '../../domain/resource/decide.ts';
import type { ParsedDocument } from '../../manifest/document.ts';
import type { ManifestVerb, TargetCommand } from '../../messages/commands.ts';
import type { Entity, EntityStatus } from '../../messages/entity.ts';
import type { Finding } from '../../messages/finding.ts';
import type { LeftBehind, LeftStorage } from '../../messages/left-behind.ts';
import type { Manifest } from '../../messages/manifest-types.ts';
import type { Kind } from '../../messages/subjects.ts';
import type { Aggregate } from './aggregates.ts';
import type { CommandRequest } from './command-request.ts';
import type { Intent, TargetVerbOf } from './intent.ts';
import type { SecretUsers } from './relations.ts';

/** What a decision may have to know beyond the thing itself and its operator. facts.ts says where each comes from. */
export type FactOf = {
  /** Resources that need the operator. */
  readonly dependents: LeftBehind;
  /** Streams and buckets that stay when the operator goes. */
  readonly leftStorage: readonly LeftStorage[];
  /** Operators that refer to the secret. */
  readonly secretUsers: SecretUsers;
  /** The last status of the resource; undefined: there is none. */
  readonly lastStatus: EntityStatus | undefined;
  /** The status that the command names, or the last one. */
  readonly namedStatus: EntityStatus | undefined;
  /** Of all operators, for "did you mean". */
  readonly operatorNames: readonly string[];
  /** What the type's `nameJqFilter` makes of the wanted manifest. */
  readonly externalName: Result<string>;
  /** Of the jq programs that are new in the operator. */
  readonly programProblems: readonly RejectionDetail[];
  /** Why resources would no longer fit the operator; undefined: all would. */
  readonly breakages: Rejection | undefined;
};
export type Need = keyof FactOf;
export type Facts = Partial<FactOf>;

/** `patched`: the document that a patch has made, which nobody has written. */
export type Wanted<TManifest extends Manifest = Manifest> = {
  readonly manifest: TManifest;
  readonly patched?: ParsedDocument;
};

export type Case = {
  readonly intent: Intent;
  readonly aggregate: Aggregate;
  /** What an apply, a create, a patch or a reseal makes of the thing, sealed; or why it cannot. Undefined: the verb changes no manifest. */
  readonly wanted: Result<Wanted> | undefined;
  readonly facts: Facts;
};

/** What all cases of a command have in common. */
export type Scene = {
  readonly request: CommandRequest;
  /** Of the events that are decided. */
  readonly time: string;
  /** The operator of that name as this command leaves it: with the manifest that the command itself brings. */
  operatorNamed(name: string): HostOperator | undefined;
  /** Problems of a spec by the operator's schema. */
  checkSpec(operator: HostOperator, resourceType: string, spec: JsonObject): readonly RejectionDetail[];
  /** Whether the command is about that resource too. */
  isCommanded(entity: Entity): boolean;
};

export type DecideContext = Scene &
  DecisionContext & {
    /** Advice for the receipt, if the command is accepted. */
    warn(finding: Finding): void;
  };

/** How one verb works on one kind of thing. */
export type Decider = {
  /** Facts that `decide` will ask for, as far as the facts that there are can tell: asked again until it names no new one. */
  needs(one: Case, scene: Scene): readonly Need[];
  decide(one: Case, context: DecideContext): Decision;
};
export type DecidersOf<TKind extends Kind> = Readonly<Record<ManifestVerb | TargetVerbOf<TKind>, Decider>>;

export const NOTHING: readonly Need[] = [];
export const needsNothing = (): readonly Need[] => NOTHING;

/** A gathered fact. What was not gathered is a bug, and never taken for "none". */
export const known = <TNeed extends Need>({ facts }: Case, need: TNeed): FactOf[TNeed] => {
  if (!(need in facts)) throw new Error(`a decider asked for the fact "${need}", and did not say so before`);
  return facts[need] as FactOf[TNeed];
};

/** The command of a verb that names its target. */
export const targetOf = ({ intent }: Case): TargetCommand => {
  if (intent.kind === 'target') return intent.command;
  throw new Error('a manifest is no command that names its target');
};

export const wantedOf = <TKind extends Kind>(
  { wanted }: Case,
  kind: TKind,
): Result<Wanted<Extract<Manifest, { readonly type: TKind }>>> => {
  if (wanted === undefined || (wanted.ok && wanted.value.manifest.type !== kind))
    throw new Error(`no ${kind} is wanted`);
  return wanted as Result<Wanted<Extract<Manifest, { readonly type: TKind }>>>;
};

export type Expected = { readonly expectedGeneration?: number };

/** The generation that the sender wants to have seen. */
export const expectedBy = ({ intent }: Case, { request }: Scene): Expected => {
  const own = intent.kind === 'target' ? intent.command.expectedGeneration : undefined;
  const expectedGeneration = own ?? request.expectedGeneration;
  return expectedGeneration === undefined ? {} : { expectedGeneration };
};

export type Applying = Expected & { readonly mustBeNew: boolean };

export const applyingBy = (one: Case, scene: Scene): Applying => {
  const mustBeNew = one.intent.kind === 'manifest' && one.intent.mustBeNew;
  const { expectedGeneration } = expectedBy(one, scene);
  return expectedGeneration === undefined ? { mustBeNew } : { mustBeNew, expectedGeneration };
};
