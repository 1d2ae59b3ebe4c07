// A component whose server is frozen or killed while several of its reconciles report, and stays away for longer than the component waits for
// them: its term ends, its process does not, and it reports again once the server is back.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeJson, decodeJson } from '../../src/core/decode.ts';
import { createAppender } from '../../src/jetstream/appender.ts';
import { connectNats, type JetStreamConnection } from '../../src/jetstream/connection.ts';
import { ensureChannelStream, provision } from '../../src/jetstream/provision.ts';
import { createStreamReader } from '../../src/jetstream/stream-reader.ts';
import type { StatusEvent } from '../../src/messages/entity.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { silentLog } from '../../src/program/logger.ts';
import { commandFor, entityAt } from '../support/entities.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { leakGuard, startProcess, type TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const names = namesFor('opstream');
const RESOURCES = Array.from({ length: 8 }, (_, index) => `run-${index}`);
const WAIT_MS = 60_000;
let server: TestServer;
let connection: JetStreamConnection;

before(async () => {
  server = await startNatsServer();
  connection = await connectNats({ url: server.url, name: 'test', log: silentLog });
  await provision(connection, { prefix: 'opstream' });
});

after(async () => {
  await connection.close();
  await server.stop();
});

const startComponent = async (operator: string): Promise<TestProcess> => {
  await ensureChannelStream(connection, { prefix: 'opstream', stream: operator, subjects: [`${operator}.run`] });
  const component = startProcess(join('test', 'support', 'reporting-program.ts'), {
    env: {
      OPSTREAM_NATS_URL: server.url,
      OPSTREAM_OPERATOR: operator,
      OPSTREAM_LEASE_TTL: '1s',
      OPERATOR_MAX_WORKERS: '16',
      ENTITY_OF_INTEREST_MESSAGE_QUEUE: operator,
      ENTITY_OF_INTEREST_MESSAGE_STREAM: operator,
      ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `${operator}.run`,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT: `${operator}.query`,
      ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT: `${operator}.reply`,
    },
  });
  const channel = createAppender(connection, operator);
  await Promise.all(
    RESOURCES.map((name, index) => {
      const entity = entityAt(index + 1, { name });
      const { manifest } = entity;
      const own = { ...entity, manifest: { ...manifest, resource: { ...manifest.resource, operator } } };
      return channel.append([{ subject: `${operator}.run`, id: name, data: encodeJson(commandFor(own)) }]);
    }),
  );
  return component;
};

const fencesOf = async (operator: string): Promise<readonly number[]> => {
  const reader = createStreamReader(connection, names.streams.status);
  return Promise.all(
    RESOURCES.map(async (name) => {
      const last = await reader.readLast(names.status({ operator, workspace: 'public', name }));
      return last === undefined ? 0 : (decodeJson(last.data) as unknown as StatusEvent).data.fence;
    }),
  );
};

/** Resolves when all resources are reported on in a later term than `fence`; gives the least of their fences. */
const reportedAfter = (operator: string, fence: number): Promise<number> =>
  waitFor(
    async () => {
      const least = Math.min(...(await fencesOf(operator)));
      return least > fence ? least : undefined;
    },
    { what: `reports after fence ${fence}`, timeoutMs: WAIT_MS },
  );

const termsGivenUp = ({ lines }: TestProcess): number => lines.filter(({ msg }) => msg === 'lease given up').length;

/** Fails at once when the process ends instead. */
const termGivenUp = async (component: TestProcess, count: number): Promise<void> => {
  const ended = component.ended.then((end) => {
    throw new Error(`the component ended: ${JSON.stringify(end)}; it printed:\n${component.output().slice(-3000)}`);
  });
  const given = waitFor(() => termsGivenUp(component) >= count, { what: 'the end of the term', timeoutMs: WAIT_MS });
  await Promise.race([given, ended]);
};

test('a server that is frozen for longer than a term waits ends the term, not the process', async () => {
  const component = await startComponent('frozen');
  const fence = await reportedAfter('frozen', 0);
  process.kill(server.pid, 'SIGSTOP');
  try {
    await termGivenUp(component, 1);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await reportedAfter('frozen', fence);
  assert.deepEqual(await component.terminate(), { code: 0, signal: null });
});

test('a server that is killed and stays away ends the term, not the process', async () => {
  const component = await startComponent('killed');
  const fence = await reportedAfter('killed', 0);
  await server.kill9();
  await termGivenUp(component, 1);
  await server.restart();
  const next = await reportedAfter('killed', fence);
  // The next term has to end as well as the first.
  await server.kill9();
  await termGivenUp(component, 2);
  await server.restart();
  await reportedAfter('killed', next);
  assert.deepEqual(await component.terminate(), { code: 0, signal: null });
});
