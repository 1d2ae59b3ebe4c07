// release: a resource out of opstream without the word of its component. For one whose component is gone: what it has outside stays there,
// and is named here for the last time.

import { exitCodes } from '../../program/lifecycle.ts';
import { has, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { leftBehindLines } from '../left-behind-text.ts';
import { outputOf, printAs, sendVerb, tellRejection } from '../reporting.ts';
import { commonFlags, identityOf, spoken, targetOf, type Verb } from '../verb.ts';

const run = async (args: ParsedArguments, context: CliContext): Promise<number> => {
  const { terminal } = context;
  const output = outputOf(args);
  const identity = identityOf(args);
  terminal.info('🎈 release...');
  const client = await context.connect();
  const force = has(args, 'force') ? { force: true } : {};
  const receipt = await sendVerb(client, 'release', { ...targetOf(identity), ...force }, args, context);
  if (output !== undefined) printAs(context, output, receipt);
  if (receipt.rejection !== undefined) {
    terminal.warn(`🎈 releasing ${spoken(identity)}...error`);
    tellRejection(context, receipt.rejection);
    return exitCodes.failed;
  }
  const isDry = receipt.dryRun === true;
  terminal.info(`🎈 releasing ${spoken(identity)}...released${isDry ? ' (dry run)' : ''}`);
  for (const line of receipt.leftBehind === undefined ? [] : leftBehindLines(receipt.leftBehind, identity))
    terminal.note(line);
  terminal.info(`🎈 release...${isDry ? 'nothing stored' : 'complete'}`);
  return exitCodes.done;
};

export const releaseVerb: Verb = {
  name: 'release',
  about: 'let go of a resource whose component is gone; what it has outside stays',
  usage: '-n NAME [-w WORKSPACE] [--force] [--dry-run] [-o json|yaml]',
  flags: {
    name: commonFlags.name,
    workspace: commonFlags.workspace,
    force: { kind: 'bare', about: 'although nobody has asked for its deletion' },
    'dry-run': commonFlags['dry-run'],
    output: commonFlags.output,
    'command-id': commonFlags['command-id'],
    'expected-generation': commonFlags['expected-generation'],
  },
  notes: ['Without --force the deletion must have been asked for (opstream delete) and not have come to its end.'],
  run,
};
