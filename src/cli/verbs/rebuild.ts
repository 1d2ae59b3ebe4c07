// rebuild: builds views anew beside the live ones and writes what differs into these. Queries go on meanwhile, and so does the projector.

import { exitCodes } from '../../program/lifecycle.ts';
import { printable } from '../../core/names.ts';
import { nearestName } from '../../json-schema/nearest.ts';
import { has } from '../arguments.ts';
import { viewNames, workOnViews } from '../view-work.ts';
import { UsageError, type Verb } from '../verb.ts';

export const rebuildVerb: Verb = {
  name: 'rebuild',
  about: 'build views anew and write what differs into the live ones',
  usage: 'VIEW | --all',
  flags: { all: { kind: 'bare', about: 'every view' } },
  maxPositionals: 1,
  notes: [
    'VIEW: operators, operator-statuses, entities, entity-statuses or secrets.',
    'The answer to checkpoints that cannot be read, to documents that were changed by hand, and to a bucket that was restored without its stream.',
    'Only differences are written. Queries are answered all the time, and the projector goes on.',
  ],
  run: async (args, context) => {
    const names = viewNames(context);
    const [view] = args.positionals;
    if ((view === undefined) !== has(args, 'all')) throw new UsageError('say which view, or --all');
    if (view !== undefined && !names.includes(view)) {
      const nearest = nearestName(view, names);
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      throw new UsageError(`expected one of ${names.join(', ')}; found "${printable(view)}"${hint}`);
    }
    const isEqual = await workOnViews(context, view === undefined ? names : [view], { isRepair: true });
    return isEqual ? exitCodes.done : exitCodes.failed;
  },
};
