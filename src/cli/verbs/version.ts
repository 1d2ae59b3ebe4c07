// version: of this program, and with --server of the NATS server it talks to.

import { exitCodes } from '../../program/lifecycle.ts';
import { has } from '../arguments.ts';
import type { Verb } from '../verb.ts';
import { VERSION } from '../version.ts';

export const versionVerb: Verb = {
  name: 'version',
  about: 'version of opstream',
  usage: '[--server]',
  flags: { server: { kind: 'bare', about: 'and of the NATS server' } },
  run: async (args, context) => {
    context.terminal.out(`opstream ${VERSION}`);
    if (has(args, 'server')) context.terminal.out(`nats-server ${(await context.connect()).serverVersion}`);
    return exitCodes.done;
  },
};
