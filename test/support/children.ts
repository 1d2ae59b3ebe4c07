// Every program that a test file starts is known here, so that none outlives it: a watchdog (a shell that reads from this process) ends
// them and removes their folders when this process is gone, however it went; `leakGuard` makes a file fail that leaves some running.
// Used by nats-server.ts and processes.ts; a test that spawns by itself should call `track`.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

const LEAK_GRACE_MS = 3000;

/**
 * Lines: "+ PID" and "- PID" for programs that run, "d FOLDER" for folders. At the end of its input it cleans up what is left: these
 * programs, and what they in turn left running on purpose (components, servers of operators, containers with the engine's watcher as their
 * parent). Those are known by a folder of the test in their own or their parent's arguments or environment, where there is /proc.
 */
const WATCHDOG = `
pids=''; folders=''
while read -r what value; do
  case $what in
    +) pids="$pids $value" ;;
    -) kept=''; for pid in $pids; do [ "$pid" = "$value" ] || kept="$kept $pid"; done; pids=$kept ;;
    d) folders="$folders$value
" ;;
  esac
done
if [ -n "$pids" ]; then kill -9 $pids; sleep 0.3; fi
printf '%s' "$folders" | while read -r folder; do
  for again in 1 2 3; do
    found=$(printf '%s' "$folder" | grep -lsF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d/ -f3 | sort -u | grep -vx "$$")
    [ -n "$found" ] || break
    kill -9 $found $(pgrep -P "$(echo $found | tr ' ' ,)"); sleep 0.1
  done
  while read -r _ place _; do case $place in "$folder"/*) umount "$place" ;; esac; done </proc/mounts
  rm -rf -- "$folder"
done
`;

const alive = new Map<ChildProcess, string>();
let watchdogInput: NodeJS.WritableStream | undefined;

const tellWatchdog = (line: string): void => {
  if (watchdogInput === undefined) {
    // A session of its own: what ends the tests from a terminal must not end it first.
    const watchdog = spawn('sh', ['-c', WATCHDOG], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    watchdog.unref();
    watchdog.stdin.on('error', () => undefined);
    if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
    watchdogInput = watchdog.stdin;
    process.once('exit', killAll);
  }
  watchdogInput.write(`${line}\n`);
};

const killAll = (): void => {
  for (const child of alive.keys()) child.kill('SIGKILL');
};

/** A temporary folder that is removed at the latest when this process ends. */
export const temporaryFolder = (): { readonly path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), 'opstream-test-'));
  tellWatchdog(`d ${path}`);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }) };
};

/** Makes sure that `child` does not outlive this process. `name` is for the message of `leakGuard`. */
export const track = <C extends ChildProcess>(child: C, name: string): C => {
  const { pid } = child;
  if (pid === undefined) return child;
  alive.set(child, name);
  tellWatchdog(`+ ${pid}`);
  child.once('exit', () => {
    alive.delete(child);
    tellWatchdog(`- ${pid}`);
  });
  return child;
};

/** Resolves when `child` has ended; at once when it has already. */
export const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) resolve();
    else child.once('exit', () => resolve());
  });

/** The tracked programs that are running: name and process id. */
export const running = (): readonly string[] => [...alive].map(([child, name]) => `${name} (${child.pid ?? '?'})`);

const reportLeaks = (): void => {
  if (alive.size === 0) return;
  process.stderr.write(`left running by this test file: ${running().join(', ')}\n`);
  process.exitCode = 1;
  killAll();
};

/**
 * Call once in a test file, anywhere: the file fails when a tracked program is still running three seconds after its last hook. The
 * check is not a hook itself, because hooks run in the order they were registered and the file's own may come later.
 */
export const leakGuard = (): void => {
  process.once('exit', reportLeaks);
  after(async () => {
    const timer = setTimeout(reportLeaks, LEAK_GRACE_MS);
    void Promise.all([...alive.keys()].map(ended)).then(() => clearTimeout(timer));
  });
};
