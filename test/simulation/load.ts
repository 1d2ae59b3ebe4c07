// What clients ask for: commands through both doors, single and with several documents, sent twice at once or again later. A client keeps every receipt
// that it gets, and sends again what it has no answer to, under the same id.

import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { isFault } from '../../src/core/fault.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { ServerPorts } from '../../src/engine/ports/server.ts';
import type { Receipt, Verb } from '../../src/messages/commands.ts';
import { commandHeaders } from '../../src/messages/envelope.ts';
import { operatorManifest, resourceManifest } from '../support/fixtures.ts';
import { together } from '../support/manifests.ts';
import { OPERATORS, openPorts, type World } from './cast.ts';
import { createIncarnation, type Incarnation } from './incarnation.ts';
import { count } from './network.ts';
import { resourcesOf } from './look.ts';
import { readAfter } from './reads.ts';

export type SentCommand = {
  readonly id: string;
  readonly verb: Verb | 'finalize';
  readonly body: Uint8Array;
  readonly documents: number;
  readonly receipts: Receipt[];
  /** Given to the durable door: its outcome is looked up in the end. */
  isDurable: boolean;
};

export type Client = {
  readonly commands: SentCommand[];
  /** Sends by request until there is a receipt, at most so many times. */
  ask(command: SentCommand, tries: number): Promise<Receipt | undefined>;
  newCommand(verb: SentCommand['verb'], body: Uint8Array | JsonObject, documents?: number): SentCommand;
  pause(ms: number): Promise<void>;
  /** One more command of the load, and what comes with it. */
  act(): void;
  readonly underWay: number;
};

const REQUEST_MS = 6000;
/** Of the receipts. */
const READ_SHARE = 0.4;

export const operatorOf = (index: number): JsonObject => {
  const { name, type, stream, subject } = OPERATORS[index] as (typeof OPERATORS)[number];
  const isRunnable = type === 'job';
  const manifest = operatorManifest({ name });
  const components = [{ name: 'controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }];
  const natsApi = {
    command: { stream, subject },
    query: { subject: `${subject}.query`, replySubject: `${subject}.reply` },
  };
  const operator = { ...manifest.operator, components, resources: [{ name: type, isRunnable, natsApi }] };
  return { ...manifest, operator } as unknown as JsonObject;
};

type Place = { readonly operator: number; readonly workspace: string; readonly name: string };
const PLACES: readonly Place[] = [
  { operator: 0, workspace: 'public', name: 'a1' },
  { operator: 0, workspace: 'public', name: 'a2' },
  { operator: 0, workspace: 'sandbox', name: 'a3' },
  { operator: 1, workspace: 'public', name: 'b1' },
  { operator: 1, workspace: 'sandbox', name: 'b2' },
];

const resourceAt = ({ operator, workspace, name }: Place, version: number): JsonObject => {
  const { name: owner = '', type = '' } = OPERATORS[operator] ?? {};
  const resource = { operator: owner, type, spec: { version } };
  return resourceManifest({}, { name, workspace, resource }) as unknown as JsonObject;
};

const receiptIn = (data: Uint8Array): Receipt | undefined => {
  const value = decodeJson(data);
  return isJsonObject(value) && typeof value['accepted'] === 'boolean' ? (value as unknown as Receipt) : undefined;
};

export const createClient = (world: World): Client => {
  const { random, names, schedule, network, server } = world;
  const life: Incarnation = createIncarnation('client', world);
  const ports: ServerPorts = openPorts(world, life);
  const commands: SentCommand[] = [];
  let version = 0;
  let underWay = 0;

  const headersOf = ({ id }: SentCommand) => ({ [commandHeaders.commandId]: id, [commandHeaders.actor]: 'client' });
  const doorOf = ({ verb }: SentCommand): string =>
    verb === 'finalize' ? names.internal('finalize') : names.rpc(verb);

  const later = (delayMs: number, work: () => Promise<unknown>): void => {
    underWay += 1;
    schedule.at(schedule.nowMs() + delayMs, () => {
      void work().finally(() => {
        underWay -= 1;
      });
    });
  };

  const askOnce = async (command: SentCommand): Promise<Receipt | undefined> => {
    try {
      const reply = await ports.requester.request(doorOf(command), command.body, {
        ...{ timeoutMs: REQUEST_MS, headers: headersOf(command) },
      });
      const receipt = receiptIn(reply.data);
      const text = (): string => new TextDecoder().decode(reply.data).slice(0, 300);
      world.tell(() => `client ${command.id} ${command.verb}: ${text()}`);
      if (receipt === undefined) return undefined;
      command.receipts.push(receipt);
      if (receipt.accepted && random.chance(READ_SHARE)) later(0, () => readAfter(world, ports, receipt));
      return receipt;
    } catch (error) {
      if (!isFault(error)) throw error;
      world.tell(() => `client ${command.id} ${command.verb}: ${error.message}`);
      return undefined;
    }
  };

  const ask: Client['ask'] = async (command, tries) => {
    for (let tried = 0; tried < tries; tried += 1) {
      const receipt = await askOnce(command);
      if (receipt !== undefined) return receipt;
      await life.clock.sleep(random.between(50, 800));
    }
    return undefined;
  };

  const publish = async (command: SentCommand): Promise<void> => {
    const { streams } = names;
    const subject = names.command(command.verb);
    command.isDurable = true;
    try {
      await life.link.call({ kind: 'append', name: streams.commands }, () =>
        server.publish({ subject, data: command.body, headers: headersOf(command), replySubject: undefined }),
      );
    } catch (error) {
      // It may lie in the stream or not: in the end it is asked for by request.
      if (!isFault(error)) throw error;
    }
  };

  const newCommand: Client['newCommand'] = (verb, body, documents = 1) => {
    const command: SentCommand = {
      ...{ id: `c${commands.length + 1}`, verb, documents, isDurable: false },
      body: body instanceof Uint8Array ? body : encodeJson(body),
      receipts: [],
    };
    commands.push(command);
    count(network.counts, `commands ${verb}`);
    return command;
  };

  const target = (verb: Verb, more: JsonObject = {}): SentCommand => {
    const { workspace, name } = random.pick(PLACES);
    return newCommand(verb, { type: 'resource', workspace, name, ...more });
  };

  const applySome = (): SentCommand => {
    version += 1;
    if (random.chance(0.6)) return newCommand('apply', resourceAt(random.pick(PLACES), version % 4));
    const places = PLACES.filter(() => random.chance(0.5));
    const several = places.length < 2 ? PLACES.slice(0, 3) : places;
    return newCommand('apply', together(several.map((place) => resourceAt(place, version % 4))), several.length);
  };

  /** Somebody who believes that a deletion has ended. */
  const tooEarly = (): SentCommand => {
    const deleting = resourcesOf(world).filter(({ entity }) => entity?.deletionRequestedAt !== undefined);
    if (deleting.length === 0) return applySome();
    const { ref, entity } = random.pick(deleting);
    return newCommand('finalize', {
      type: 'resource',
      workspace: ref.workspace,
      name: ref.name,
      uid: entity?.uid ?? '',
    });
  };

  const KINDS: readonly (readonly [number, () => SentCommand])[] = [
    [34, applySome],
    [
      8,
      () =>
        target('patch', { patch: [{ op: 'replace', path: '/resource/spec/version', value: random.between(0, 9) }] }),
    ],
    [12, () => target('run')],
    [5, () => target('run', { ifRunning: 'replace' })],
    [5, () => target('cancel')],
    [5, () => target('suspend')],
    [6, () => target('resume')],
    [14, () => target('delete')],
    [3, () => target('reconcile')],
    [4, () => newCommand('delete', { type: 'operator', name: random.pick(OPERATORS).name })],
    [6, () => newCommand('apply', operatorOf(random.between(0, 1)))],
    [4, tooEarly],
  ];
  const total = KINDS.reduce((sum, [weight]) => sum + weight, 0);
  const next = (): SentCommand => {
    let left = random.next() * total;
    for (const [weight, make] of KINDS) {
      left -= weight;
      if (left < 0) return make();
    }
    return applySome();
  };

  return {
    commands,
    ask,
    newCommand,
    pause: (ms) => life.clock.sleep(ms),
    act: () => {
      const command = next();
      const isInternal = command.verb === 'finalize';
      const send = (): Promise<unknown> =>
        !isInternal && random.chance(0.3) ? publish(command) : ask(command, random.between(1, 3));
      later(0, send);
      if (random.chance(0.25)) {
        count(network.counts, 'commands sent twice at once');
        later(random.between(0, 3), send);
      }
      if (random.chance(0.15)) {
        count(network.counts, 'commands sent again later');
        later(random.between(200, 8000), send);
      }
    },
    get underWay() {
      return underWay;
    },
  };
};
