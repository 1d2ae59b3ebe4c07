// All verbs, in the order of the help.

import type { Verb } from '../verb.ts';
import { applyVerb, createVerb } from './apply.ts';
import { backupVerb } from './backup.ts';
import { contractVerb } from './contract.ts';
import { deleteVerb } from './delete.ts';
import { diffVerb } from './diff.ts';
import { doctorVerb } from './doctor.ts';
import { eventsVerb } from './events.ts';
import { getVerb } from './get.ts';
import { historyVerb, replayVerb } from './history.ts';
import { lintVerb } from './lint.ts';
import { logsVerb } from './logs.ts';
import { outcomeVerb } from './outcome.ts';
import { rebuildVerb } from './rebuild.ts';
import { releaseVerb } from './release.ts';
import { resealVerb } from './reseal.ts';
import { restoreVerb } from './restore.ts';
import { runsVerb } from './runs.ts';
import { statusVerb } from './status.ts';
import { up } from './up.ts';
import { verifyVerb } from './verify.ts';
import { versionVerb } from './version.ts';
import { cancelVerb, patchVerb, reconcileVerb, restartVerb, resumeVerb, runVerb, suspendVerb } from './target.ts';

export const allVerbs: readonly Verb[] = [
  applyVerb,
  createVerb,
  getVerb,
  deleteVerb,
  releaseVerb,
  diffVerb,
  lintVerb,
  patchVerb,
  runVerb,
  cancelVerb,
  suspendVerb,
  resumeVerb,
  reconcileVerb,
  restartVerb,
  resealVerb,
  statusVerb,
  runsVerb,
  historyVerb,
  replayVerb,
  eventsVerb,
  logsVerb,
  outcomeVerb,
  verifyVerb,
  rebuildVerb,
  doctorVerb,
  backupVerb,
  restoreVerb,
  contractVerb,
  up,
  versionVerb,
];
