// verify: proves that the KV documents are what the streams say, by building each view anew beside the live one. Changes nothing without --repair.

import { exitCodes } from '../../program/lifecycle.ts';
import { has } from '../arguments.ts';
import { viewNames, workOnViews } from '../view-work.ts';
import type { Verb } from '../verb.ts';

export const verifyVerb: Verb = {
  name: 'verify',
  about: 'prove that the KV documents equal the fold of the streams',
  usage: '[--repair]',
  flags: { repair: { kind: 'bare', about: 'write what differs, as `opstream rebuild --all` does' } },
  notes: [
    'Builds each view from sequence 1 in a bucket of its own, in the memory of the server, and compares every key byte for byte.',
    'Messages that are none of ours were set aside; they are listed, and are no difference.',
  ],
  run: async (args, context) => {
    const isEqual = await workOnViews(context, viewNames(context), { isRepair: has(args, 'repair') });
    return isEqual ? exitCodes.done : exitCodes.failed;
  },
};
