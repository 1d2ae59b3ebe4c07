// The program of the worker thread in which jq programs run, one after the other; jq-worker.ts starts it. It is text, not a module of its own:
// a worker does not inherit the loader that runs TypeScript sources, and this way built and unbuilt programs start the same thing.
// jq is WebAssembly: it sees no file system, no network and an environment of its own making, and its memory ends at 256 MiB.

/** For jq 3 is "does not compile". After "--" a program that begins with "-" is no flag. Without input it is compiled and never run. */
export const WORKER_PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.jqModule).then(async ({ loadJq }) => {
  const jq = await loadJq();
  const carryOut = ({ program, input, flags, maxOutputLength }) => {
    try {
      const { stdout, stderr, exitCode } = jq.raw(input ?? '', program, ['-c', ...flags, '--']);
      if (exitCode !== 0) return { kind: 'failed', isCompileError: exitCode === 3, stderr };
      return stdout.length > maxOutputLength ? { kind: 'too-long' } : { kind: 'outputs', lines: stdout };
    } catch {
      return { kind: 'broken' };
    }
  };
  parentPort.on('message', (job) => parentPort.postMessage(carryOut(job)));
  parentPort.postMessage({ kind: 'ready' });
});
`;
