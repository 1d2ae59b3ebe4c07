// status: what was last observed of one thing. With --refresh the component itself is asked.

import { exitCodes } from '../../program/lifecycle.ts';
import { has } from '../arguments.ts';
import { tellRejection } from '../reporting.ts';
import { choiceOf, commonFlags, identityOf, spoken, targetOf, type Verb } from '../verb.ts';
import { toJson, toYaml } from '../yaml.ts';

export const statusVerb: Verb = {
  name: 'status',
  about: 'what was last observed of one thing',
  usage: '[-t operator|resource] -n NAME [-w WORKSPACE] [--refresh] [-o json|yaml]',
  flags: {
    type: commonFlags.type,
    name: commonFlags.name,
    workspace: commonFlags.workspace,
    refresh: { kind: 'bare', about: 'ask the component itself' },
    output: { ...commonFlags.output, about: 'form of the answer; default yaml' },
  },
  run: async (args, context) => {
    const output = choiceOf(args, 'output', ['json', 'yaml']) ?? 'yaml';
    const identity = identityOf(args);
    const client = await context.connect();
    const answer = await client.query('status', {
      ...targetOf(identity),
      ...(has(args, 'refresh') ? { refresh: true } : {}),
    });
    if (!answer.ok) {
      tellRejection(context, answer.error);
      return exitCodes.failed;
    }
    const { status } = answer.value;
    if (status === undefined) context.terminal.warn(`${spoken(identity)}: nothing was observed yet`);
    if (status !== undefined || output === 'json')
      context.terminal.out(output === 'json' ? toJson(answer.value) : toYaml(status));
    return exitCodes.done;
  },
};
