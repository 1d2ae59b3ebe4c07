// What a command message says besides its body: verb, ids, who, options. Read from headers, so that a manifest can be published as
// it stands (`nats req opstream.rpc.apply < manifest.yaml`).

import { commandHeaders } from '../../messages/envelope.ts';
import { DEFAULT_ACTOR, DEFAULT_WORKSPACE, verbs, type Verb } from '../../messages/commands.ts';
import { isToken, printable, TOKEN_RULE } from '../../core/names.ts';
import { validTraceparent, validTracestate } from '../../messages/trace.ts';
import { reject } from '../../core/rejection.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Writable } from '../../core/writable.ts';
import type { RejectionDetail } from '../../core/rejection.ts';

export type CommandRequest = {
  readonly verb: Verb;
  readonly commandId: string;
  /** The sender chose the id and may send the command again under it. */
  readonly isIdGiven: boolean;
  readonly actor: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent?: string;
  /** Only with a traceparent. */
  readonly tracestate?: string;
  readonly workspace: string;
  readonly isDryRun: boolean;
  readonly expectedGeneration?: number;
  readonly body: Uint8Array;
};

export type CommandMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  header(name: string): string | undefined;
};

const MAX_HEADER_LENGTH = 256;
const INTERNAL = 'internal';
const NOT_FOR_CLIENTS =
  'finalize is no command of clients: a deletion ends when the component reports "deleted"; ask for it with delete, or let go of what is outside with release';
const TRUE = new Set(['true', '1', 'yes']);
const FALSE = new Set(['', 'false', '0', 'no']);

/** The id that the message itself carries, lower-cased; undefined when it carries none that can be a subject token. */
export const givenCommandId = (message: CommandMessage): string | undefined => {
  const id = (message.header(commandHeaders.commandId) ?? message.header(commandHeaders.messageId))?.toLowerCase();
  return isToken(id) ? id : undefined;
};

/** `fallbackId` makes the id when the sender gave none. Errors: COMMAND_INVALID naming every header that is wrong. */
export const readCommandRequest = (message: CommandMessage, fallbackId: () => string): Result<CommandRequest> => {
  const details: RejectionDetail[] = [];
  const problem = (name: string, expected: string, found: string): void => {
    details.push({ message: `header ${name}: expected ${expected}, found "${printable(found)}"` });
  };
  const text = (name: string): string | undefined => {
    const value = message.header(name);
    if (value === undefined || value === '') return undefined;
    if (value.length <= MAX_HEADER_LENGTH) return value;
    problem(name, `at most ${MAX_HEADER_LENGTH} characters`, value);
    return undefined;
  };

  const [verbText = '', room] = message.subject.split('.').reverse();
  const verb = verbs.find((known) => known === verbText);
  if (verb === 'finalize' && room !== INTERNAL) details.push({ message: NOT_FOR_CLIENTS });
  if (verb === undefined)
    details.push({ message: `expected one of ${verbs.join(', ')}, found "${printable(verbText)}"` });

  const commandId = givenCommandId(message);
  const idText = message.header(commandHeaders.commandId);
  if (idText !== undefined && !isToken(idText.toLowerCase())) problem(commandHeaders.commandId, TOKEN_RULE, idText);

  const workspace = text(commandHeaders.workspace) ?? DEFAULT_WORKSPACE;
  if (!isToken(workspace)) problem(commandHeaders.workspace, TOKEN_RULE, workspace);

  const dryRunText = (message.header(commandHeaders.dryRun) ?? '').toLowerCase();
  if (!TRUE.has(dryRunText) && !FALSE.has(dryRunText)) problem(commandHeaders.dryRun, 'true or false', dryRunText);

  const generationText = text(commandHeaders.expectedGeneration);
  const generation = generationText === undefined ? undefined : Number(generationText);
  if (generation !== undefined && !(Number.isSafeInteger(generation) && generation >= 0)) {
    problem(commandHeaders.expectedGeneration, 'a whole number from 0', generationText ?? '');
  }

  const actor = text(commandHeaders.actor) ?? DEFAULT_ACTOR;
  const correlationId = text(commandHeaders.correlationId);
  const causationId = text(commandHeaders.causationId);
  // A trace that cannot be read is no reason to refuse what the command asks for.
  const traceparent = validTraceparent(message.header(commandHeaders.traceparent));

  if (verb === undefined || details.length > 0) {
    return err(reject('COMMAND_INVALID', 'the command message is not one that can be carried out', details));
  }
  const id = commandId ?? fallbackId();
  const request: Writable<CommandRequest> = {
    verb,
    commandId: id,
    isIdGiven: commandId !== undefined,
    actor,
    correlationId: correlationId ?? id,
    causationId: causationId ?? id,
    workspace,
    isDryRun: TRUE.has(dryRunText),
    body: message.data,
  };
  if (traceparent !== undefined) {
    request.traceparent = traceparent;
    const tracestate = validTracestate(message.header(commandHeaders.tracestate));
    if (tracestate !== undefined) request.tracestate = tracestate;
  }
  if (generation !== undefined) request.expectedGeneration = generation;
  return ok(request);
};
