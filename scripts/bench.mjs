// `npm run bench`: sets up what is missing, then measures. `-- --quick` for a fifth of the work; `-- --entities 100000` for the memory of
// the processes with so many (default 20,000), which takes longer. `-- --component` measures one component that polls 10,000 resources instead.

import { runScript, setUp } from './setup.mjs';

const numberAfter = (flag, fallback) => {
  const at = process.argv.indexOf(flag);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${flag}: expected a whole number, found ${process.argv[at + 1]}`);
};

await runScript(async () => {
  const natsServer = await setUp();
  if (process.argv.includes('--component')) {
    const { measureComponent } = await import('./bench/component-scale.mjs');
    const figures = await measureComponent({ natsServer, entities: numberAfter('--entities', 10_000) });
    const { componentReportOf } = await import('./bench/report.mjs');
    process.stdout.write(componentReportOf(figures));
    return;
  }
  const { runBench } = await import('./bench/run.mjs');
  const isQuick = process.argv.includes('--quick');
  return runBench({ natsServer, isQuick, entities: numberAfter('--entities', isQuick ? 0 : 20_000) });
});
