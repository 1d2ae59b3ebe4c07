// Answers a command: the receipt with its advice, stored where it is the only memory of the command or was asked to be kept. Called by
// execute-command.ts, once for each command.

import type { Rejection } from '../../core/rejection.ts';
import type { ParsedDocument } from '../../manifest/document.ts';
import { adviceOnDocument } from '../../manifest/lint/lint.ts';
import type { Receipt } from '../../messages/commands.ts';
import type { Finding } from '../../messages/finding.ts';
import type { Outcomes } from '../history/outcomes.ts';
import { ALWAYS_LOOK, type Aggregates } from './aggregates.ts';
import type { Case } from './case.ts';
import type { CommandRequest } from './command-request.ts';
import type { Decided } from './decide-command.ts';
import type { Command } from './intent.ts';
import type { OutcomeIndex } from './outcome-index.ts';
import { acceptance, appliedBefore, leftBehindBy, preview, refusal, sameTarget, withWarnings } from './receipts.ts';
import type { Stored } from './store-changes.ts';

export type AnswerOptions = {
  readonly aggregates: Aggregates;
  readonly outcomes: Outcomes;
  readonly outcomeIndex: Pick<OutcomeIndex, 'add'>;
};

type Linted = Pick<Case, 'intent'> & Partial<Pick<Case, 'wanted'>>;

/** Of a manifest what was written, of a patch what it has made. */
const documentOf = ({ intent, wanted }: Linted): ParsedDocument | undefined => {
  if (intent.kind === 'manifest') return intent.document;
  return wanted?.ok === true ? wanted.value.patched : undefined;
};

/** What the lint says about the manifests of a command. */
const adviceOn = (cases: readonly Linted[]): readonly Finding[] => {
  const findings: Finding[] = [];
  for (const one of cases) {
    const document = documentOf(one);
    if (document !== undefined) findings.push(...adviceOnDocument(one.intent.ref.kind, document));
  }
  return findings;
};

/** `stored`: undefined for a dry run, and for what was refused. */
export const receiptOf = (
  { request, refs }: Command,
  cases: readonly Case[],
  { changes, rejection, warnings }: Decided,
  stored: Stored | undefined,
): Receipt => {
  if (rejection !== undefined) return refusal(request, rejection, refs);
  const receipt =
    stored === undefined
      ? preview(request, changes)
      : acceptance(request, stored.entities, stored.events, leftBehindBy(changes));
  return withWarnings(receipt, [...adviceOn(cases), ...warnings]);
};

export const createAnswers = ({ aggregates, outcomes, outcomeIndex }: AnswerOptions) => {
  /**
   * Two copies may decide one command at the same moment, on two sides of somebody else's event: this one refuses what that one carries out. So
   * who stores nothing looks once more when its outcome is stored, and who is about to store something has looked for an outcome (gather.ts): one
   * of the two sees the other. The receipt that counts.
   */
  const rememberOnly = async ({ request, refs }: Command, receipt: Receipt): Promise<Receipt> => {
    outcomeIndex.add(request.commandId);
    const stored = await outcomes.record(request, receipt);
    const loaded = await Promise.all(refs.map((ref) => aggregates.load(ref, ALWAYS_LOOK)));
    await aggregates.recall(loaded, request.commandId);
    const applied = appliedBefore(request, loaded);
    if (applied !== undefined) return outcomes.record(request, applied);
    return sameTarget(stored, refs) ? stored : receipt;
  };

  return {
    /** A command that cannot be read. */
    refuse: async (request: CommandRequest, rejection: Rejection, keepOutcome: boolean): Promise<Receipt> => {
      const receipt = refusal(request, rejection);
      if (keepOutcome && !request.isDryRun) await outcomes.record(request, receipt);
      return receipt;
    },

    /** A command that was answered before with `receipt`. `outcome`: what is stored of it, if anything was looked for. */
    again: async (command: Command, receipt: Receipt, outcome: Receipt | undefined): Promise<Receipt> => {
      const { request, intents, keepOutcome } = command;
      const told =
        receipt === outcome ? receipt : withWarnings(receipt, adviceOn(intents.map((intent) => ({ intent }))));
      // The receipt of an earlier time is not stored yet; or the outcome says that nothing was stored, and there are events.
      const isNew = outcome === undefined ? keepOutcome : outcome.events.length === 0 && receipt.events.length > 0;
      if (isNew) await outcomes.record(request, told);
      return told;
    },

    /** Undefined: the events that were stored are memory enough. Else the receipt that counts, when it is stored. */
    remember: (command: Command, receipt: Receipt): Promise<Receipt> | undefined => {
      const { request, keepOutcome, mayComeAgain } = command;
      if (request.isDryRun) return undefined;
      if (mayComeAgain && receipt.events.length === 0) return rememberOnly(command, receipt);
      return keepOutcome ? outcomes.record(request, receipt).then(() => receipt) : undefined;
    },
  };
};
