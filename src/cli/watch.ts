// get --watch: the table once, then the rows that change, as they change. Live messages only say that it is time to look again; a look is
// made at most every 200 ms however much happens, and every 5 s anyway.

import { exitCodes } from '../program/lifecycle.ts';
import type { Client } from '../client/types.ts';
import type { Summary } from '../messages/queries.ts';
import { has, textOf, type ParsedArguments } from './arguments.ts';
import type { CliContext } from './context.ts';
import { summaryTable } from './summary-table.ts';

const SETTLE_MS = 200;
const LOOK_ANYWAY_MS = 5_000;

const keyOf = ({ type, workspace, name }: Summary): string => `${type}.${workspace}.${name}`;

export const watchSummaries = async (
  args: ParsedArguments,
  context: CliContext,
  client: Client,
  look: () => Promise<readonly Summary[] | undefined>,
  isAskedForReadiness = false,
): Promise<number> => {
  const { terminal, clock, signal } = context;
  const output = textOf(args, 'output');
  let wake = new AbortController();
  let before = new Map<string, { readonly text: string; readonly summary: Summary }>();
  let isFirst = true;
  await client.liveEvents(signal, () => wake.abort());

  /** The rows of `changed`, in columns as wide as `all` rows need, so that they stand below each other. */
  const show = (changed: readonly Summary[], all: readonly Summary[]): void => {
    if (changed.length === 0) return;
    if (output === 'json' || output === 'yaml') {
      for (const summary of changed) terminal.out(JSON.stringify(summary));
      return;
    }
    const options = {
      isWide: output === 'wide',
      withReadiness: isAskedForReadiness,
      withTags: has(args, 'tags'),
      nowMs: clock.nowMs(),
    };
    const [header = '', rule = '', ...rows] = summaryTable(all, options).split('\n');
    const wanted = rows.filter((_, index) => changed.includes(all[index] as Summary));
    terminal.out([...(isFirst ? [header, rule] : []), ...wanted].join('\n'));
    isFirst = false;
  };

  while (!signal.aborted) {
    wake = new AbortController();
    const summaries = await look();
    if (summaries === undefined) return exitCodes.failed;
    const now = new Map(summaries.map((summary) => [keyOf(summary), { text: JSON.stringify(summary), summary }]));
    const changed = [...now]
      .filter(([key, { text }]) => before.get(key)?.text !== text)
      .map(([, { summary }]) => summary);
    const gone = [...before]
      .filter(([key]) => !now.has(key))
      .map(([, { summary }]) => ({ ...summary, status: 'deleted' as const }));
    show([...changed, ...gone], [...summaries, ...gone]);
    before = now;
    await clock.sleep(LOOK_ANYWAY_MS, AbortSignal.any([wake.signal, signal]));
    await clock.sleep(SETTLE_MS, signal);
  }
  return exitCodes.done;
};
