// One message of each kind that goes over the channel, as the programs really make them: the operator-runtime's command, the status, answer
// and dead letter of a component of the SDK. The page of the README has them as examples; `comparable` takes out what differs each time.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openWitness } from '../../src/contract/witness.ts';
import { decodeJson, encodeJson } from '../../src/core/decode.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { isJsonObject } from '../../src/core/json.ts';
import type { EntityCommand } from '../../src/messages/entity.ts';
import { temporaryFolder } from './children.ts';
import { mustApply } from './manifests.ts';
import { root, startProcess } from './processes.ts';
import type { RunningInstance } from './running-instance.ts';
import { waitFor } from './wait-for.ts';

export type ChannelMessages = Readonly<Record<'command' | 'status' | 'query' | 'answer' | 'dead-letter', JsonValue>>;

const OPERATOR = 'notes-operator';
const API = {
  command: { stream: 'notes-commands', subject: 'notes.tally' },
  query: { subject: 'notes.tally.query', replySubject: 'notes.tally.reply' },
} as const;

const TALLY: JsonObject = {
  name: 'visitors',
  version: 'v1',
  type: 'resource',
  workspace: 'public',
  owner: 'iamgroot',
  resource: { operator: OPERATOR, type: 'tally', spec: { steps: 2 } },
};

const startComponent = (instance: RunningInstance) =>
  startProcess(join('test', 'components', 'sdk', 'notes.ts'), {
    env: {
      OPSTREAM_NATS_URL: instance.server.url,
      OPSTREAM_OPERATOR: OPERATOR,
      OPSTREAM_LEASE_TTL: '1s',
      NOTES_DIR: temporaryFolder().path,
      ENTITY_OF_INTEREST_MESSAGE_QUEUE: 'notes-operator-tallies',
      ENTITY_OF_INTEREST_MESSAGE_STREAM: API.command.stream,
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: API.command.subject,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: API.query.subject,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: API.query.replySubject,
    },
  });

export const channelMessages = async (instance: RunningInstance): Promise<ChannelMessages> => {
  const { client, connection, names } = instance;
  const witness = await openWitness({ connection, names, operator: OPERATOR, api: API });
  await mustApply(client, new Uint8Array(readFileSync(join(root, 'test/components/python/operator.yaml'))));
  const component = startComponent(instance);
  try {
    await mustApply(client, TALLY, { actor: 'iamgroot' });
    const target = { type: 'resource', workspace: 'public', name: 'visitors' };
    // A run that has to wait is begun by the operator-runtime, not by its requester.
    const firstEnded = async (): Promise<boolean> => {
      const answer = await client.query('get', target);
      return answer.ok && answer.value.type === 'resource' && answer.value.entity.run?.ended !== undefined;
    };
    await waitFor(firstEnded, { what: 'the end of the first run', timeoutMs: 20_000 });
    const body = { ...target, action: 'reset', parameters: { to: 0 } };
    const receipt = await client.send('run', body, { actor: 'iamgroot' });
    if (!receipt.accepted) throw new Error(JSON.stringify(receipt.rejection));
    const isOfAction = ({ data }: EntityCommand): boolean => data.entity.run?.action === 'reset';
    const command = await waitFor(() => witness.commands.find(isOfAction), { what: 'the command', timeoutMs: 20_000 });
    const runId = command.data.entity.run?.id;
    const status = await waitFor(
      () =>
        witness.statuses.find(({ event }) => event?.data.run?.id === runId && event?.data.runtime === 'succeeded')?.raw,
      { what: 'the status', timeoutMs: 20_000 },
    );
    const query = { id: '01a20786-cf0b-701f-aa18-cb8c363e0715', query: 'status', key: 'public.visitors' };
    const answer = decodeJson(await client.request(API.query.subject, encodeJson(query)));
    connection.nc.publish(API.command.subject, new TextEncoder().encode('{"type":'));
    const letter = await waitFor(
      async () => {
        const [first] = await instance.messages(names.streams.dead, [names.dead('component')]);
        return first === undefined ? undefined : decodeJson(first.data);
      },
      { what: 'the dead letter', timeoutMs: 20_000 },
    );
    return {
      command: command as unknown as JsonValue,
      status: status ?? null,
      query,
      answer: answer ?? null,
      'dead-letter': letter,
    };
  } finally {
    await component.terminate();
    await witness.stop();
  }
};

const COUNTERS = new Set(['sequence', 'observedSequence', 'fence']);
const IDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIMES = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const TRACES = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

/** The same message with placeholders where two of the kind may differ: ids, times, traces, sequences. */
export const comparable = (value: JsonValue, name = ''): JsonValue => {
  if (typeof value === 'string')
    return value.replace(TIMES, '<time>').replace(TRACES, '<trace>').replaceAll(IDS, '<id>');
  if (typeof value === 'number') return COUNTERS.has(name) ? '<counter>' : value;
  if (Array.isArray(value)) return value.map((one: JsonValue) => comparable(one));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, comparable(one, key)]));
};
