// Where a component is tested: an instance of its own in a temporary folder, the operator applied, the component started as the
// operator-runtime would start it, and what checks do with all that. Everything is gone when `close` resolves.

import type { JsonObject } from '../core/json.ts';
import { decodeJson, encodeJson } from '../core/decode.ts';
import { isJsonObject } from '../core/json.ts';
import type { Client } from '../client/types.ts';
import type { Appender } from '../engine/ports/streams.ts';
import type { Clock, IdSource } from '../engine/ports/clock.ts';
import type { JetStreamConnection } from '../jetstream/connection.ts';
import type { Entity, EntityCommand, StatusEvent } from '../messages/entity.ts';
import type { NatsApi, ResourceTypeSpec } from '../messages/manifest-types.ts';
import type { Names } from '../messages/subjects.ts';
import { formatDurationMs } from '../program/duration.ts';
import type { ComponentProgram } from './component-program.ts';
import { Breach } from './breach.ts';
import type { SeenStatus, Witness } from './witness.ts';

export type Bench = {
  readonly names: Names;
  readonly client: Client;
  readonly connection: JetStreamConnection;
  readonly witness: Witness;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly operator: string;
  readonly workspace: string;
  readonly type: ResourceTypeSpec;
  readonly api: NatsApi;
  /** The spec of resources, and another one, where the author gave it. */
  readonly spec: JsonObject;
  readonly changedSpec: JsonObject | undefined;
  /** How many copies the manifest (or --replicas) says run at once. */
  readonly replicas: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Of the stream of the channel. */
  readonly channel: Appender;
  /** One more copy. */
  launch(): Promise<ComponentProgram>;
  /** Ends the server and starts it again on what it has stored. */
  restartServer(): Promise<void>;
  /** The copy that is under test; started anew when it is not running. */
  component(): Promise<ComponentProgram>;
  /** The same, but never starts one. */
  current(): ComponentProgram | undefined;
};

const LOOK_AGAIN_MS = 25;

/** Waits until `look` gives something. Throws the Breach when it does not in time. */
export const until = async <T>(
  bench: Bench,
  look: () => Promise<T | undefined> | T | undefined,
  breach: { readonly expected: string; readonly found: () => string; readonly advice: string },
  timeoutMs = bench.timeoutMs,
): Promise<T> => {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (bench.signal.aborted) throw new BenchProblem('the suite was stopped');
    if (performance.now() > endMs) {
      const { expected, advice } = breach;
      throw new Breach({
        expected: `${expected} within ${formatDurationMs(timeoutMs)}`,
        found: breach.found(),
        advice,
      });
    }
    await bench.clock.sleep(LOOK_AGAIN_MS);
  }
};

export const manifestOf = (
  place: Pick<Bench, 'workspace' | 'operator' | 'type'>,
  name: string,
  changes: JsonObject,
  spec: JsonObject,
): JsonObject => ({
  name,
  version: 'v1',
  type: 'resource',
  workspace: place.workspace,
  ...changes,
  resource: { operator: place.operator, type: place.type.name, spec },
});

/** What an author gave does not fit: not the component's fault. */
export class BenchProblem extends Error {}

export const entityOf = async (bench: Bench, name: string, minSequence = 0): Promise<Entity | undefined> => {
  const { client, workspace } = bench;
  const answer = await client.query('get', { type: 'resource', workspace, name, minSequence, waitMs: 5000 });
  return answer.ok && answer.value.type === 'resource' ? answer.value.entity : undefined;
};

/** Sends a command and gives the entity as it is wanted then. */
export const command = async (
  bench: Bench,
  verb: 'apply' | 'delete' | 'run' | 'cancel' | 'release',
  name: string,
  body: JsonObject = {},
): Promise<Entity | undefined> => {
  const { client, workspace } = bench;
  const full = verb === 'apply' ? body : { type: 'resource', workspace, name, ...body };
  const receipt = await client.send(verb, full, { actor: 'contract-suite' });
  if (!receipt.accepted) {
    const { message = '', details = [] } = receipt.rejection ?? {};
    const more = details.map((one) => `${one.pointer ?? ''} ${one.message}`).join('; ');
    throw new BenchProblem(`${verb} was refused: ${message}${more === '' ? '' : ` (${more})`}`);
  }
  const sequence = Math.max(0, ...receipt.events.map((event) => event.sequence));
  const requested = receipt.events.find(({ type }) => type === 'io.opstream.resource.run-requested.v1');
  return requested === undefined ? entityOf(bench, name, sequence) : whenItsTurn(bench, name, sequence, requested.id);
};

/** The entity when the run is no longer behind an earlier one, whose end takes a moment to be settled. */
const whenItsTurn = async (
  bench: Bench,
  name: string,
  sequence: number,
  runId: string,
): Promise<Entity | undefined> => {
  const deadlineMs = bench.clock.nowMs() + bench.timeoutMs;
  for (;;) {
    const entity = await entityOf(bench, name, sequence);
    if (entity?.run?.id === runId || bench.clock.nowMs() > deadlineMs) return entity;
    await bench.clock.sleep(20);
  }
};

export const apply = async (
  bench: Bench,
  name: string,
  changes: JsonObject = {},
  spec = bench.spec,
): Promise<Entity> => {
  const entity = await command(bench, 'apply', name, manifestOf(bench, name, changes, spec));
  if (entity === undefined) throw new BenchProblem(`${name} was applied and is not there`);
  return entity;
};

export const statusesOf = (bench: Bench, key: string): readonly (SeenStatus & { readonly event: StatusEvent })[] =>
  bench.witness.statuses.filter(
    (one): one is SeenStatus & { readonly event: StatusEvent } => one.event?.data.key === key,
  );

export const lastStatus = (bench: Bench, { key, uid }: Entity): StatusEvent['data'] | undefined =>
  statusesOf(bench, key)
    .map(({ event }) => event.data)
    .findLast((status) => status.uid === uid);

export const spoken = (status: StatusEvent['data'] | undefined): string => {
  if (status === undefined) return 'no status of it at all';
  const run = status.run === undefined ? '' : `, run ${status.run.id} ${status.run.state}`;
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  const why = ready === undefined ? 'no condition Ready' : `Ready ${ready.status} (${ready.reason}) ${ready.message}`;
  return `its last status "${status.status}"${run}, observedGeneration ${status.observedGeneration}, observedSequence ${status.observedSequence}, ${why}`;
};

export const FINAL: readonly (string | undefined)[] = ['succeeded', 'failed', 'cancelled'];

/** Whether the last status says that the entity is as it is wanted, at its sequence or later. */
export const isSettled = (entity: Entity, status: StatusEvent['data'] | undefined): boolean => {
  if (status === undefined || status.observedSequence < entity.sequence) return false;
  if (status.observedGeneration < entity.generation) return false;
  if (entity.run !== undefined) return status.run?.id === entity.run.id && FINAL.includes(status.run.state);
  return status.status === 'active' && status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
};

/** Waits until a status says that the entity is as it is wanted. */
export const settled = (
  bench: Bench,
  entity: Entity,
  advice: string,
  timeoutMs?: number,
): Promise<StatusEvent['data']> => {
  const wanted =
    entity.run === undefined
      ? 'status "active" with the condition Ready True'
      : `run ${entity.run.id} reported through to a final state`;
  return until(
    bench,
    () => {
      const status = lastStatus(bench, entity);
      return isSettled(entity, status) ? status : undefined;
    },
    {
      expected: `${wanted} for ${entity.key} (generation ${entity.generation}, sequence ${entity.sequence})`,
      found: () => spoken(lastStatus(bench, entity)),
      advice,
    },
    timeoutMs,
  );
};

/** A command as the operator-runtime sends it, for an entity; the id is new, so the stream takes it once more. */
export const commandFor = (bench: Bench, entity: Entity, like: EntityCommand): EntityCommand => ({
  ...like,
  id: `${bench.ids.next()}-command`,
  subject: `resource.${entity.key}`,
  generation: entity.generation,
  data: {
    command: entity.deletionRequestedAt === undefined ? 'apply' : 'delete',
    entity,
    fence: like.data.fence,
  },
});

/** Puts bytes on the channel. Their sequence. */
export const putOnChannel = async (bench: Bench, data: Uint8Array): Promise<number> => {
  const { subject } = bench.api.command;
  const [sequence = 0] = await bench.channel.append([{ subject, id: bench.ids.next(), data }]);
  return sequence;
};

export const deliver = (bench: Bench, event: EntityCommand): Promise<number> => putOnChannel(bench, encodeJson(event));

/** The last command that went by about an entity. */
export const commandSeen = (bench: Bench, { key, sequence }: Entity): Promise<EntityCommand> =>
  until(
    bench,
    () => bench.witness.commands.findLast(({ data }) => data.entity.key === key && data.entity.sequence === sequence),
    {
      expected: `a command for ${key}`,
      found: () => 'none on the channel',
      advice: 'this is a problem of the instance, not of the component',
    },
  );

export const askJetStream = async (bench: Bench, subject: string, body?: JsonObject): Promise<JsonObject> => {
  const data = body === undefined ? new Uint8Array() : encodeJson(body);
  const reply = decodeJson(await bench.client.request(`$JS.API.${subject}`, data));
  return isJsonObject(reply) ? reply : {};
};

/** Sequence of the last command on the channel. */
export const lastOnChannel = async (bench: Bench): Promise<number> => {
  const { state } = await askJetStream(bench, `STREAM.INFO.${bench.api.command.stream}`);
  return isJsonObject(state) ? Number(state['last_seq'] ?? 0) : 0;
};

export const takeOffChannel = async (bench: Bench, sequence: number): Promise<void> => {
  await askJetStream(bench, `STREAM.MSG.DELETE.${bench.api.command.stream}`, { seq: sequence });
};

/** The component must still be the same program. */
export const assertRunning = (program: ComponentProgram, what: string): void => {
  const ending = program.ending();
  if (ending === undefined) return;
  throw new Breach({
    expected: `the component to go on after ${what}`,
    found: `it ended with ${ending.signal ?? `exit code ${ending.code ?? '?'}`}; it printed:\n${program.tail()}`,
    advice: 'one message must not end the program: set it aside (opstream.dead.component) and acknowledge it',
  });
};
