// One worker thread as the runner sees it: started, given one job at a time, ended. Unref'd while it has nothing to do, so that an idle
// runner keeps no program alive.

import { Worker } from 'node:worker_threads';
import { WORKER_PROGRAM } from './worker-program.ts';
import type { JqJob, JqReply } from './worker-messages.ts';

const START_TIMEOUT_MS = 15_000;
/** Outputs are collected in JavaScript before their length is known. jq's own memory is not counted here. */
const MAX_OLD_GENERATION_MB = 128;

/** Resolved here: a worker that is started from text would look for the package beside the current folder. */
const jqModule = (): string => import.meta.resolve('jq-wasm');

/** `timed-out` and `broken`: the worker is gone. */
export type JobResult = JqReply | { readonly kind: 'timed-out' };

export type JqWorker = {
  readonly jobs: number;
  carryOut(job: JqJob, timeoutMs: number): Promise<JobResult>;
  end(): Promise<void>;
};

export const createJqWorker = (): JqWorker => {
  const worker = new Worker(WORKER_PROGRAM, {
    eval: true,
    workerData: { jqModule: jqModule() },
    env: {},
    execArgv: [],
    // What jq writes about its own end is of no use to the operator of this process.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB, stackSizeMb: 4 },
  });
  let jobs = 0;
  let settle: ((result: JobResult) => void) | undefined;
  let isGone = false;
  let isEnded = false;
  const answer = (result: JobResult): void => {
    const waiting = settle;
    settle = undefined;
    waiting?.(result);
  };
  worker.on('message', answer);
  const onGone = (): void => {
    isGone = true;
    answer({ kind: 'broken' });
  };
  worker.on('error', onGone);
  worker.on('exit', onGone);

  const next = (timeoutMs: number): Promise<JobResult> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        settle = undefined;
        resolve({ kind: 'timed-out' });
      }, timeoutMs);
      settle = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      if (isGone) answer({ kind: 'broken' });
    });

  const ready = next(START_TIMEOUT_MS);

  const end = async (): Promise<void> => {
    isEnded = true;
    isGone = true;
    answer({ kind: 'broken' });
    await worker.terminate();
  };

  return {
    get jobs() {
      return jobs;
    },
    carryOut: async (job, timeoutMs) => {
      jobs += 1;
      worker.ref();
      const started = await ready;
      if (isEnded) return { kind: 'broken' };
      if (started.kind !== 'ready') {
        await end();
        throw new Error('the worker for jq programs does not start');
      }
      const answered = next(timeoutMs);
      worker.postMessage(job);
      const result = await answered;
      if (result.kind === 'timed-out' || result.kind === 'broken') await end();
      else worker.unref();
      return result;
    },
    end,
  };
};
