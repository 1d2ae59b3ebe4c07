// Ports of this machine for the instances of the process driver: the ones that they ask for where these are free, else any free ones.
// A port is free when it can be listened on at all addresses; between that look and the component's own somebody may take it, and
// the component then fails and is started again with another.

import { createServer } from 'node:net';

const listens = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen(port, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });

/** `wanted`, when it is free and not in `taken`, else a free one; 0 wants any. Undefined: there is none. */
export const freePort = async (wanted: number, taken: ReadonlySet<number>): Promise<number | undefined> => {
  if (wanted !== 0 && !taken.has(wanted) && (await listens(wanted)) !== undefined) return wanted;
  for (let tries = 0; tries < 20; tries += 1) {
    const port = await listens(0);
    if (port !== undefined && !taken.has(port)) return port;
  }
  return undefined;
};
