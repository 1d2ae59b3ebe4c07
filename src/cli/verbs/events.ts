// events: what happens, as it happens, in the whole instance or to one thing; with -n and without --follow, what happened to it so far.

import { exitCodes } from '../../program/lifecycle.ts';
import { concerns } from '../../client/wait-ready.ts';
import type { LiveMessage } from '../../client/types.ts';
import type { HistoryEntry } from '../../messages/queries.ts';
import { has } from '../arguments.ts';
import { eventLine } from '../event-text.ts';
import { readHistory } from '../history-pages.ts';
import { aDuration, oneOf } from '../flag-values.ts';
import { tellRejection } from '../reporting.ts';
import { choiceOf, commonFlags, durationOf, identityOf, type Verb } from '../verb.ts';

const entryOf = ({ stream, sequence, event }: LiveMessage): HistoryEntry => ({ stream, sequence, event });

export const eventsVerb: Verb = {
  name: 'events',
  about: 'events and statuses as they are stored',
  usage: '[--follow] [-n NAME [-t operator|resource] [-w WORKSPACE]] [--for DURATION] [-o json]',
  flags: {
    follow: { kind: 'bare', about: 'go on until interrupted; always so without -n' },
    type: commonFlags.type,
    name: { ...commonFlags.name, about: 'only of this thing, beginning with what is stored' },
    workspace: commonFlags.workspace,
    for: { kind: 'text', is: aDuration, value: 'DURATION', about: 'stop after that time' },
    output: { kind: 'text', is: oneOf('json'), short: 'o', value: 'json', about: 'JSON lines' },
  },
  run: async (args, context) => {
    const { terminal, clock, signal } = context;
    const isJson = choiceOf(args, 'output', ['json']) === 'json';
    const identity = has(args, 'name') ? identityOf(args) : undefined;
    const durationMs = durationOf(args, 'for', 0);
    const isLive = identity === undefined || has(args, 'follow') || durationMs !== undefined;
    const client = await context.connect();
    const shown = new Set<string>();
    const waiting: HistoryEntry[] = [];
    let isStoredShown = identity === undefined;

    const show = (entry: HistoryEntry): void => {
      const key = `${entry.stream}#${entry.sequence}`;
      // Only between the stored ones and the first live ones can anything come twice.
      if (identity !== undefined) {
        if (shown.has(key)) return;
        shown.add(key);
      }
      terminal.out(isJson ? JSON.stringify(entry) : eventLine(entry, { withSubject: identity === undefined }));
    };

    if (isLive) {
      await client.liveEvents(signal, (message) => {
        if (identity !== undefined && !concerns(message, identity)) return;
        if (isStoredShown) show(entryOf(message));
        else waiting.push(entryOf(message));
      });
    }
    if (identity !== undefined) {
      const history = await readHistory(client, identity);
      if (!history.ok && !(isLive && history.error.code === 'NOT_FOUND')) {
        tellRejection(context, history.error);
        return exitCodes.failed;
      }
      for (const entry of history.ok ? history.value : []) show(entry);
      isStoredShown = true;
      for (const entry of waiting.splice(0)) show(entry);
    }
    if (!isLive) return exitCodes.done;
    if (identity === undefined) terminal.info('👂 events...listening, end with Ctrl-C');
    await clock.sleep(durationMs ?? Number.MAX_SAFE_INTEGER, signal);
    return exitCodes.done;
  },
};
