// A component as it should not be, for the contract suite to find out: it acknowledges before it has done or kept anything, forgets what it
// was about to do, reports every delivery whatever its sequence, overwrites what others report, answers no questions, dies of what it cannot
// read, starts a run anew with each look, and does not hear SIGTERM.
import { randomUUID } from 'node:crypto';
import { AckPolicy, connect } from 'nats';

const { env } = process;
const stream = env.ENTITY_OF_INTEREST_MESSAGE_STREAM;
const subject = env.ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT;
process.on('SIGTERM', () => undefined);

const fnv1a = (text) => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
};

const nc = await connect({ servers: env.OPSTREAM_NATS_URL, maxReconnectAttempts: -1 });
const manager = await nc.jetstreamManager();
await manager.consumers
  .add(stream, { durable_name: 'careless', ack_policy: AckPolicy.Explicit, filter_subject: subject })
  .catch(() => undefined);

const report = (event, state) => {
  const { entity, command } = event.data;
  const { workspace, name, resource } = entity.manifest;
  const shard = String(fnv1a(`resource.${workspace}.${name}`) % 16).padStart(2, '0');
  const time = new Date().toISOString();
  const run =
    entity.run === undefined ? {} : { runtime: state, run: { id: entity.run.id, state, externalId: randomUUID() } };
  const status = {
    specversion: '1.0',
    id: randomUUID(),
    source: '/somewhere',
    type: 'io.opstream.entity.observed.v1',
    time,
    generation: entity.generation,
    data: {
      key: entity.key,
      operator: resource.operator,
      uid: entity.uid,
      observedGeneration: entity.generation,
      observedSequence: entity.sequence,
      status: command === 'delete' ? 'deleted' : 'active',
      ...run,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Done', message: '', lastTransitionTime: time, observedGeneration: 1 },
      ],
      properties: {},
      fence: 0,
    },
  };
  nc.publish(`opstream.status.${shard}.${resource.operator}.${workspace}.${name}`, JSON.stringify(status));
};

const consumer = await nc.jetstream().consumers.get(stream, 'careless');
for await (const message of await consumer.consume()) {
  message.ack();
  const event = JSON.parse(message.string());
  setTimeout(() => report(event, 'inprogress'), 150);
  setTimeout(() => report(event, 'succeeded'), 300);
}
