// Progress on stderr for work that takes a while: one line that is rewritten on a terminal, a line at start and end elsewhere.

const isTerminal = process.stderr.isTTY === true;

const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Runs `work`, showing `what` and the time that has passed. */
export const withProgress = async (what, work) => {
  const startedMs = performance.now();
  let timer;
  if (isTerminal) timer = setInterval(() => process.stderr.write(`\r  ${what} ... ${seconds(startedMs)}`), 200);
  else process.stderr.write(`  ${what} ...\n`);
  try {
    const result = await work();
    process.stderr.write(`${isTerminal ? '\r' : ''}  ${what}: done in ${seconds(startedMs)}      \n`);
    return result;
  } catch (error) {
    process.stderr.write(`${isTerminal ? '\r' : ''}  ${what}: failed after ${seconds(startedMs)}      \n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
};
