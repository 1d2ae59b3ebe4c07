// Micro services on a real server: answers, copies that share the work, what is refused, and how it shows in `nats micro`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isFault } from '../../src/core/fault.ts';
import type { ServiceRequest } from '../../src/engine/ports/services.ts';
import type { JetStreamConnection } from '../../src/jetstream/connection.ts';
import { provision } from '../../src/jetstream/provision.ts';
import { isInbox } from '../../src/jetstream/guarded-replies.ts';
import { createServiceHost } from '../../src/jetstream/service-host.ts';
import { createSubscriber } from '../../src/jetstream/subscriber.ts';
import { leakGuard } from '../support/children.ts';
import { api, bytes, openConnection, textOf, type LogLine, type Opened } from '../support/jetstream.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

const run = promisify(execFile);
const cliPath = process.env['OPSTREAM_NATS_CLI'] ?? 'nats';
const hasCli = await run(cliPath, ['--version']).then(
  () => true,
  () => false,
);
const noCli = hasCli
  ? false
  : `the nats CLI is not there (${process.env['OPSTREAM_NATS_CLI_MISSING'] ?? 'OPSTREAM_NATS_CLI or PATH'})`;

let server: TestServer;
let client: JetStreamConnection;
const copies: (Opened & { readonly requests: ServiceRequest[]; readonly service: { stop(): Promise<void> } })[] = [];
let onRequest: (request: ServiceRequest, copy: number) => void = () => undefined;

const startCopy = async (): Promise<void> => {
  const index = copies.length;
  const opened = await openConnection(server, `copy${index}`);
  const log = opened.connection.log;
  const requests: ServiceRequest[] = [];
  const service = await createServiceHost(opened.connection, log).serve({
    name: 'opstream-test',
    version: '1.2.3',
    description: 'Answers for a test',
    endpoints: [
      { name: 'echo', subject: 'svc.echo' },
      { name: 'refuse', subject: 'svc.refuse' },
    ],
    onRequest: (request) => {
      requests.push(request);
      onRequest(request, index);
    },
  });
  copies.push({ ...opened, requests, service });
};
const ask = (subject: string, text: string) => client.slots.request(subject, bytes(text), { timeoutMs: 5000 });
const received = (): number => copies.reduce((sum, { requests }) => sum + requests.length, 0);
const warnings = (): readonly LogLine[] =>
  copies.flatMap(({ lines }) => lines).filter(({ message }) => message === 'request without an inbox is not served');
/** The answers of all copies to a discovery request. */
const discover = async (verb: string): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const answers: Readonly<Record<string, unknown>>[] = [];
  const inbox = `_INBOX.${crypto.randomUUID()}`;
  const subscription = client.nc.subscribe(inbox, {
    callback: (_error, message) => answers.push(JSON.parse(textOf(message.data)) as Readonly<Record<string, unknown>>),
  });
  client.nc.publish(`$SRV.${verb}.opstream-test`, new Uint8Array(), { reply: inbox });
  await waitFor(() => answers.length === copies.length, { what: `${verb} of every copy` });
  subscription.unsubscribe();
  return answers;
};

before(async () => {
  server = await startNatsServer();
  ({ connection: client } = await openConnection(server, 'client'));
  await provision(client, { prefix: 'opstream' });
  await startCopy();
  await startCopy();
});
after(async () => {
  for (const { connection } of copies) await connection.close();
  await client.close();
  await server.stop();
});

describe('service', () => {
  it('answers, and sets the error headers of services with a refusal', async () => {
    onRequest = (request) =>
      request.subject === 'svc.echo'
        ? request.respond(request.data)
        : request.respond(bytes('{"no":1}'), { code: 422, description: 'SPEC_INVALID' });
    const echo = await ask('svc.echo', 'hello');
    assert.equal(textOf(echo.data), 'hello');
    assert.equal(echo.headers?.get('Nats-Service-Error-Code') ?? '', '');
    const refused = await ask('svc.refuse', 'x');
    assert.equal(textOf(refused.data), '{"no":1}');
    assert.equal(refused.headers?.get('Nats-Service-Error-Code'), '422');
    assert.equal(refused.headers?.get('Nats-Service-Error'), 'SPEC_INVALID');
  });

  it('shares requests among its copies: each is answered once', async () => {
    const before = copies.map(({ requests }) => requests.length);
    onRequest = (request, copy) => request.respond(bytes(`${copy}:${textOf(request.data)}`));
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => textOf((await ask('svc.echo', String(index))).data)),
    );
    assert.deepEqual(
      answers.map((answer) => answer.split(':')[1]),
      Array.from({ length: 200 }, (_, index) => String(index)),
    );
    const shares = copies.map(({ requests }, index) => requests.length - (before[index] ?? 0));
    assert.equal(
      shares.reduce((sum, share) => sum + share, 0),
      200,
    );
    assert.ok(
      shares.every((share) => share > 0),
      `shares ${shares.join()}`,
    );
  });

  it('does not answer into a stream: a reply subject that is no inbox is refused, counted and logged', async () => {
    onRequest = (request) => request.respond(request.data);
    const before = received();
    const subjects = ['opstream.event.00.resource.ws.forged', '$KV.opstream-entities.forged', 'opstream.cmd.apply'];
    for (const reply of subjects) client.nc.publish('svc.echo', bytes('{"forged":true}'), { reply });
    client.nc.publish('svc.echo', bytes('no reply subject at all'));
    await client.nc.flush();
    type Stats = {
      readonly endpoints: readonly { readonly name: string; readonly data: { forbiddenReplies: number } }[];
    };
    const refusals = async (): Promise<number> =>
      ((await discover('STATS')) as unknown as readonly Stats[])
        .map(({ endpoints }) => endpoints[0]?.data.forbiddenReplies ?? 0)
        .reduce((sum, count) => sum + count, 0);
    await waitFor(async () => (await refusals()) === 4, { what: 'four refusals in the stats' });
    assert.equal(received(), before);
    assert.ok(warnings().length >= 1 && warnings().length <= 2, 'one line a second and copy, not one a request');
    assert.equal(warnings()[0]?.fields['code'], 'FORBIDDEN_REPLY');
    // What an answer would have made: a message in one of these.
    for (const stream of ['OPSTREAM_EVENTS', 'KV_opstream-entities', 'OPSTREAM_COMMANDS']) {
      const { state } = (await api(client, `STREAM.INFO.${stream}`)) as unknown as { state: { messages: number } };
      assert.equal(state.messages, 0, stream);
    }
    assert.equal(textOf((await ask('svc.echo', 'still there')).data), 'still there');
  });

  it('answers no question of the micro framework into a stream, nor does any other subscription', async () => {
    const [copy] = copies;
    assert.ok(copy);
    const heard: (string | undefined)[] = [];
    const subscription = await createSubscriber(copy.connection).subscribe('svc.desk', 'desk', (message) => {
      heard.push(message.replySubject);
    });
    const id = String((await discover('PING'))[0]?.['id']);
    const reply = 'opstream.event.05.resource.public.t1';
    const names = ['', '.opstream-test', `.opstream-test.${id}`];
    for (const verb of ['PING', 'INFO', 'STATS'])
      for (const name of names) client.nc.publish(`$SRV.${verb}${name}`, new Uint8Array(), { reply });
    client.nc.publish('svc.desk', new Uint8Array(), { reply });
    client.nc.publish('svc.desk', new Uint8Array(), { reply: '_INBOX.mine' });
    await client.nc.flush();
    // Each connection handles what it is sent in order: an answer now means that those before were handled.
    for (const verb of ['PING', 'INFO', 'STATS']) await discover(verb);
    await waitFor(() => heard.length === 2, { what: 'both questions' });
    assert.deepEqual(heard, [undefined, '_INBOX.mine']);
    const { state } = (await api(client, 'STREAM.INFO.OPSTREAM_EVENTS')) as unknown as { state: { messages: number } };
    assert.equal(state.messages, 0);
    await subscription.stop();
  });

  it('tells what it is', async () => {
    for (const info of await discover('INFO')) {
      assert.equal(info['version'], '1.2.3');
      assert.equal(info['description'], 'Answers for a test');
      const endpoints = info['endpoints'] as readonly { name: string; subject: string; queue_group: string }[];
      assert.deepEqual(
        endpoints.map(({ name, subject, queue_group: queue }) => [name, subject, queue]),
        [
          ['echo', 'svc.echo', 'opstream-test'],
          ['refuse', 'svc.refuse', 'opstream-test'],
        ],
      );
    }
  });

  it('counts refusals as errors of their endpoint, and names the last', async () => {
    onRequest = (request) => request.respond(bytes('{}'), { code: 422, description: 'SPEC_INVALID' });
    await ask('svc.refuse', 'x');
    onRequest = (request) => request.respond(request.data);
    await ask('svc.echo', 'x');
    type Stats = { readonly name: string; readonly num_errors: number; readonly last_error: string };
    const all = (await discover('STATS')).flatMap(({ endpoints }) => endpoints as readonly Stats[]);
    const refuse = all.filter(({ name }) => name === 'refuse');
    assert.ok(
      refuse.some(({ num_errors: count, last_error: last }) => count > 0 && last === '422:SPEC_INVALID'),
      JSON.stringify(refuse),
    );
    assert.ok(all.every(({ last_error: last }) => typeof last === 'string'));
  });

  it('shows in nats micro', { skip: noCli }, async () => {
    const micro = async (...args: readonly string[]): Promise<string> =>
      (await run(cliPath, ['--server', server.url, 'micro', ...args], { timeout: 20_000 })).stdout;
    assert.match(await micro('ls'), /opstream-test\s.*1\.2\.3.*Answers for a test/);
    assert.match(await micro('info', 'opstream-test'), /svc\.echo/);
    assert.match(await micro('stats', 'opstream-test'), /echo/);
  });

  it('answers what it took when it is stopped, then takes no more', async () => {
    const taken: ServiceRequest[] = [];
    onRequest = (request) => taken.push(request);
    const waiting = Promise.all(Array.from({ length: 20 }, (_, index) => ask('svc.echo', String(index))));
    await waitFor(() => taken.length === 20, { what: 'twenty requests' });
    await Promise.all(copies.map(({ service }) => service.stop()));
    for (const request of taken) request.respond(request.data);
    assert.deepEqual(
      (await waiting).map(({ data }) => textOf(data)).map(Number),
      Array.from({ length: 20 }, (_, index) => index),
    );
    await assert.rejects(ask('svc.echo', 'late'), (error) => isFault(error, 'NATS_NO_RESPONDERS'));
  });
});

describe('an inbox', () => {
  it('is known by how it begins', () => {
    for (const subject of ['_INBOX.a', '_INBOX.a.b', '_INBOX_cli.a', '_R_.a'])
      assert.equal(isInbox(subject), true, subject);
    for (const subject of [undefined, '', 'INBOX.a', '_INBOX', '_INBOXES.a', 'x._INBOX.a', '_R_', 'opstream.event.x'])
      assert.equal(isInbox(subject), false, String(subject));
  });
});
