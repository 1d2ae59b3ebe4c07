// What the small component of this folder was given, as it says itself: each instance that is ready, with its variables and secret files.

import type { Client } from '../../src/client/types.ts';
import { componentOf } from './supervised-operator.ts';
import { waitFor } from './wait-for.ts';

export type GivenFile = { readonly name: string; readonly mode: number; readonly text: string };
export type Given = {
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly GivenFile[];
};

const givenAt = async (handle: string | undefined, address = ''): Promise<Given | undefined> => {
  const answer = await fetch(`http://${address}/environment`).catch(() => undefined);
  if (answer === undefined) return undefined;
  const { env, secrets } = (await answer.json()) as Pick<Given, 'env' | 'secrets'>;
  return { pid: Number(handle), env, secrets };
};

/** By replica, when all of the operator's first component are ready. */
export const givenTo = (client: Client, operator: string, replicas = 1): Promise<readonly Given[]> =>
  waitFor(
    async () => {
      const component = await componentOf(client, operator);
      const ready = (component?.instances ?? []).filter(({ state }) => state === 'ready');
      if (component?.state !== 'Running' || ready.length !== replicas) return undefined;
      const all = await Promise.all(ready.map(({ handle, addresses }) => givenAt(handle, addresses['metrics'])));
      return all.every((one) => one !== undefined) ? all : undefined;
    },
    { what: `${replicas} ready of ${operator}`, timeoutMs: 30_000 },
  );
