// What verbs that send commands have in common: sending with the caller's name, telling a refusal, waiting, and the exit code of it all.

import type { JsonObject } from '../core/json.ts';
import type { Rejection } from '../core/rejection.ts';
import type { EntityIdentity, Receipt, Verb } from '../messages/commands.ts';
import { validTraceparent } from '../messages/trace.ts';
import type { Client, Identity, Progress, SendOptions, WaitOptions, WaitOutcome } from '../client/types.ts';
import { exitCodes } from '../program/lifecycle.ts';
import { formatDurationMs } from '../program/duration.ts';
import { has, type ParsedArguments } from './arguments.ts';
import type { CliContext } from './context.ts';
import { findingLines } from './finding-text.ts';
import type { JoinedManifests } from './joined-manifests.ts';
import { rejectionLines } from './rejection-text.ts';
import { choiceOf, countOf, durationOf, DEFAULT_WAIT_MS, spoken, tokenOf } from './verb.ts';
import { toJson, toYaml } from './yaml.ts';

const WAITERS = 32;

export const outputOf = (args: ParsedArguments): 'json' | 'yaml' | undefined =>
  choiceOf(args, 'output', ['json', 'yaml']);

export const printAs = (context: CliContext, output: 'json' | 'yaml', value: unknown): void =>
  context.terminal.out(output === 'json' ? toJson(value) : toYaml(value));

/** Headers of a command as the flags say. */
export const sendOptionsOf = (args: ParsedArguments, context: CliContext): SendOptions => {
  const workspace = tokenOf(args, 'workspace');
  const commandId = tokenOf(args, 'command-id');
  const expectedGeneration = countOf(args, 'expected-generation');
  // Where a build or a script has a trace of its own, what it asks for belongs to it.
  const traceparent = validTraceparent(context.environment.env['TRACEPARENT']);
  return {
    actor: context.actor,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(workspace === undefined ? {} : { workspace }),
    ...(commandId === undefined ? {} : { commandId }),
    ...(expectedGeneration === undefined ? {} : { expectedGeneration }),
    ...(has(args, 'dry-run') ? { dryRun: true } : {}),
  };
};

export const sendVerb = (
  client: Client,
  verb: Verb,
  body: Uint8Array | JsonObject,
  args: ParsedArguments,
  context: CliContext,
): Promise<Receipt> => client.send(verb, body, sendOptionsOf(args, context));

export const tellRejection = (
  context: CliContext,
  rejection: Rejection,
  manifests?: Pick<JoinedManifests, 'place'>,
): void => {
  const [message = '', ...details] = rejectionLines(rejection, manifests);
  context.terminal.error(message);
  for (const detail of details) context.terminal.note(detail);
};

/** What a receipt does not say because it would not fit one message. */
export const leftOutText = ({ fields, bytes, maxBytes }: NonNullable<Receipt['leftOut']>): string =>
  `the answer has no ${fields.join(', ')}: expected at most ${maxBytes} bytes, found ${bytes}; send fewer documents at once to see it`;

/** Advice that came with an acceptance, and what had to be left out. */
export const tellWarnings = (
  context: CliContext,
  receipt: Receipt,
  manifests?: Pick<JoinedManifests, 'place'>,
): void => {
  if (receipt.leftOut !== undefined) context.terminal.warn(leftOutText(receipt.leftOut));
  for (const finding of receipt.warnings ?? []) {
    const [head = '', ...hints] = findingLines(finding, manifests);
    context.terminal[finding.severity === 'note' ? 'info' : 'warn'](head);
    for (const hint of hints) context.terminal.note(hint);
  }
};

export const entitiesOf = (receipt: Receipt): readonly EntityIdentity[] =>
  receipt.entities ?? (receipt.entity === undefined ? [] : [receipt.entity]);

/** `active inprogress (generation 2 of 3): waiting for the run` */
export const progressText = (progress: Progress): string => {
  if (progress.isGone) return 'gone';
  const { status, runtime, observedGeneration, generation, message } = progress;
  const lag = observedGeneration < generation ? ` (generation ${observedGeneration} of ${generation})` : '';
  return `${[status, runtime].filter((part) => part !== '').join(' ')}${lag}${message === '' ? '' : `: ${message}`}`;
};

const codeOf: Readonly<Record<WaitOutcome['outcome'], number>> = {
  ready: exitCodes.done,
  failed: exitCodes.failed,
  'timed-out': exitCodes.timedOut,
  stopped: exitCodes.interrupted,
};

/** What of one thing a command has asked for. */
export type WaitTarget = {
  readonly identity: Identity;
  readonly generation: number;
  /** Of the last event of the command about it. */
  readonly minSequence?: number;
  readonly run?: NonNullable<WaitOptions['run']>;
};

const RUN_BEGINS = /\.resource\.(?:declared|changed|run-requested)\.v\d+$/;
const MAY_FREE_A_RUN = /\.resource\.resumed\.v\d+$/;

/** The run of an event has the event's id; an event that wanted none is found to be without one. */
const runOf = (events: Receipt['events']): Pick<WaitTarget, 'run'> => {
  const begun = events.find(({ type }) => RUN_BEGINS.test(type));
  if (begun !== undefined) return { run: { id: begun.id } };
  const isOpen = events.length === 0 || events.some(({ type }) => MAY_FREE_A_RUN.test(type));
  // An id that no run has: only the change itself is waited for.
  return { run: isOpen ? 'current' : { id: events[0]?.id ?? '' } };
};

export const waitTargetsOf = (receipt: Receipt): readonly WaitTarget[] =>
  entitiesOf(receipt).map(({ generation, ...identity }) => {
    const { kind, workspace, name } = identity;
    const own = receipt.events.filter(({ subject }) => subject.endsWith(`.${kind}.${workspace}.${name}`));
    const last = own.at(-1)?.sequence;
    return {
      identity,
      generation,
      ...(last === undefined ? {} : { minSequence: last }),
      ...(kind === 'resource' ? runOf(own) : {}),
    };
  });

/** Waits for all of them and says how it goes. The worst outcome is the exit code: timed out before failed. */
export const waitForAll = async (
  context: CliContext,
  client: Client,
  targets: readonly WaitTarget[],
  options: { readonly timeoutMs: number; readonly untilGone?: boolean },
): Promise<number> => {
  const { terminal, signal } = context;
  const queue = [...targets];
  let code: number = exitCodes.done;
  const work = async (): Promise<void> => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
      const { identity, generation, ...which } = target;
      const waited = await client.waitReady(identity, generation, {
        ...options,
        ...which,
        signal,
        onChange: (progress) => terminal.info(`⏳ ${spoken(identity)}...${progressText(progress)}`),
      });
      if (waited.outcome === 'ready') continue;
      const last = waited.last === undefined ? 'nothing was observed' : progressText(waited.last);
      if (waited.outcome === 'timed-out') {
        terminal.error(
          `${spoken(identity)}: not done within ${formatDurationMs(options.timeoutMs)}; last seen: ${last}`,
        );
      } else if (waited.outcome === 'failed') terminal.error(`${spoken(identity)}: ${last}`);
      code = Math.max(code, codeOf[waited.outcome]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(WAITERS, targets.length) }, work));
  return code;
};

/** After an accepted command: waits when --wait asks for it. */
export const waitIfAsked = async (
  args: ParsedArguments,
  context: CliContext,
  client: Client,
  receipt: Receipt,
  options: { readonly untilGone?: boolean } = {},
): Promise<number> => {
  const timeoutMs = durationOf(args, 'wait', DEFAULT_WAIT_MS);
  if (timeoutMs === undefined || receipt.dryRun === true) return exitCodes.done;
  return waitForAll(context, client, waitTargetsOf(receipt), { timeoutMs, ...options });
};
