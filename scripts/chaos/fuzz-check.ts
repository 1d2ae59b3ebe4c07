// What hostile inputs must have left alone: a refused command has stored nothing, an accepted one what its receipt says, one of many documents all of
// them or none, and no process has logged what only a bug logs.

import type { JsonObject } from '../../src/core/json.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import type { TestProcess } from '../../test/support/processes.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { RunningInstance } from '../../test/support/running-instance.ts';
import type { HostileInput } from './hostile-inputs.ts';
import { isBug } from './bugs.ts';
import type { Report } from './report.ts';

/** `answer`: of ours, when one was waited for. */
export type Answered = { readonly input: HostileInput; readonly answer: unknown };

const DRAINED_MS = 300_000;

/** By command id, the subjects and sequences of its events. What is no event has no id. */
const eventsByCommand = async (instance: RunningInstance): Promise<ReadonlyMap<string, readonly string[]>> => {
  const found = new Map<string, string[]>();
  for (const { data, subject, sequence } of await instance.messages(instance.names.streams.events)) {
    const text = new TextDecoder().decode(data);
    const id = /"commandid":"(fuzz-\d+)"/.exec(text)?.[1];
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), `#${sequence} ${subject}`]);
  }
  return found;
};

const checkOne = ({ input, answer }: Answered, found: readonly string[], report: Report): void => {
  const { commandId, documents } = input;
  if (documents !== undefined && found.length !== 0 && found.length !== documents)
    report.breach(`half applied: ${commandId}: ${found.length} of ${documents}: ${found.join()}`);
  const receipt = answer as Receipt | undefined;
  if (typeof receipt?.accepted !== 'boolean') return;
  report.count(receipt.accepted ? 'accepted' : 'refused');
  const expected = receipt.accepted ? receipt.events.map(({ sequence, subject }) => `#${sequence} ${subject}`) : [];
  if (expected.join() !== found.join())
    report.breach(
      `${commandId}: its receipt says ${expected.join() || 'nothing'}, stored is ${found.join() || 'nothing'}`,
    );
};

/** Every durable command was carried out, refused or laid aside. */
const drained = async (instance: RunningInstance, report: Report): Promise<void> => {
  const manager = await instance.connection.nc.jetstreamManager();
  const stream = instance.names.streams.commands;
  await waitFor(async () => (await manager.streams.info(stream)).state.messages === 0, {
    ...{ timeoutMs: DRAINED_MS, intervalMs: 500, what: `${stream} to be empty` },
  }).catch((error: unknown) => report.breach(String(error)));
};

export const checkFuzz = async (
  instance: RunningInstance,
  answered: readonly Answered[],
  processes: readonly TestProcess[],
  report: Report,
): Promise<void> => {
  await drained(instance, report);
  const stored = await eventsByCommand(instance);
  for (const one of answered) {
    const { commandId } = one.input;
    if (commandId !== undefined) checkOne(one, stored.get(commandId) ?? [], report);
  }
  const bugs = processes.flatMap(({ name, lines }) => lines.filter(isBug).map((line) => ({ name, line })));
  const kinds = new Map<string, JsonObject>();
  for (const { name, line } of bugs)
    kinds.set(`${name}: ${String(line['msg'])}: ${JSON.stringify(line['err'])}`, line as JsonObject);
  for (const [kind] of kinds) report.breach(`a bug was logged: ${kind.slice(0, 800)}`);
};
