// `opstream` in memory: the real verbs on a client that answers what a test says, and what they wrote and sent.

import { runCli } from '../../src/cli/run.ts';
import { createTerminal } from '../../src/program/terminal.ts';
import { allVerbs } from '../../src/cli/verbs/index.ts';
import type { Client, SendOptions, WaitOutcome } from '../../src/client/types.ts';
import type { Fault } from '../../src/core/fault.ts';
import { reject } from '../../src/core/rejection.ts';
import { err } from '../../src/core/result.ts';
import type { Receipt, Verb } from '../../src/messages/commands.ts';
import { silentLog } from './silent-log.ts';

export const applied: Receipt = {
  commandId: 'c',
  verb: 'apply',
  accepted: true,
  events: [
    {
      id: 'e',
      type: 'io.opstream.resource.declared.v1',
      subject: 'opstream.event.01.resource.public.run-1',
      sequence: 7,
    },
  ],
  entity: { kind: 'resource', workspace: 'public', name: 'run-1', generation: 2 },
};

type Sent = { readonly verb: Verb; readonly body: unknown; readonly options: SendOptions };
type World = {
  receipt?: Receipt;
  fault?: Fault;
  waited?: WaitOutcome;
  answer?: unknown;
  env?: Readonly<Record<string, string>>;
  stdin?: string;
  isTerminal?: boolean;
};

export const opstream = async (argv: readonly string[], world: World = {}) => {
  const texts = { out: '', err: '' };
  const sent: Sent[] = [];
  const queries: unknown[] = [];
  const waits: unknown[] = [];
  const client = {
    serverVersion: '2.12.3',
    send: async (verb: Verb, body: unknown, options: SendOptions) => {
      sent.push({ verb, body: body instanceof Uint8Array ? new TextDecoder().decode(body) : body, options });
      return world.receipt ?? applied;
    },
    query: async (verb: string, body: unknown) => {
      queries.push({ verb, body });
      return world.answer ?? err(reject('NOT_FOUND', 'there is no such thing'));
    },
    waitReady: async (...args: unknown[]) => {
      waits.push(args.slice(0, 2));
      return world.waited ?? { outcome: 'ready' };
    },
    liveEvents: async () => undefined,
    close: async () => undefined,
  } as unknown as Client;
  const code = await runCli({
    verbs: allVerbs,
    environment: { argv, env: { OPSTREAM_ACTOR: 'iamgroot', ...world.env } },
    terminal: createTerminal({
      stdout: { write: (text) => (texts.out += text) },
      stderr: { write: (text) => (texts.err += text), isTTY: world.isTerminal === true },
      env: world.env ?? {},
      nowMs: () => 0,
    }),
    log: silentLog,
    clock: { nowMs: () => 0, sleep: async () => undefined },
    ids: { next: () => 'an-id' },
    signal: new AbortController().signal,
    user: 'somebody',
    readStdin: async () => new TextEncoder().encode(world.stdin ?? ''),
    openClient: async () => {
      if (world.fault !== undefined) throw world.fault;
      return client;
    },
  });
  return { code, ...texts, sent, queries, waits };
};
