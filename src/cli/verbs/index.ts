// All verbs, in the order of the help.

import type { Verb } from '../verb.ts';
import { applyVerb, createVerb } from './apply.ts';
import { deleteVerb } from './delete.ts';
import { diffVerb } from './diff.ts';
import { doctorVerb } from './doctor.ts';
import { eventsVerb } from './events.ts';
import { getVerb } from './get.ts';
import { historyVerb, replayVerb } from './history.ts';
import { outcomeVerb } from './outcome.ts';
import { statusVerb } from './status.ts';
import { up } from './up.ts';
import { verifyVerb } from './verify.ts';
import { versionVerb } from './version.ts';
import { cancelVerb, patchVerb, resumeVerb, runVerb, suspendVerb } from './target.ts';

export const allVerbs: readonly Verb[] = [
  applyVerb,
  createVerb,
  getVerb,
  deleteVerb,
  diffVerb,
  patchVerb,
  runVerb,
  cancelVerb,
  suspendVerb,
  resumeVerb,
  statusVerb,
  historyVerb,
  replayVerb,
  eventsVerb,
  outcomeVerb,
  verifyVerb,
  doctorVerb,
  up,
  versionVerb,
];
