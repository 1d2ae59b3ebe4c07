// Children that must not outlive this process. They run in groups of their own, so that a Ctrl-C does not reach them before they are asked
// to stop in order; a second Ctrl-C, a stop that takes too long and a bug end this process at once, and then nobody else would end them.
// A `kill -9` leaves no time for that: `up` finds what it left by its pid files when it starts again, and whoever works in a temporary
// folder calls `guardFolder`.

import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { killGroupOf } from '../compute/os-process.ts';

const alive = new Set<ChildProcess>();
let guard: NodeJS.WritableStream | undefined;

const killAll = (): void => {
  for (const child of alive) killGroupOf(child.pid ?? 0);
};

const tellGuard = (line: string): void => {
  guard?.write(`${line}\n`);
};

/**
 * Until it ends by itself, `child` is killed when this process exits, with everything that it started. It leads a group of its own
 * (`detached`).
 */
export const killOnExit = <TChild extends ChildProcess>(child: TChild): TChild => {
  if (alive.size === 0) process.once('exit', killAll);
  alive.add(child);
  if (child.pid !== undefined) tellGuard(`+ ${child.pid}`);
  const forget = (): void => {
    alive.delete(child);
    if (child.pid !== undefined) tellGuard(`- ${child.pid}`);
    if (alive.size === 0) process.off('exit', killAll);
  };
  child.once('exit', forget);
  child.once('error', () => {
    if (child.pid === undefined) forget();
  });
  return child;
};

/** Lines "+ PID" and "- PID" say which groups are there. Its input ends when its parent is gone, however that went. */
const GUARD = `
pids=''
while read -r what value; do
  case $what in
    +) pids="$pids $value" ;;
    -) kept=''; for pid in $pids; do [ "$pid" = "$value" ] || kept="$kept $pid"; done; pids=$kept ;;
  esac
done
for pid in $pids; do kill -9 "-$pid"; done
[ -z "$pids" ] || sleep 0.3
rm -rf -- "$1"
`;

/**
 * From now on a `kill -9` of this process ends the children of `killOnExit` too, and the temporary folder `directory` goes with them. A
 * shell of its own session watches over it. Call it before the first child is started, once in a process.
 */
export const guardFolder = (directory: string): void => {
  const shell = spawn('/bin/sh', ['-c', GUARD, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  shell.once('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  guard = shell.stdin;
};
