// What a storm must have left alone, held against the streams themselves: every accepted command is stored once and as its receipt says, no refused
// one is stored, every run that was wanted has one end and was started once outside, everything that is wanted is ready and the rest is gone.

import type { JsonObject } from '../../src/core/json.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import type { RunRow, Summary } from '../../src/messages/queries.ts';
import { eventIn, type RunningInstance } from '../../test/support/running-instance.ts';
import { adminOf, type AdminRun } from '../../test/unit/operators/azure-data-factory/support.ts';
import { EXACT, PLAIN, RUN_PARAMETER, type Cast } from './storm-cast.ts';
import type { Load } from './storm-load.ts';
import type { Report } from './report.ts';

type StoredEvent = { readonly sequence: number; readonly subject: string; readonly event: JsonObject };

const storedEvents = async (instance: RunningInstance): Promise<readonly StoredEvent[]> =>
  (await instance.messages(instance.names.streams.events)).map((message) => ({
    ...{ sequence: message.sequence, subject: message.subject, event: eventIn(message) },
  }));

/** Names of the resources that are to be there, by the last thing that was accepted of each; and of those that are not. */
export const wantedNames = async (
  instance: RunningInstance,
): Promise<{ readonly wanted: ReadonlySet<string>; readonly gone: ReadonlySet<string> }> => {
  const [wanted, gone] = [new Set<string>(), new Set<string>()];
  for (const { subject, event } of await storedEvents(instance)) {
    if (!subject.includes('.resource.')) continue;
    const name = subject.split('.').at(-1) ?? '';
    const isLeaving = /\.(deletion-requested|deleted)\.v1$/.test(String(event['type']));
    (isLeaving ? gone : wanted).add(name);
    (isLeaving ? wanted : gone).delete(name);
  }
  return { wanted, gone };
};

export const listed = async (instance: RunningInstance): Promise<readonly Summary[]> => {
  const rows: Summary[] = [];
  let cursor: string | undefined;
  do {
    const query = { type: 'resource', limit: 500, ...(cursor === undefined ? {} : { cursor }) };
    const answer = await instance.client.query('list', query);
    if (!answer.ok) throw new Error(JSON.stringify(answer.error));
    rows.push(...answer.value.items);
    cursor = answer.value.next;
  } while (cursor !== undefined);
  return rows;
};

/** Why the row is not yet as it must end; undefined when it is. */
const unfinished = ({ name, operator, ready, reason, runtime, generation, observedGeneration }: Summary) => {
  const isRun = operator === PLAIN || runtime === 'succeeded';
  if (ready === 'True' && observedGeneration === generation && isRun) return undefined;
  return `${name}: Ready ${ready} ${reason}, runtime ${runtime}, generation ${observedGeneration} of ${generation}`;
};

/** Everything that is not yet as it must end. */
export const unsettled = async (instance: RunningInstance): Promise<readonly string[]> => {
  const [{ wanted, gone }, rows] = [await wantedNames(instance), await listed(instance)];
  const names = new Set(rows.map(({ name }) => name));
  return [
    ...rows.flatMap((row) => unfinished(row) ?? []),
    ...[...wanted].filter((name) => !names.has(name)).map((name) => `${name}: wanted, and not listed`),
    ...[...gone].filter((name) => names.has(name)).map((name) => `${name}: deleted, and still listed`),
  ];
};

const groupedBy = <T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
};

type Placed = { readonly id?: unknown; readonly sequence: number; readonly subject: string };
const placeOf = ({ id, sequence, subject }: Placed): string => `${String(id)} #${sequence} ${subject}`;

/** `found`: the places of the events that are stored under the command's id. */
const checkReceipt = (receipt: Receipt, found: readonly string[], report: Report): void => {
  const { accepted, unchanged, commandId, verb } = receipt;
  const expected = accepted ? receipt.events.map(placeOf) : [];
  const lost = expected.filter((one) => !found.includes(one));
  const doubled = found.filter((one) => !expected.includes(one));
  const isEmpty = accepted && unchanged !== true && expected.length === 0;
  if (isEmpty) report.breach(`${verb} ${commandId}: accepted without events`);
  if (lost.length > 0) report.breach(`lost: ${verb} ${commandId}: ${lost.join()}`);
  if (doubled.length > 0)
    report.breach(
      `stored and not in its receipt: ${verb} ${commandId}: ${doubled.join()}; the receipt: ${JSON.stringify(receipt)}`,
    );
  report.count('commands lost', lost.length > 0 ? 1 : 0);
  report.count('commands doubled', doubled.length > 0 ? 1 : 0);
};

const checkCommands = (events: readonly StoredEvent[], load: Load, report: Report): void => {
  const byCommand = groupedBy(events, ({ event }) => String(event['commandid']));
  for (const [id, receipts] of load.receipts) {
    const found = (byCommand.get(id) ?? []).map(({ event, ...place }) => placeOf({ ...place, id: event['id'] }));
    for (const receipt of receipts) checkReceipt(receipt, found, report);
  }
  for (const [id, found] of byCommand)
    if (id.startsWith('storm-') && !load.receipts.has(id))
      report.breach(`stored without a receipt: ${id}: ${found.map(({ subject }) => subject).join()}`);
};

/** Nobody cancels in a storm, but a deletion does. */
const GOOD_ENDS: ReadonlySet<string> = new Set(['succeeded', 'superseded', 'cancelled']);

type WantedRun = { readonly id: string; readonly name: string; ends: number };

const runsOf = async (instance: RunningInstance, name: string): Promise<readonly RunRow[]> => {
  const rows: RunRow[] = [];
  let before: number | undefined;
  do {
    const answer = await instance.client.query('runs', { name, ...(before === undefined ? {} : { before }) });
    if (!answer.ok) throw new Error(`runs of ${name}: ${JSON.stringify(answer.error)}`);
    rows.push(...answer.value.items);
    before = answer.value.next;
  } while (before !== undefined);
  return rows;
};

const wantedRuns = (events: readonly StoredEvent[]): ReadonlyMap<string, WantedRun> => {
  const runs = new Map<string, WantedRun>();
  for (const { subject, event } of events) {
    const data = event['data'] as { readonly run?: { readonly id: string }; readonly runId?: string } | undefined;
    const name = subject.split('.').at(-1) ?? '';
    if (data?.run !== undefined) runs.set(data.run.id, { id: data.run.id, name, ends: 0 });
    const ended = String(event['type']).includes('.run-ended.') ? runs.get(data?.runId ?? '') : undefined;
    if (ended !== undefined) ended.ends += 1;
  }
  return runs;
};

/** How often the runs of a resource may have been started outside: those that succeeded once, those that were cancelled at most once. */
const boundsOf = (states: readonly (string | undefined)[]): readonly [number, number] => {
  const certain = states.filter((state) => state === 'succeeded').length;
  return [certain, certain + states.filter((state) => state !== 'succeeded' && state !== 'superseded').length];
};

/** Every run that was wanted of a resource has one end that can be seen. By id, how it ended. */
const endsOf = async (
  instance: RunningInstance,
  name: string,
  isWanted: boolean,
  mine: readonly WantedRun[],
  report: Report,
): Promise<ReadonlyMap<string, string>> => {
  const states = new Map((await runsOf(instance, name)).map(({ id, state }) => [id, state] as const));
  for (const { id, ends } of mine) {
    const state = states.get(id);
    if (state === undefined) report.breach(`run ${id} of ${name}: wanted, and not among its runs`);
    else if (isWanted && !GOOD_ENDS.has(state)) report.breach(`run ${id} of ${name}: ended as ${state}`);
    if (ends > 1) report.breach(`run ${id} of ${name}: ${ends} ends`);
  }
  return states;
};

/** The starts outside that count for one another: of `adf-exact` those of one run, else those of one resource. */
const startsOf = (name: string, mine: readonly WantedRun[], outside: readonly AdminRun[]) => {
  const started = outside.filter(({ parameters }) => parameters['item'] === name);
  const ids = mine.map(({ id }) => id);
  if (!name.startsWith(EXACT)) return [{ what: `runs of ${name}`, ids, found: started.length }];
  return ids.map((id) => {
    const found = started.filter(({ parameters }) => parameters[RUN_PARAMETER] === id).length;
    return { what: `run ${id} of ${name}`, ids: [id], found };
  });
};

const checkRuns = async (cast: Cast, events: readonly StoredEvent[], report: Report): Promise<void> => {
  const runs = wantedRuns(events);
  const { wanted } = await wantedNames(cast.instance);
  const outside = await adminOf(cast.standIn).runs();
  report.count('runs wanted', runs.size);
  report.count('runs started outside', outside.length);
  for (const [name, mine] of groupedBy([...runs.values()], (run) => run.name)) {
    const states = await endsOf(cast.instance, name, wanted.has(name), mine, report);
    for (const { what, ids, found } of startsOf(name, mine, outside)) {
      const [least, most] = boundsOf(ids.map((id) => states.get(id)));
      if (found > most) report.breach(`${what}: started ${found} times outside, at most ${most} wanted`);
      if (found < least) report.breach(`${what}: started ${found} times outside, ${least} wanted`);
      report.count('runs started twice', Math.max(0, found - most));
      report.count('runs missing', Math.max(0, least - found));
    }
  }
  const names = new Set([...runs.values()].map(({ name }) => name));
  const ids = new Set(runs.keys());
  for (const { runId, parameters } of outside) {
    const mark = parameters[RUN_PARAMETER] ?? '';
    if (!names.has(parameters['item'] ?? '') || (mark !== '' && !ids.has(mark)))
      report.breach(`run ${runId} outside was wanted by nobody`);
  }
};

export const checkStorm = async (cast: Cast, load: Load, report: Report): Promise<void> => {
  const events = await storedEvents(cast.instance);
  report.count('events stored', events.length);
  checkCommands(events, load, report);
  await checkRuns(cast, events, report);
  for (const bug of cast.bugs()) report.breach(`a bug was logged: ${bug}`);
};
