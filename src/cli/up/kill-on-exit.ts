// Children that must not outlive this process. They run in groups of their own, so that a Ctrl-C does not reach them before they are asked
// to stop in order; a second Ctrl-C, a stop that takes too long and a bug end this process at once, and then nobody else would end them.

import type { ChildProcess } from 'node:child_process';

const alive = new Set<ChildProcess>();

const killAll = (): void => {
  for (const child of alive) child.kill('SIGKILL');
};

/** Until it ends by itself, `child` is killed when this process exits. */
export const killOnExit = <TChild extends ChildProcess>(child: TChild): TChild => {
  if (alive.size === 0) process.once('exit', killAll);
  alive.add(child);
  const forget = (): void => {
    alive.delete(child);
    if (alive.size === 0) process.off('exit', killAll);
  };
  child.once('exit', forget);
  child.once('error', () => {
    if (child.pid === undefined) forget();
  });
  return child;
};
