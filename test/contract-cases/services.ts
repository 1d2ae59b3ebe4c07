// What requests, services, subscriptions and the storage of operators do, on a server as in memory.

import assert from 'node:assert/strict';
import { bytes, refused, textOf, type ContractCase } from './world.ts';

let count = 0;
const newSubject = (): string => `contract.services.${(count += 1)}`;

export const serviceCases: readonly ContractCase[] = [
  {
    name: 'a request is answered by one of the copies of a service',
    run: async ({ ports, other }) => {
      const subject = newSubject();
      let served = 0;
      const serve = (copy: typeof ports) =>
        copy.services.serve({
          name: subject.replaceAll('.', '-'),
          version: '1.0.0',
          description: 'a test',
          endpoints: [{ name: 'one', subject }],
          onRequest: ({ data, header, respond }) => {
            served += 1;
            respond(bytes(`${textOf(data)} ${header('Asked-By')}`), { code: 400, description: 'NOT_THIS' });
          },
        });
      const services = [await serve(ports), await serve(other)];
      const reply = await ports.requester.request(subject, bytes('hello'), { headers: { 'Asked-By': 'me' } });
      assert.equal(textOf(reply.data), 'hello me');
      assert.equal(reply.header('Nats-Service-Error-Code'), '400');
      assert.equal(served, 1);
      for (const service of services) await service.stop();
    },
  },
  {
    name: 'a request that nobody serves fails at once, one that is not answered after its time',
    run: async ({ ports, other, pass }) => {
      const subject = newSubject();
      await refused(ports.requester.request(subject, bytes('?')), 'NATS_NO_RESPONDERS');
      const silent = await other.subscriber.subscribe(subject, 'group', () => undefined);
      const asked = refused(ports.requester.request(subject, bytes('?'), { timeoutMs: 300 }), 'NATS_TIMEOUT');
      await pass(500);
      await asked;
      await silent.stop();
    },
  },
  {
    name: 'a message goes to one of each group, and its answer to the inbox',
    run: async ({ ports, other, until }) => {
      const subject = newSubject();
      const got: string[] = [];
      const subscriptions = [
        await ports.subscriber.subscribe(subject, 'one', () => got.push('one')),
        await other.subscriber.subscribe(subject, 'one', () => got.push('one')),
        await other.subscriber.subscribe(subject, 'two', ({ replySubject }) => {
          got.push('two');
          if (replySubject !== undefined) other.publisher.publish(replySubject, bytes('here'), { Said: 'yes' });
        }),
      ];
      ports.publisher.publish(subject, bytes('!'));
      await until(() => got.length === 2, 'both groups');
      assert.deepEqual(got.sort(), ['one', 'two']);
      const reply = await ports.requester.request(subject, bytes('?'));
      assert.equal(reply.header('Said'), 'yes');
      for (const subscription of subscriptions) await subscription.stop();
    },
  },
  {
    name: 'the stream of a channel is made once, gets more subjects, and can be looked at and removed',
    run: async ({ ports, other }) => {
      const stream = `contract-channel-${(count += 1)}`;
      const channel = { prefix: 'opstream', stream, subjects: [`${stream}.a`] };
      await ports.ensureChannel(channel);
      await other.ensureChannel({ ...channel, subjects: [`${stream}.b`] });
      const storage = ports.storage('opstream');
      const ref = { kind: 'stream', name: stream } as const;
      const facts = await storage.look(ref);
      assert.deepEqual([...(facts?.subjects ?? [])].sort(), [`${stream}.a`, `${stream}.b`]);
      assert.equal(facts?.isOurs, true);
      assert.equal(facts.isEmpty, true);
      await refused(
        other.ensureChannel({ prefix: 'opstream', stream: `${stream}-2`, subjects: [`${stream}.a`] }),
        'JS_REFUSED',
      );
      await ports.appender(stream).append([{ subject: `${stream}.a`, id: `${stream}-1`, data: bytes('1') }]);
      assert.equal((await storage.look(ref))?.isEmpty, false);
      await storage.remove(ref);
      assert.equal(await storage.look(ref), undefined);
    },
  },
  {
    name: 'one message can be taken out of a stream',
    run: async ({ ports, newStream }) => {
      const stream = await newStream();
      await ports.appender(stream).append([{ subject: `${stream}.a`, id: `${stream}-1`, data: bytes('1') }]);
      await ports.eraser(stream)(1);
      await ports.eraser(stream)(1);
      assert.equal(await ports.reader(stream).readLast(`${stream}.a`), undefined);
    },
  },
];
