// Fetches all that a command is decided on: its aggregates, what it was answered before, its operators, and the facts that its deciders need. What
// this process has in memory is taken from there, without waiting (`atHand`); else somebody is asked (`fetch`). Called by execute-command.ts.

import type { HostOperator } from '../../domain/resource/decide.ts';
import type { Receipt } from '../../messages/commands.ts';
import type { Manifest } from '../../messages/manifest-types.ts';
import { operatorRef, resourceRef, refKey } from '../../messages/subjects.ts';
import type { Outcomes } from '../history/outcomes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Vault } from '../ports/vault.ts';
import { ALWAYS_LOOK, type Aggregate, type Aggregates } from './aggregates.ts';
import type { Case, Need, Scene } from './case.ts';
import type { OperatorsAt } from './channel-claims.ts';
import { deciderOf } from './deciders.ts';
import { mayBeForgotten } from './earlier-commands.ts';
import { createFactFinder, type FactSources } from './facts.ts';
import type { Command } from './intent.ts';
import type { OutcomeIndex } from './outcome-index.ts';
import { earlierReceipt, type Sight } from './receipts.ts';
import type { SpecSchemas } from './spec-schemas.ts';
import { wantedBy } from './wanted.ts';

/**
 * `guess`: an aggregate that is not in memory is taken for new, and the append finds out. `known`: what is in memory will do, else it is read.
 * `fresh`: what is in memory is held against the stream first.
 */
export type Attempt = 'guess' | 'known' | 'fresh';

/** An operator that this process knows is looked up again after this time; see src/README.md, "deleting an operator". */
export const OPERATOR_MAX_AGE_MS = 1000;

/**
 * What another copy has answered arrives here later than what it, or anybody, has stored. So on a thing that changed a moment ago the outcome of a
 * command is looked up, although none is known of here.
 */
const RECENT_CHANGE_MS = 2000;

/** How old what is in memory may be. */
const maxAgeMs: Readonly<Record<Attempt, { readonly ofThings: number; readonly ofOperators: number }>> = {
  guess: { ofThings: Number.POSITIVE_INFINITY, ofOperators: OPERATOR_MAX_AGE_MS },
  known: { ofThings: Number.POSITIVE_INFINITY, ofOperators: OPERATOR_MAX_AGE_MS },
  fresh: { ofThings: ALWAYS_LOOK, ofOperators: ALWAYS_LOOK },
};

/** `answered`: the command was answered before. `open`: it is to be decided. */
export type Gathered =
  | { readonly kind: 'answered'; readonly receipt: Receipt; readonly outcome: Receipt | undefined }
  | {
      readonly kind: 'open';
      readonly cases: readonly Case[];
      readonly scene: Scene;
      /** Of a command on operators: all of them, at one place in the stream. */
      readonly operatorsAt: OperatorsAt | undefined;
    };

export type GatherOptions = FactSources & {
  readonly prefix: string;
  readonly aggregates: Aggregates;
  readonly outcomes: Pick<Outcomes, 'find'>;
  readonly outcomeIndex: Pick<OutcomeIndex, 'mayHave'>;
  readonly schemas: SpecSchemas;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly claims: () => Promise<OperatorsAt>;
};

type Operators = ReadonlyMap<string, HostOperator | undefined>;

const NO_FACTS = {};

/** The command is known on some of its aggregates, and not on all of them. */
const isPartlySeen = ({ request: { commandId } }: Command, loaded: readonly Aggregate[]): boolean =>
  loaded.length > 1 &&
  loaded.some(({ commands }) => commands.has(commandId)) &&
  !loaded.every(({ commands }) => commands.has(commandId));

/** Of the operators that the command has to do with: of the manifests that it brings, and of the resources that it names. */
const operatorNamesOf = ({ intents }: Command, loaded: readonly Aggregate[]): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const [index, intent] of intents.entries()) {
    const manifest = intent.kind === 'target' ? loaded[index]?.resource.entity?.manifest : intent.manifest;
    if (manifest?.type === 'resource') names.add(manifest.resource.operator);
  }
  return names;
};

/** It is carried out once: who sends it again gets the answer that it had. */
const isRepeatable = ({ mayComeAgain, request }: Command): boolean => mayComeAgain && !request.isDryRun;

/** An operator that the command brings, as it shall be. */
const operatorAfter = ({ ref, operator }: Aggregate, manifest: Manifest): HostOperator | undefined =>
  manifest.type === 'operator' ? { ...(operator.operator ?? { name: ref.name }), manifest } : undefined;

/** Most applies of one resource declare it: spare them the look, the append finds out. A dry run makes no append that could. */
export const mayGuess = ({ request, refs }: Command): boolean =>
  request.verb === 'apply' && !request.isDryRun && refs.length === 1 && refs[0]?.kind === 'resource';

const isOnOperators = ({ refs }: Command): boolean => refs.some(({ kind }) => kind === 'operator');

export const createGatherer = (options: GatherOptions) => {
  const { aggregates, outcomes, clock, schemas, vault, prefix } = options;
  const findFacts = createFactFinder(options);

  const thingsAtHand = ({ refs }: Command, attempt: Attempt): readonly Aggregate[] | undefined => {
    if (attempt === 'fresh') return undefined;
    const loaded: Aggregate[] = [];
    for (const ref of refs) {
      const aggregate = attempt === 'guess' ? aggregates.knownOrNew(ref) : aggregates.inMemory(ref);
      if (aggregate === undefined) return undefined;
      loaded.push(aggregate);
    }
    return loaded;
  };

  /** Undefined: one of them is not known well enough. */
  const operatorsAtHand = (command: Command, loaded: readonly Aggregate[], attempt: Attempt): Operators | undefined => {
    const operators = new Map<string, HostOperator | undefined>();
    for (const name of operatorNamesOf(command, loaded)) {
      const own = loaded.find(({ ref }) => ref.kind === 'operator' && ref.name === name);
      const aggregate = own ?? aggregates.known(operatorRef(name), maxAgeMs[attempt].ofOperators);
      if (aggregate === undefined) return undefined;
      operators.set(name, aggregate.operator.operator);
    }
    return operators;
  };

  const fetchOperators = async (
    command: Command,
    loaded: readonly Aggregate[],
    attempt: Attempt,
  ): Promise<Operators> => {
    const load = async (name: string): Promise<readonly [string, HostOperator | undefined]> => {
      const own = loaded.find(({ ref }) => ref.kind === 'operator' && ref.name === name);
      const aggregate = own ?? (await aggregates.load(operatorRef(name), maxAgeMs[attempt].ofOperators));
      return [name, aggregate.operator.operator];
    };
    return new Map(await Promise.all([...operatorNamesOf(command, loaded)].map(load)));
  };

  const casesOf = ({ intents, request, keepOutcome }: Command, loaded: readonly Aggregate[]): readonly Case[] => {
    const how = { request, prefix, vault, isStored: keepOutcome };
    return intents.map((intent, index) => {
      const aggregate = loaded[index];
      if (aggregate === undefined) throw new Error(`aggregate ${refKey(intent.ref)} was not loaded`);
      return { intent, aggregate, wanted: wantedBy(intent, aggregate, how), facts: NO_FACTS };
    });
  };

  const sceneOf = ({ request, refs }: Command, cases: readonly Case[], known: Operators): Scene => {
    const operators = new Map(known);
    for (const { wanted, aggregate } of cases) {
      if (aggregate.ref.kind !== 'operator' || wanted?.ok !== true) continue;
      operators.set(aggregate.ref.name, operatorAfter(aggregate, wanted.value.manifest));
    }
    let commanded: ReadonlySet<string> | undefined;
    return {
      request,
      time: new Date(clock.nowMs()).toISOString(),
      operatorNamed: (name) => operators.get(name),
      checkSpec: (operator, resourceType, spec) => schemas.check(operator, resourceType, spec),
      isCommanded: ({ manifest: { workspace, name } }) => {
        commanded ??= new Set(refs.map(refKey));
        return commanded.has(refKey(resourceRef(workspace, name)));
      },
    };
  };

  const missingOf = ({ request }: Command, one: Case, scene: Scene): readonly Need[] => {
    const needs = deciderOf(one.intent.ref.kind, request.verb).needs(one, scene);
    return needs.length === 0 ? needs : needs.filter((need) => !(need in one.facts));
  };

  /** One case after the other: a command of a thousand documents does not keep all others from what it asks. */
  const withFacts = async (command: Command, cases: readonly Case[], scene: Scene): Promise<readonly Case[]> => {
    const done: Case[] = [];
    for (let one of cases) {
      for (;;) {
        const missing = missingOf(command, one, scene);
        if (missing.length === 0) break;
        one = { ...one, facts: await findFacts(one, missing, scene) };
      }
      done.push(one);
    }
    return done;
  };

  /** Somebody else may have answered this command, although nothing was stored for it. */
  const mayBeAnswered = (command: Command): boolean =>
    isRepeatable(command) &&
    (options.outcomeIndex.mayHave(command.request.commandId) ||
      command.refs.some((ref) => aggregates.hasChangedWithin(ref, RECENT_CHANGE_MS)));

  const look = async (command: Command, attempt: Attempt): Promise<Sight> => {
    const { refs } = command;
    const find = () => outcomes.find(command.request.commandId);
    const before = refs.map((ref) => aggregates.inMemory(ref));
    const [kept, ...loaded] = await Promise.all([
      attempt !== 'fresh' && mayBeAnswered(command) ? find() : undefined,
      ...refs.map((ref) =>
        attempt === 'guess' ? aggregates.knownOrNew(ref) : aggregates.load(ref, maxAgeMs[attempt].ofThings),
      ),
    ]);
    // Another copy has changed something since, and may have carried out this command before that, as unchanged: its outcome was stored by
    // then, so it is found after the load, and perhaps not with it, and perhaps not yet in the index. Who guessed has not looked at all so far.
    const isNews = attempt !== 'guess' && loaded.some((aggregate, index) => aggregate !== before[index]);
    const isFirstLook = attempt === 'fresh' && mayGuess(command);
    const outcome = kept ?? ((isNews || isFirstLook) && isRepeatable(command) ? await find() : undefined);
    return { loaded, outcome };
  };

  /**
   * A command stores its events in one append. So who sees it on one aggregate and not on another may have looked at that one too early, and
   * its receipt would lack what is there: the others are looked at again, now that the append is known to be over.
   */
  const seenWhole = async ({ request: { commandId } }: Command, loaded: readonly Aggregate[]) => {
    const lookAgain = async (one: Aggregate): Promise<Aggregate> =>
      one.commands.has(commandId) ? one : aggregates.load(one.ref, ALWAYS_LOOK);
    const again = await Promise.all(loaded.map(lookAgain));
    await aggregates.recall(again, commandId);
    return again;
  };

  return {
    /** Undefined: not all of it is in memory. */
    atHand: (command: Command, attempt: Attempt): Gathered | undefined => {
      if (mayBeAnswered(command) || isOnOperators(command)) return undefined;
      const loaded = thingsAtHand(command, attempt);
      if (loaded === undefined) return undefined;
      const { commandId } = command.request;
      const isUnsure = command.mayComeAgain && mayBeForgotten(loaded, commandId);
      if (isUnsure || isPartlySeen(command, loaded)) return undefined;
      const receipt = earlierReceipt(command, { loaded });
      if (receipt !== undefined) return { kind: 'answered', receipt, outcome: undefined };
      const operators = operatorsAtHand(command, loaded, attempt);
      if (operators === undefined) return undefined;
      const cases = casesOf(command, loaded);
      const scene = sceneOf(command, cases, operators);
      const isAll = cases.every((one) => missingOf(command, one, scene).length === 0);
      return isAll ? { kind: 'open', cases, scene, operatorsAt: undefined } : undefined;
    },

    /** Faults: those of all that is asked. */
    fetch: async (command: Command, attempt: Attempt): Promise<Gathered> => {
      const { loaded: seen, outcome } = await look(command, attempt);
      // Of an id that the handler has made itself there is no earlier command.
      if (command.mayComeAgain) await aggregates.recall(seen, command.request.commandId);
      const loaded = isPartlySeen(command, seen) ? await seenWhole(command, seen) : seen;
      const receipt = earlierReceipt(command, { loaded, outcome });
      if (receipt !== undefined) return { kind: 'answered', receipt, outcome };
      const operators = await fetchOperators(command, loaded, attempt);
      const operatorsAt = isOnOperators(command) ? await options.claims() : undefined;
      const cases = casesOf(command, loaded);
      const scene = sceneOf(command, cases, operators);
      return { kind: 'open', cases: await withFacts(command, cases, scene), scene, operatorsAt };
    },
  };
};
