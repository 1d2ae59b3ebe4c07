// Runs a program as the leader of a process group of its own, so that all that it starts ends with us: at Ctrl-C, when the terminal is
// closed, at SIGTERM, and after a `kill -9`, for which a shell that leads the group watches over us. Used by `npm test`.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGHUP', 'SIGTERM'];
const POLITE_MS = 5000;

/** Runs the program, and beside it waits for the end of its own input: then nobody is there who could end the group, and it ends itself. */
const GUARDED =
  'exec 3<&0; "$@" </dev/null 3<&- & program=$!; { read -r word <&3; kill -9 0; } & exec 3<&-; wait "$program"';

const signalGroup = (pid, name) => {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // All of it may have ended since.
    if (error.code !== 'ESRCH') throw error;
  }
};

/**
 * Its exit code, or 1 when it did not come to one. Its output is ours. A SIGINT, SIGHUP or SIGTERM of ours reaches the whole group; what is
 * left of it five seconds later, or at a second signal, is killed, and then this process ends with 128 and the signal's number.
 */
export const runInGroup = (command, args, options) =>
  new Promise((resolve) => {
    let caught;
    const leave = () => {
      signalGroup(child.pid, 'SIGKILL');
      process.exit(128 + constants.signals[caught]);
    };
    const onSignal = (name) => {
      if (caught !== undefined) return leave();
      caught = name;
      signalGroup(child.pid, 'SIGTERM');
      setTimeout(leave, POLITE_MS);
    };
    // Before the program is there: it may say at once that it is.
    for (const name of SIGNALS) process.on(name, onSignal);
    const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', command, ...args], {
      stdio: ['pipe', 'inherit', 'inherit'],
      detached: true,
      ...options,
    });
    child.stdin.on('error', () => undefined);
    const done = (code) => {
      for (const name of SIGNALS) process.off(name, onSignal);
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      if (caught !== undefined) process.exit(128 + constants.signals[caught]);
      resolve(code ?? 1);
    };
    child.on('error', () => done(1));
    child.on('exit', done);
  });
