// What a chaos program prints: a line for each step, and at the end a table of counts and every breach. A breach is something that opstream
// promises and that did not hold; one is enough for exit code 1. Ctrl-C reaches a program as SIGTERM: it says how far it came, and ends with
// everything that it has started (the watchdog of test/support/children.ts takes care of that).

/** More of them say nothing new. */
const SHOWN_BREACHES = 40;
const STOPPED = 130;

export type Report = {
  say(line: string): void;
  count(name: string, by?: number): void;
  breach(what: string): void;
  readonly breaches: readonly string[];
  /** Prints the table. The exit code. */
  finish(): number;
};

export const createReport = (title: string, seed: number): Report => {
  const startedMs = performance.now();
  const counts = new Map<string, number>();
  const breaches: string[] = [];
  const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s`;
  const say = (line: string): void => {
    process.stdout.write(`${seconds()}  ${line}\n`);
  };
  const table = (): void => {
    process.stdout.write(`\n== ${title}, seed ${seed}\n`);
    const width = Math.max(...[...counts.keys()].map((name) => name.length), 10);
    for (const [name, value] of counts) process.stdout.write(`  ${name.padEnd(width)}  ${String(value).padStart(8)}\n`);
    for (const breach of breaches.slice(0, SHOWN_BREACHES)) process.stdout.write(`BREACH  ${breach}\n`);
    if (breaches.length > SHOWN_BREACHES)
      process.stdout.write(`BREACH  and ${breaches.length - SHOWN_BREACHES} more\n`);
  };
  process.once('SIGTERM', () => {
    say('stopped before the end: nothing was checked');
    table();
    process.exit(STOPPED);
  });
  process.stdout.write(`== ${title}, seed ${seed}\n`);
  return {
    say,
    count: (name, by = 1) => {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    breach: (what) => {
      breaches.push(what);
      if (breaches.length <= SHOWN_BREACHES) say(`BREACH ${what}`);
    },
    breaches,
    finish: () => {
      table();
      process.stdout.write(breaches.length === 0 ? 'nothing was found\n' : `${breaches.length} breaches\n`);
      return breaches.length === 0 ? 0 : 1;
    },
  };
};

/** The two arguments that scripts/chaos.mjs gives: how many, and the seed. */
export const givenNumbers = (): { readonly amount: number; readonly seed: number } => {
  const [amount, seed] = process.argv.slice(2).map(Number);
  if (amount === undefined || seed === undefined || !Number.isSafeInteger(amount + seed))
    throw new Error('expected two whole numbers: how many, and the seed');
  return { amount, seed };
};
