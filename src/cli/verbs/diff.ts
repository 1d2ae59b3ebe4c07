// diff: what an apply would change, line by line, against what is stored. Judged by the command-handler (a dry run), so defaults and
// refusals are those of the real thing.

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Receipt } from '../../messages/commands.ts';
import { masked } from '../../manifest/sealed.ts';
import { applyStored, type Operation } from '../../messages/patch.ts';
import { NO_WORKSPACE } from '../../core/names.ts';
import { exitCodes } from '../../program/lifecycle.ts';
import type { Client, Identity } from '../../client/types.ts';
import { has, listOf } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { tooLargeMessage } from '../joined-manifests.ts';
import { diffLines } from '../line-diff.ts';
import { readManifests } from '../manifest-files.ts';
import { entitiesOf, leftOutText, sendOptionsOf, tellRejection } from '../reporting.ts';
import { commonFlags, spoken, targetOf, type Verb } from '../verb.ts';
import { toYaml } from '../yaml.ts';

type Preview = NonNullable<Receipt['preview']>[number];

const storedManifest = async (client: Client, identity: Identity): Promise<JsonObject | undefined> => {
  const answer = await client.query('get', targetOf(identity));
  if (!answer.ok) return undefined;
  const { value } = answer;
  const { manifest } =
    value.type === 'resource' ? value.entity : value.type === 'operator' ? value.operator : value.secret;
  return manifest as unknown as JsonObject;
};

const keyOf = ({ kind, workspace, name }: Identity): string =>
  `${kind}.${kind === 'operator' ? NO_WORKSPACE : workspace}.${name}`;

/** The manifest as it would be after the events. */
export const manifestAfter = (before: JsonObject | undefined, previews: readonly Preview[]): JsonObject | undefined => {
  let after = before;
  for (const { data } of previews) {
    if (!isJsonObject(data)) continue;
    const { manifest, patch } = data;
    if (isJsonObject(manifest)) after = manifest;
    else if (Array.isArray(patch) && after !== undefined)
      after = applyStored(after, patch as readonly JsonValue[] as unknown as readonly Operation[]);
  }
  return after;
};

/** Prints what would change of each thing. How many there are. */
const showDifferences = async (receipt: Receipt, { terminal }: CliContext, client: Client): Promise<number> => {
  let differences = 0;
  for (const { kind, workspace, name } of entitiesOf(receipt)) {
    const identity = { kind, workspace, name };
    const previews = (receipt.preview ?? []).filter(({ subject }) => subject.endsWith(`.${keyOf(identity)}`));
    if (previews.length === 0) continue;
    const before = await storedManifest(client, identity);
    const after = masked(manifestAfter(before, previews));
    differences += 1;
    terminal.out(`--- ${spoken(identity)}, ${before === undefined ? 'not there yet' : 'as stored'}`);
    terminal.out(`+++ ${spoken(identity)}, as it would be`);
    const lines = diffLines(before === undefined ? '' : toYaml(before), after === undefined ? '' : toYaml(after));
    terminal.out(lines.join('\n'));
  }
  return differences;
};

export const diffVerb: Verb = {
  name: 'diff',
  about: 'what an apply would change',
  usage: '-f FILE|DIR|- [-R] [-w WORKSPACE] [--exit-code]',
  flags: {
    file: commonFlags.file,
    recursive: commonFlags.recursive,
    workspace: commonFlags.workspace,
    'exit-code': { kind: 'bare', about: 'exit with 1 when there are differences' },
  },
  run: async (args, context) => {
    const { terminal } = context;
    const manifests = await readManifests(context, listOf(args, 'file'), has(args, 'recursive'));
    const tooLarge = tooLargeMessage(manifests.data);
    if (tooLarge !== undefined) {
      terminal.error(tooLarge);
      return exitCodes.failed;
    }
    const client = await context.connect();
    const receipt = await client.send('apply', manifests.data, { ...sendOptionsOf(args, context), dryRun: true });
    if (receipt.rejection !== undefined) {
      tellRejection(context, receipt.rejection, manifests);
      return exitCodes.failed;
    }
    const left = receipt.leftOut;
    if (left?.fields.includes('preview') === true) {
      terminal.error(leftOutText(left));
      return exitCodes.failed;
    }
    const differences = await showDifferences(receipt, context, client);
    if (differences === 0) terminal.info('diff...no differences');
    return differences > 0 && has(args, 'exit-code') ? exitCodes.failed : exitCodes.done;
  },
};
