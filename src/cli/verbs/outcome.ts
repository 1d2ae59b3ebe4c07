// outcome: what became of a command that was published on opstream.cmd.<verb>.

import { exitCodes } from '../../program/lifecycle.ts';
import { isToken, TOKEN_RULE } from '../../core/names.ts';
import { aDuration } from '../flag-values.ts';
import { outputOf, printAs, tellRejection } from '../reporting.ts';
import { commonFlags, durationOf, UsageError, type Verb } from '../verb.ts';

const DEFAULT_OUTCOME_WAIT_MS = 10_000;
/** The longest that the query-responder waits. */
const MAX_QUERY_WAIT_MS = 30_000;

export const outcomeVerb: Verb = {
  name: 'outcome',
  about: 'what became of a durable command',
  usage: 'COMMAND_ID [--wait[=DURATION]] [-o json|yaml]',
  maxPositionals: 1,
  flags: {
    wait: { kind: 'maybe', is: aDuration, value: 'DURATION', about: 'wait for it; default 10s, at most 30s' },
    output: commonFlags.output,
  },
  run: async (args, context) => {
    const { terminal } = context;
    const output = outputOf(args);
    const commandId = args.positionals[0]?.toLowerCase();
    if (!isToken(commandId)) throw new UsageError(`expected the id of a command: ${TOKEN_RULE}`);
    const waitMs = durationOf(args, 'wait', DEFAULT_OUTCOME_WAIT_MS);
    if (waitMs !== undefined && waitMs > MAX_QUERY_WAIT_MS) throw new UsageError('--wait: expected at most 30s');
    const client = await context.connect();
    // A request waits at most 10 s for its answer, so a longer wait is several questions.
    const deadlineMs = context.clock.nowMs() + (waitMs ?? 0);
    for (;;) {
      const restMs = Math.max(0, deadlineMs - context.clock.nowMs());
      const answer = await client.query('outcome', { commandId, waitMs: Math.round(Math.min(5_000, restMs)) });
      if (!answer.ok) {
        if (answer.error.code === 'NOT_FOUND' && restMs > 0 && !context.signal.aborted) continue;
        tellRejection(context, answer.error);
        return answer.error.code === 'NOT_FOUND' && waitMs !== undefined ? exitCodes.timedOut : exitCodes.failed;
      }
      const { receipt } = answer.value;
      if (output !== undefined) printAs(context, output, receipt);
      if (receipt?.rejection !== undefined) {
        tellRejection(context, receipt.rejection);
        return exitCodes.failed;
      }
      if (output === undefined && receipt !== undefined) {
        const what =
          receipt.unchanged === true
            ? 'unchanged'
            : `${receipt.events.length} ${receipt.events.length === 1 ? 'event' : 'events'} stored`;
        terminal.out(`${receipt.verb} ${receipt.commandId}: accepted, ${what}`);
        for (const event of receipt.events) terminal.out(`  #${event.sequence} ${event.type} ${event.subject}`);
      }
      return exitCodes.done;
    }
  },
};
