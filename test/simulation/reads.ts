// What a client reads after it has a receipt: a query that names the receipt's sequence never answers from before it (P7).

import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import { isFault } from '../../src/core/fault.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { ServerPorts } from '../../src/engine/ports/server.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { resourceRef } from '../../src/messages/subjects.ts';
import type { World } from './cast.ts';
import { count } from './network.ts';

const WAIT_MS = 2000;
const TIMEOUT_MS = 4000;

const ask = async (ports: ServerPorts, subject: string, query: JsonObject): Promise<JsonObject | undefined> => {
  try {
    const answer = decodeJson(
      (await ports.requester.request(subject, encodeJson(query), { timeoutMs: TIMEOUT_MS })).data,
    );
    return isJsonObject(answer) ? answer : undefined;
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
};

/** Whether the resource went after the event of that sequence. */
const isGoneSince = ({ server, names }: World, workspace: string, name: string, sequence: number): boolean =>
  server
    .stream(names.streams.events)
    .read(sequence, [names.event(resourceRef(workspace, name))])
    .some(({ data }) => {
      const event = decodeJson(data);
      return isJsonObject(event) && /\.(deleted|released)\.v1$/.test(String(event['type']));
    });

/** Reads the resource of an accepted receipt, and tells what is older than that. */
export const readAfter = async (world: World, ports: ServerPorts, receipt: Receipt): Promise<void> => {
  const { entity, events } = receipt;
  const { names, network, breaches } = world;
  if (entity?.kind !== 'resource' || events.length === 0) return;
  const { workspace, name } = entity;
  const own = events.filter(({ subject }) => subject === names.event(resourceRef(workspace, name)));
  const minSequence = Math.max(0, ...own.map(({ sequence }) => sequence));
  const query = { type: 'resource', workspace, name, minSequence, waitMs: WAIT_MS };
  const answer = await ask(ports, names.query('get'), query);
  if (answer === undefined || answer['stale'] === true || 'failure' in answer) return;
  count(network.counts, 'reads of what was just stored');
  const found = answer['entity'];
  const what = `P7 ${workspace}.${name} was read for #${minSequence}`;
  if (isJsonObject(found)) {
    if (Number(found['sequence']) < minSequence)
      breaches.push(`${what}, and the answer is of #${String(found['sequence'])}`);
    return;
  }
  if (!isGoneSince(world, workspace, name, minSequence)) breaches.push(`${what}, and is said not to be there`);
};
