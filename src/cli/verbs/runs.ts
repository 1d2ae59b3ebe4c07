// runs: every run of one resource, from who asked for it to how it ended. The newest first.

import { exitCodes } from '../../program/lifecycle.ts';
import type { RunRow } from '../../messages/queries.ts';
import { printable } from '../../core/names.ts';
import { aCount } from '../flag-values.ts';
import { outputOf, printAs, tellRejection } from '../reporting.ts';
import { renderTable } from '../table.ts';
import { commonFlags, countOf, identityOf, type Verb } from '../verb.ts';

const PAGE = 200;

const rowOf = (run: RunRow): readonly string[] => [
  String(run.number),
  run.state,
  run.action ?? '',
  printable(run.requestedBy),
  run.requestedAt,
  run.startedAt ?? '',
  run.finishedAt ?? '',
  printable(run.externalId ?? ''),
  printable(run.message ?? ''),
];

const HEADER = ['RUN', 'STATE', 'ACTION', 'BY', 'REQUESTED', 'STARTED', 'FINISHED', 'EXTERNAL ID', 'MESSAGE'];

export const runsVerb: Verb = {
  name: 'runs',
  about: 'every run of a resource: who asked for it, when, and how it ended',
  usage: '-n NAME [-w WORKSPACE] [--limit NUMBER] [-o json|yaml]',
  flags: {
    name: commonFlags.name,
    workspace: commonFlags.workspace,
    limit: { kind: 'text', is: aCount, value: 'NUMBER', about: 'at most that many, the newest; default all' },
    output: commonFlags.output,
  },
  notes: [
    'STATE: queued, pending and inprogress; succeeded, failed and cancelled; replaced (by a run with --if-running replace), superseded (its',
    'spec has changed again while it waited), skipped (a change while another run went on, of a type with ifRunning: skip).',
  ],
  run: async (args, context) => {
    const output = outputOf(args);
    const { workspace, name } = identityOf(args);
    const limit = countOf(args, 'limit') ?? Number.POSITIVE_INFINITY;
    const client = await context.connect();
    const items: RunRow[] = [];
    for (let before: number | undefined; items.length < limit;) {
      const from = before === undefined ? {} : { before };
      const page = await client.query('runs', {
        workspace,
        name,
        limit: Math.min(PAGE, limit - items.length),
        ...from,
      });
      if (!page.ok) {
        tellRejection(context, page.error);
        return exitCodes.failed;
      }
      items.push(...page.value.items);
      before = page.value.next;
      if (before === undefined) break;
    }
    if (output === undefined) context.terminal.out(renderTable(HEADER, items.map(rowOf)));
    else printAs(context, output, { items });
    return exitCodes.done;
  },
};
