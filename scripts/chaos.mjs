// `npm run chaos`: sets up what is missing, then shakes a real instance and counts what it lost. `-- --rounds 20` kills built processes, their
// components and the server under load; `-- --inputs 50000` sends hostile input to every door; `-- --cluster 3` runs the cluster storm three
// times. Several may be given: one runs after the other. `--seed` repeats the choices of an earlier run (what the processes make of them differs
// by time). Exit code 0: nothing was found; 1: something was; 2: wrong flags; 130: Ctrl-C, after which nothing is left running.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runInGroup } from './run-in-group.mjs';
import { root, runScript, setUp } from './setup.mjs';
import { runClusterStorms } from './chaos/cluster.mjs';

const USAGE = `npm run chaos -- [--rounds N] [--inputs N] [--cluster N] [--seed S]

  --rounds N   kill something in each of N rounds, under load, then count what was lost, doubled or left undone
  --inputs N   send N hostile inputs to every door, then look whether everything still works
  --cluster N  run the storm of a cluster of three servers N times
  --seed S     a whole number: the choices of an earlier run again
`;

const wholeNumber = (flag, text) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${flag}: expected a whole number above 0, found "${text}"`);
};

/** Undefined after a wrong flag, which it has told. */
const readFlags = (argv) => {
  try {
    const text = { type: 'string' };
    const { values } = parseArgs({
      args: argv,
      options: { rounds: text, inputs: text, cluster: text, seed: text, help: { type: 'boolean' } },
    });
    const { help, ...numbers } = values;
    const flags = Object.fromEntries(Object.entries(numbers).map(([flag, found]) => [flag, wholeNumber(flag, found)]));
    if (help === true || !(flags.rounds || flags.inputs || flags.cluster)) {
      process.stdout.write(USAGE);
      return help === true ? { isHelp: true } : undefined;
    }
    return flags;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return undefined;
  }
};

await runScript(async () => {
  const flags = readFlags(process.argv.slice(2));
  if (flags === undefined) return 2;
  if (flags.isHelp) return 0;
  const natsServer = await setUp();
  const { rounds, inputs, cluster, seed = Math.floor(Math.random() * 1_000_000_000) } = flags;
  const env = { ...process.env, OPSTREAM_NATS_SERVER: natsServer, OPSTREAM_TEST_BUILT: '1' };
  const program = (name, count) =>
    runInGroup(
      process.execPath,
      ['--import', 'tsx', join(root, 'scripts', 'chaos', `${name}.ts`), String(count), String(seed)],
      { cwd: root, env },
    );
  const codes = [
    ...(rounds === undefined ? [] : [await program('storm', rounds)]),
    ...(inputs === undefined ? [] : [await program('fuzz', inputs)]),
    ...(cluster === undefined ? [] : [await runClusterStorms(cluster, env)]),
  ];
  return codes.every((code) => code === 0) ? 0 : 1;
});
