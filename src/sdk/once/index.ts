// Runs that are started once: `createOnce` for operators whose resources have runs, and the pieces of it for those that do more. Exported by the
// SDK's index.

export { createOnce, type Once } from './create-once.ts';
export { createGate, type Gate } from './gate.ts';
export { hasEnded, nextIntent, readIntent, readRunRecord, withEarlier } from './intent.ts';
export { createLedger, ownerOf, type Ledger } from './ledger.ts';
export { runUpdate } from './parts.ts';
export { lookOnly, nextStep, type Step } from './plan.ts';
export { isRefusal, isTemporary, outcomeOfStatus, refusedFault } from './refused.ts';
export { conditionsOfRun, waitingFor } from './run-words.ts';
export type {
  Described,
  FollowStep,
  Found,
  Intent,
  OnceOptions,
  OnceWork,
  OnMissing,
  Prepared,
  RunRecord,
  Said,
  Search,
  Seen,
  StartedRun,
} from './types.ts';
