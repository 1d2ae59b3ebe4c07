// The promises, held against what is stored when everything has settled. `unsettled` says what is still to come; `checkAll` what is wrong.

import { isDeepStrictEqual } from 'node:util';
import type { Receipt } from '../../src/messages/commands.ts';
import { runProjection } from '../../src/engine/projection/projection-loop.ts';
import { sequenceIn } from '../../src/engine/loops/position.ts';
import { viewKeys } from '../../src/messages/subjects.ts';
import { isMarker } from '../../src/messages/view-documents.ts';
import { projectionsOf } from '../../src/processes/common/compose-projector.ts';
import { bucketStream, createMemoryPorts, silentLog } from '../../src/testing/index.ts';
import { OPERATORS, type World } from './cast.ts';
import type { SentCommand } from './load.ts';
import { eventsIn, fold, statusesIn, type Folded, type KnownEvent, type KnownStatus } from './look.ts';

const keyOf = ({ ref }: Folded): string => `${ref.workspace}.${ref.name}`;

const isReady = ({ status }: KnownStatus): boolean =>
  status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True') ||
  status.runtime === 'failed' ||
  status.runtime === 'cancelled';

const lastStatusOf = (statuses: readonly KnownStatus[], { entity }: Folded): KnownStatus | undefined =>
  statuses.findLast(({ status }) => status.uid === entity?.uid);

/** What one resource still lacks. */
const lackOf = (world: World, statuses: readonly KnownStatus[], thing: Folded): string | undefined => {
  const { entity } = thing;
  const key = keyOf(thing);
  if (entity === undefined) return undefined;
  if (entity.deletionRequestedAt !== undefined) return `${key} is to be deleted and is not`;
  const last = lastStatusOf(statuses, thing);
  if (last === undefined) return `${key} has no status`;
  if (last.status.observedSequence < entity.sequence)
    return `${key} is answered up to #${last.status.observedSequence} of #${entity.sequence}`;
  if (entity.waitingRuns !== undefined) return `${key} has runs that wait`;
  if (entity.run !== undefined && entity.run.ended === undefined) return `${key}: run ${entity.run.id} has not ended`;
  if (!isReady(last)) return `${key} is not ready: ${last.status.status} ${JSON.stringify(last.status.conditions)}`;
  const outside = world.platform.things.get(`${key}/${entity.uid}`);
  if (outside === undefined) return `${key} is not there outside`;
  return isDeepStrictEqual(outside.spec, entity.manifest.resource.spec) ? undefined : `${key} is another outside`;
};

/** Views that are behind their stream, as their checkpoints say. */
const viewsBehind = ({ server, names }: World): readonly string[] =>
  projectionsOf(names).flatMap(({ bucket, stream, filters, name }) => {
    const last = server.stream(stream).read(1, filters).at(-1)?.sequence ?? 0;
    const written = server.stream(bucketStream(bucket)).lastOf(`$KV.${bucket}.${viewKeys.checkpoint(stream)}`);
    const reached = sequenceIn(written && { data: written.data }) ?? 0;
    return reached >= last ? [] : [`the view ${name} is at #${reached} of #${last}`];
  });

export const unsettled = (world: World): readonly string[] => {
  const { server, names, platform } = world;
  const { things } = fold(world);
  const statuses = statusesIn(world);
  const operators = new Map(things.map(({ ref, operator }) => [ref.name, operator]));
  const lacks = things.flatMap((thing) => lackOf(world, statuses, thing) ?? []);
  for (const { name } of OPERATORS) {
    const operator = operators.get(name);
    if (operator === undefined || operator.deletionRequestedAt !== undefined)
      lacks.push(`operator ${name} is not there`);
  }
  for (const behind of viewsBehind(world)) lacks.push(behind);
  const waiting = server.stream(names.streams.commands).count();
  if (waiting > 0) lacks.push(`${waiting} durable commands wait`);
  const wanted = new Set(
    things.flatMap((thing) => (thing.entity === undefined ? [] : [`${keyOf(thing)}/${thing.entity.uid}`])),
  );
  for (const thing of platform.things.keys()) if (!wanted.has(thing)) lacks.push(`${thing} is left outside`);
  return lacks;
};

type Verdict = { readonly accepted: boolean; readonly code: string | undefined; readonly events: readonly unknown[] };
const verdictOf = ({ accepted, rejection, events }: Receipt): Verdict => ({
  ...{ accepted, code: rejection?.code },
  events: events.map(({ id, type, sequence }) => `${sequence} ${type} ${id}`),
});

const text = (value: unknown): string => JSON.stringify(value);

/**
 * Known, and no promise is kept by it: of two copies of one command that are under way at once one may refuse it, because an operator goes meanwhile, while
 * the append of the other is being repeated. The events are the truth: whoever asks afterwards is told of them.
 */
const isOvertaken = (verdicts: readonly Verdict[]): boolean =>
  verdicts.at(-1)?.accepted === true &&
  verdicts.every(({ accepted, code = '' }) => accepted || code.startsWith('OPERATOR_'));

/** One verdict for each id, and the events of it stored as it says, together, and no others. */
const checkCommand = (command: SentCommand, events: readonly KnownEvent[]): readonly string[] => {
  const { id, verb } = command;
  const verdicts = command.receipts.map(verdictOf);
  const counting = isOvertaken(verdicts) ? verdicts.filter(({ accepted }) => accepted) : verdicts;
  const [first, ...others] = counting;
  const what = `${id} ${verb}`;
  const stored = events.filter(({ event }) => event.commandid === id);
  if (first === undefined) return [`${what} was never answered`];
  const found: string[] = [];
  for (const other of others)
    if (!isDeepStrictEqual(first, other)) found.push(`P2 ${what} has two verdicts: ${text(first)} and ${text(other)}`);
  const told = stored.map(({ event, message }) => `${message.sequence} ${event.type} ${event.id}`);
  const expected = [...first.events].sort();
  if (!isDeepStrictEqual([...told].sort(), expected))
    found.push(`P1 ${what} says ${text(expected)}, and stored is ${text(told)}`);
  const sequences = stored.map(({ message }) => message.sequence);
  if (sequences.some((sequence, index) => index > 0 && sequence !== (sequences[index - 1] ?? 0) + 1))
    found.push(`P3 ${what}: its events are not together: ${text(sequences)}`);
  return found;
};

const checkStrangers = (commands: readonly SentCommand[], events: readonly KnownEvent[]): readonly string[] => {
  const known = new Set(commands.map(({ id }) => id));
  return events
    .filter(({ event }) => !known.has(event.commandid) && event.actor !== 'operator-runtime')
    .map(
      ({ event, message }) => `#${message.sequence} ${event.type} is of no command that was sent (${event.commandid})`,
    );
};

const checkRuns = ({ platform }: World, events: readonly KnownEvent[]): readonly string[] => {
  const found: string[] = [...platform.breaches];
  const ends = new Map<string, number>();
  for (const { event, message } of events) {
    if (event.type !== 'io.opstream.resource.run-ended.v1') continue;
    const { runId, state } = event.data;
    ends.set(runId, (ends.get(runId) ?? 0) + 1);
    if ((ends.get(runId) ?? 0) > 1) found.push(`run ${runId} has ended twice, again at #${message.sequence}`);
    const starts = platform.runs.get(runId)?.starts ?? 0;
    if (state === 'succeeded' && starts !== 1) found.push(`run ${runId} has succeeded and was started ${starts} times`);
  }
  return found;
};

/** P12: a resource is gone after its component's word, an operator when nothing needs it. */
const checkDeletions = (world: World, events: readonly KnownEvent[]): readonly string[] => {
  const statuses = statusesIn(world);
  const uids = new Map<string, string>();
  return events.flatMap(({ event, ref, message }) => {
    const place = `${ref.workspace}.${ref.name}`;
    if (event.type === 'io.opstream.resource.declared.v1') uids.set(place, event.data.uid);
    if (event.type === 'io.opstream.resource.deleted.v1') {
      const uid = uids.get(place);
      const isSaid = statuses.some(
        ({ status, message: said }) => status.uid === uid && status.status === 'deleted' && said.order < message.order,
      );
      return isSaid ? [] : [`P12 ${place} is deleted at #${message.sequence} and its component has not said so`];
    }
    if (event.type !== 'io.opstream.operator.deleted.v1') return [];
    return fold(world, message.order)
      .things.filter(({ entity }) => entity?.manifest.resource.operator === ref.name)
      .map((thing) => `P12 operator ${ref.name} is deleted at #${message.sequence}, and ${keyOf(thing)} needs it`);
  });
};

const contentsOf = ({ server }: World, bucket: string): ReadonlyMap<string, string> => {
  const prefix = `$KV.${bucket}.`;
  const contents = new Map<string, string>();
  for (const message of server.stream(bucketStream(bucket)).read(1, undefined)) {
    const key = message.subject.slice(prefix.length);
    if (!isMarker(message) && !key.startsWith('checkpoint.')) contents.set(key, Buffer.from(message.data).toString());
  }
  return contents;
};

/** P5: the views are what the projections make of the streams in fresh buckets. */
const checkViews = async (world: World): Promise<readonly string[]> => {
  const { server, names, schedule } = world;
  const clock = { nowMs: () => schedule.nowMs(), sleep: async () => undefined };
  const ports = createMemoryPorts(server, { clock });
  const found: string[] = [];
  const buckets = new Set(projectionsOf(names).map(({ bucket }) => bucket));
  for (const bucket of buckets) {
    server.addBucket(`fresh-${bucket}`);
    for (const projection of projectionsOf(names).filter((one) => one.bucket === bucket)) {
      const last = server.stream(projection.stream).read(1, projection.filters).at(-1)?.sequence ?? 0;
      const over = new AbortController();
      if (last === 0) continue;
      await runProjection({
        ...{ projection, clock, log: silentLog, signal: over.signal },
        follower: ports.follower(projection.stream),
        store: ports.bucket(`fresh-${bucket}`),
        deadLetter: async () => undefined,
        onCommitted: (sequence) => {
          if (sequence >= last) over.abort();
        },
      });
    }
    const fresh = contentsOf(world, `fresh-${bucket}`);
    const live = contentsOf(world, bucket);
    for (const key of new Set([...fresh.keys(), ...live.keys()]))
      if (fresh.get(key) !== live.get(key))
        found.push(`P5 ${bucket} ${key}: ${live.get(key) ?? 'none'}, and the events say ${fresh.get(key) ?? 'none'}`);
  }
  return found;
};

const checkDead = ({ server, names }: World): readonly string[] =>
  server
    .stream(names.streams.dead)
    .read(1, undefined)
    .map(({ data }) => `P9 a dead letter: ${Buffer.from(data).toString().slice(0, 300)}`);

export const checkAll = async (world: World, commands: readonly SentCommand[]): Promise<readonly string[]> => {
  const events = eventsIn(world);
  return [
    ...fold(world).problems.map((problem) => `P4 ${problem}`),
    ...commands.flatMap((command) => checkCommand(command, events)),
    ...checkStrangers(commands, events),
    ...checkRuns(world, events),
    ...checkDeletions(world, events),
    ...checkDead(world),
    ...(await checkViews(world)),
  ];
};
