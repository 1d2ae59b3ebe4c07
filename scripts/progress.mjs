// Progress on stderr for work that takes a while: one line that is rewritten on a terminal; elsewhere a line at the start, one every ten
// seconds and one at the end.

const TERMINAL_MS = 200;
const ELSEWHERE_MS = 10_000;

const toStandardError = (text) => process.stderr.write(text);

/** Runs `work`, showing `what` and the time that has passed. `write` takes text with its line ends; default standard error. */
export const withProgress = async (what, work, write = toStandardError) => {
  const isTerminal = process.stderr.isTTY === true && write === toStandardError;
  const startedMs = performance.now();
  const elapsed = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const line = (text) => write(isTerminal ? `\r\u001b[K  ${what}${text}\n` : `  ${what}${text}\n`);
  if (!isTerminal) line(' ...');
  const timer = isTerminal
    ? setInterval(() => write(`\r\u001b[K  ${what} ... ${elapsed()}`), TERMINAL_MS)
    : setInterval(() => line(` ... ${elapsed()}`), ELSEWHERE_MS);
  try {
    const result = await work();
    line(`: done in ${elapsed()}`);
    return result;
  } catch (error) {
    line(`: failed after ${elapsed()}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
};
