// reseal: puts sealed values under the current key, the second step of a rotation. Without a name: all secrets, and all operators (which may hold
// an API key). What is under the current key already is left alone, so it can be repeated.

import { exitCodes } from '../../program/lifecycle.ts';
import type { Client, Identity } from '../../client/types.ts';
import { MAX_PAGE_SIZE } from '../../messages/queries.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { has, type ParsedArguments } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { sendVerb, tellRejection } from '../reporting.ts';
import { choiceOf, commonFlags, identityOf, spoken, targetOf, UsageError, type Verb } from '../verb.ts';

/** Undefined: refused, and told already. */
const allOf = async (
  context: CliContext,
  client: Client,
  type: 'secret' | 'operator',
): Promise<readonly Identity[] | undefined> => {
  const found: Identity[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.query('list', {
      type,
      limit: MAX_PAGE_SIZE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (!page.ok) {
      tellRejection(context, page.error);
      return undefined;
    }
    for (const { workspace, name } of page.value.items) {
      found.push({ kind: type, workspace: type === 'operator' ? NO_WORKSPACE : workspace, name });
    }
    cursor = page.value.next;
    if (cursor === undefined) return found;
  }
};

const targetsOf = async (
  args: ParsedArguments,
  context: CliContext,
  client: Client,
): Promise<readonly Identity[] | undefined> => {
  if (has(args, 'name')) {
    const type = choiceOf(args, 'type', ['secret', 'operator']) ?? 'secret';
    return [identityOf({ ...args, flags: new Map(args.flags).set('type', [type]) })];
  }
  if (has(args, 'workspace'))
    throw new UsageError('-w WORKSPACE belongs to -n NAME; without both, everything is resealed');
  const secrets = await allOf(context, client, 'secret');
  const operators = secrets === undefined ? undefined : await allOf(context, client, 'operator');
  return operators === undefined ? undefined : [...(secrets ?? []), ...operators];
};

export const resealVerb: Verb = {
  name: 'reseal',
  about: 'put sealed values under the current key: after a new key was put first in the key ring',
  usage: '[-n NAME [-t secret|operator] [-w WORKSPACE]]',
  flags: { type: commonFlags.type, name: commonFlags.name, workspace: commonFlags.workspace },
  notes: ['When it says complete, keys after the first can be taken out of the key ring.'],
  run: async (args, context) => {
    const { terminal } = context;
    terminal.info('🔑 reseal...');
    const client = await context.connect();
    const targets = await targetsOf(args, context, client);
    if (targets === undefined) return exitCodes.failed;
    let resealed = 0;
    let refused = 0;
    for (const identity of targets) {
      const receipt = await sendVerb(client, 'reseal', targetOf(identity), args, context);
      // Deleted since it was listed.
      if (receipt.rejection?.code === 'NOT_FOUND' && !has(args, 'name')) continue;
      if (receipt.rejection !== undefined) {
        refused += 1;
        terminal.warn(`🔑 resealing ${spoken(identity)}...error`);
        tellRejection(context, receipt.rejection);
      } else if (receipt.unchanged !== true) {
        resealed += 1;
        terminal.info(`🔑 resealing ${spoken(identity)}...resealed`);
      }
    }
    const counts = `${resealed} resealed, ${targets.length - resealed - refused} as they were`;
    if (refused === 0) terminal.info(`🔑 reseal...complete: ${counts}`);
    else terminal.error(`🔑 reseal...${counts}, ${refused} refused; keep the old keys`);
    return refused === 0 ? exitCodes.done : exitCodes.failed;
  },
};
