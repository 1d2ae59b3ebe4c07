// Whether those who use a secret have it: all operators whose components refer to it are asked for. Called by wait-ready.ts at each look at a
// secret; the verdict on one operator is in judge-wait.ts.

import { isFault } from '../core/fault.ts';
import type { SecretPlace } from '../manifest/secret-references.ts';
import type { GetAnswer, Summary } from '../messages/queries.ts';
import { judgeUse, type Verdict } from './judge-wait.ts';
import type { Client } from './types.ts';

export type UseVerdict = { readonly verdict: Verdict; readonly message?: string };

/** Names of the operators; undefined: it cannot be told now. */
const operatorsWith = async (client: Pick<Client, 'query'>, place: SecretPlace): Promise<string[] | undefined> => {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.query('list', {
      type: 'operator',
      secret: `${place.workspace}/${place.name}`,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (!page.ok || page.value.stale === true) return undefined;
    names.push(...page.value.items.map(({ name }: Summary) => name));
    cursor = page.value.next;
  } while (cursor !== undefined);
  return names;
};

const look = async (client: Pick<Client, 'query'>, place: SecretPlace, sequence: number): Promise<UseVerdict> => {
  const operators = await operatorsWith(client, place);
  if (operators === undefined) return { verdict: undefined };
  let open: UseVerdict = { verdict: 'ready' };
  for (const name of operators) {
    const answer = await client.query('get', { type: 'operator', name });
    if (!answer.ok && answer.error.code === 'NOT_FOUND') continue;
    const found: GetAnswer | undefined = answer.ok && answer.value.stale !== true ? answer.value : undefined;
    const one = found?.type === 'operator' ? judgeUse(found, place, sequence) : { verdict: undefined };
    if (one.verdict === 'failed') return one;
    if (one.verdict === undefined && open.verdict === 'ready') open = one;
  }
  return open;
};

/** `sequence`: since when the secret holds what it holds. Trouble that passes is no verdict. */
export const judgeUsers: typeof look = async (client, place, sequence) => {
  try {
    return await look(client, place, sequence);
  } catch (error) {
    if (isFault(error) && error.retry !== 'never') return { verdict: undefined };
    throw error;
  }
};
