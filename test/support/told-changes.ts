// A log that keeps what a component says of the changes that it made outside.

import type { Log } from '../../src/sdk/index.ts';

export const listeningLog = () => {
  const facts: Readonly<Record<string, unknown>>[] = [];
  const log: Log = {
    ...{ debug: () => {}, warn: () => {}, error: () => {} },
    info: (fact) => void facts.push(fact),
    child: () => log,
  };
  const told = () => facts.filter(({ change }) => change !== undefined);
  return { log, told, changes: () => told().map(({ change }) => change) };
};
