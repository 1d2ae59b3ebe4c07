// Commands under way all the time while a storm goes on: through the door that answers and through the durable one, some of them twice, each
// with its id until it has its receipt. What the receipts say is held against the streams afterwards (storm-check.ts).

import { isFault } from '../../src/core/fault.ts';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { pause } from '../../src/jetstream/pause.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import type { Receipt, Verb } from '../../src/messages/commands.ts';
import { resourceManifest } from '../../test/support/fixtures.ts';
import { together } from '../../test/support/manifests.ts';
import type { RunningInstance } from '../../test/support/running-instance.ts';
import { seedSpec } from '../../test/unit/operators/azure-data-factory/support.ts';
import { EXACT, PLAIN, SEARCH } from './storm-cast.ts';
import type { Random } from './random.ts';
import type { Report } from './report.ts';

type Door = 'rpc' | 'cmd';
type Command = { readonly id: string; readonly verb: Verb; readonly body: JsonObject | Uint8Array };

export type Load = {
  /** By command id: every receipt that was given for it. */
  readonly receipts: ReadonlyMap<string, readonly Receipt[]>;
  /** Begins nothing new; resolves when every command has its receipt. */
  stop(): Promise<void>;
};

/** A command without a receipt for so long is lost. Longer than any pause of the storm. */
const ANSWER_MS = 180_000;
const RETRY_MS = 200;
/** Of the workers of each operator. Runs cost more than the others. */
const WORKERS = { [PLAIN]: 8, [EXACT]: 2, [SEARCH]: 2 } as const;
const KEPT_RESOURCES = 12;

const resourceOf = (operator: string, name: string, turn: number, description = ''): JsonObject =>
  resourceManifest(
    {},
    {
      name,
      description,
      resource:
        operator === PLAIN
          ? { operator, type: 'dataset', spec: { turn } }
          : {
              ...{ operator, type: 'pipeline-run' },
              spec: { ...seedSpec, pipelineName: operator, parameters: { item: name, turn: String(turn) } },
            },
    },
  ) as unknown as JsonObject;

export const startLoad = (instance: RunningInstance, random: Random, report: Report): Load => {
  const receipts = new Map<string, Receipt[]>();
  const stopping = new AbortController();
  const requester = createRequester(instance.connection);
  let count = 0;
  const newId = (): string => `storm-${(count += 1)}`;

  /** Again until it has worked: whatever is down comes back. */
  const persistently = async <T>(what: string, attempt: () => Promise<T | undefined>): Promise<T | undefined> => {
    const deadlineMs = performance.now() + ANSWER_MS;
    let last = '';
    while (performance.now() < deadlineMs) {
      try {
        const found = await attempt();
        if (found !== undefined) return found;
      } catch (error) {
        if (!isFault(error)) throw error;
        last = `${error.code} ${error.message}`;
        if (error.retry === 'never') report.breach(`${what}: ${last}`);
      }
      await pause(RETRY_MS);
    }
    report.breach(`${what}: no receipt within ${ANSWER_MS / 1000} s; last: ${last}`);
    return undefined;
  };

  const byRequest = ({ id, verb, body }: Command): Promise<Receipt | undefined> =>
    persistently(`rpc.${verb} ${id}`, () => instance.client.send(verb, body, { commandId: id, actor: 'storm' }));

  const durably = async ({ id, verb, body }: Command): Promise<Receipt | undefined> => {
    const data = body instanceof Uint8Array ? body : encodeJson(body);
    const headers = { 'Opstream-Command-Id': id, 'Opstream-Actor': 'storm' };
    await persistently(`cmd.${verb} ${id}`, async () => {
      const { data: answer } = await requester.request(`opstream.cmd.${verb}`, data, { timeoutMs: 5000, headers });
      return new TextDecoder().decode(answer).includes('"seq"') ? true : undefined;
    });
    return persistently(`outcome of ${id}`, async () => {
      const answer = await instance.client.query('outcome', { commandId: id, waitMs: 2000 });
      return answer.ok ? answer.value.receipt : undefined;
    });
  };

  const send = async (command: Command, door: Door): Promise<Receipt | undefined> => {
    const receipt = await (door === 'rpc' ? byRequest(command) : durably(command));
    if (receipt === undefined) return undefined;
    receipts.set(command.id, [...(receipts.get(command.id) ?? []), receipt]);
    report.count(receipt.accepted ? `accepted through ${door}` : `refused: ${receipt.rejection?.code}`);
    return receipt;
  };
  const otherDoor = (door: Door): Door => (door === 'rpc' ? 'cmd' : 'rpc');

  /** Sometimes twice with one id: later, or through both doors at the same moment. */
  const carryOut = async (verb: Verb, body: JsonObject | Uint8Array): Promise<Receipt | undefined> => {
    const command = { id: newId(), verb, body };
    const door = random.chance(0.7) ? 'rpc' : 'cmd';
    report.count('commands');
    if (random.chance(0.05)) {
      const [first] = await Promise.all([send(command, door), send(command, otherDoor(door))]);
      report.count('sent twice at once');
      return first;
    }
    const receipt = await send(command, door);
    if (random.chance(0.08)) {
      await send(command, random.chance(0.5) ? door : otherDoor(door));
      report.count('sent again later');
    }
    return receipt;
  };

  const work = async (operator: keyof typeof WORKERS, worker: number): Promise<void> => {
    const names: string[] = [];
    let turn = 0;
    const declare = async (): Promise<void> => {
      const isMany = operator === PLAIN && random.chance(0.2);
      const fresh = Array.from({ length: isMany ? 3 : 1 }, (_, index) => `${operator}-${worker}-${turn}-${index}`);
      const bodies = fresh.map((name) => resourceOf(operator, name, turn));
      const [only] = bodies;
      const receipt = await carryOut('apply', isMany || only === undefined ? together(bodies) : only);
      if (receipt?.accepted === true) names.push(...fresh);
    };
    const remove = async (name: string): Promise<void> => {
      names.splice(names.indexOf(name), 1);
      await carryOut('delete', { name });
      // Some are declared again: while they go, which is refused, or when they are gone, which is a new one.
      if (random.chance(0.3)) {
        const again = await carryOut('apply', resourceOf(operator, name, turn));
        if (again?.accepted === true) names.push(name);
      }
    };
    const change = async (name: string): Promise<void> => {
      const isRunnable = operator !== PLAIN;
      const kind = random.next();
      if (isRunnable && kind < 0.45) await carryOut('run', { name });
      else if (kind < 0.7) {
        const patch = [{ op: 'add', path: '/description', value: `turn ${turn}` }];
        await carryOut('patch', { name, patch });
      } else await carryOut('apply', resourceOf(operator, name, turn, `turn ${turn}`));
    };
    while (!stopping.signal.aborted) {
      turn += 1;
      const kind = random.next();
      if (names.length === 0 || (names.length < KEPT_RESOURCES && kind < 0.25)) await declare();
      else if (names.length >= KEPT_RESOURCES || kind > 0.85) await remove(random.pick(names));
      else await change(random.pick(names));
      await pause(random.between(20, operator === PLAIN ? 150 : 500));
    }
  };
  const workers = Object.entries(WORKERS).flatMap(([operator, amount]) =>
    Array.from({ length: amount }, (_, index) => work(operator as keyof typeof WORKERS, index + 1)),
  );
  // It is awaited at the end; until then a rejection must not end the program before it has said what it found.
  for (const one of workers) one.catch((error: unknown) => report.breach(`the load: ${String(error)}`));
  return {
    receipts,
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(workers);
    },
  };
};
