// Preloaded into a component (`--import`): kills it with SIGKILL at the n-th point at which its code waits or goes on after waiting,
// counted from the first command or reconcile after it was armed. Armed by OPSTREAM_TEST_CRASH_AT at the start, or later by
// SIGUSR2 with the number in the file OPSTREAM_TEST_CRASH_FILE; `3 start-run` is the third point in code whose place has that text. Says where on stderr before it dies. Points are found by the hooks that V8
// calls when an `await` makes a promise and when that promise is gone on from; the stack of the first tells whose `await` it is.

import { readFileSync, writeSync } from 'node:fs';
import { promiseHooks } from 'node:v8';

const COUNTED =
  /\/(operators|sdk|engine)\/|\/jetstream\/(append|key-value|own-append|outbox|commit|stored-write|stream-reader)/;
/** Loops that wait by the clock, whatever is reconciled. */
const NOT_COUNTED = /watchTimeouts|purgeAll|Object\.run |\/engine\/lead|\/jetstream\/lease/;
const BEGINNING = /\/sdk\/(command-intake|reconcile-loop)/;

let left = 0;
let hasBegun = false;
let points = new WeakMap();
let stopHooks;
let place = '';
let wantedPlace = '';

const die = (what) => {
  writeSync(2, `${JSON.stringify({ msg: 'killed', at: place, how: what })}\n`);
  process.kill(process.pid, 'SIGKILL');
  // The signal may take a moment; nothing more may happen meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};

const count = (what, where) => {
  if (!where.includes(wantedPlace)) return;
  left -= 1;
  place = where;
  if (left === 0) die(what);
};

const whose = () => {
  const holder = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 6;
  Error.captureStackTrace(holder, onInit);
  Error.stackTraceLimit = limit;
  return holder.stack.split('\n')[1] ?? '';
};

function onInit(promise) {
  const frame = whose();
  if (!COUNTED.test(frame) || NOT_COUNTED.test(frame)) return;
  hasBegun ||= BEGINNING.test(frame);
  if (!hasBegun) return;
  const where = frame
    .trim()
    .replace(/^at /, '')
    .replace(/file:.*\/dist\//, '');
  points.set(promise, where);
  count('waiting', where);
}

const onBefore = (promise) => {
  const where = points.get(promise);
  if (where !== undefined) count('going on', where);
};

const arm = (text) => {
  const [first, where = ''] = text.trim().split(' ');
  const number = Number(first);
  wantedPlace = where;
  stopHooks?.();
  stopHooks = undefined;
  left = number;
  hasBegun = false;
  points = new WeakMap();
  if (number > 0) stopHooks = promiseHooks.createHook({ init: onInit, before: onBefore });
};

arm(process.env.OPSTREAM_TEST_CRASH_AT ?? '0');
process.on('SIGUSR2', () => {
  const point = readFileSync(process.env.OPSTREAM_TEST_CRASH_FILE, 'utf8');
  arm(point);
  writeSync(2, `${JSON.stringify({ msg: 'armed', point })}\n`);
});
