// All checks, in the order in which they run: the ordinary before the violent, and last the one that looks at what all others left.

import { keptBeforeAck, killedAtWork, replicas, serverRestart, sigterm } from './checks/crashes.ts';
import { declaredAgain, deleteUnknown, deletion, release } from './checks/leaving.ts';
import { changedSpec, doubled, olderSequence, reports } from './checks/life.ts';
import { malformed, queries } from './checks/messages.ts';
import { actions, cancel, runs } from './checks/runs.ts';
import { statusEvents } from './checks/status-events.ts';
import type { Check } from './types.ts';

export const allChecks: readonly Check[] = [
  reports,
  changedSpec,
  doubled,
  olderSequence,
  runs,
  cancel,
  actions,
  queries,
  malformed,
  deletion,
  deleteUnknown,
  declaredAgain,
  release,
  keptBeforeAck,
  killedAtWork,
  replicas,
  serverRestart,
  sigterm,
  statusEvents,
];
