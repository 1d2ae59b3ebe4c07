// The floor under one apply at a time: as many processes, one after the other, as an apply passes on its way to being visible, on the same
// client and server, that do nothing but store and pass on. What the product takes beyond it is its own; what this takes is the price of
// waking that many processes on this machine. `node bare-chain.mjs ROLE` is one of the processes; phases.mjs starts and drives them.

import { pathToFileURL } from 'node:url';

/** Each reads a stream and writes the next; the first answers requests instead. */
export const chain = [
  { role: 'handler', writes: 'bench-chain.event' },
  { role: 'runtime', reads: 'BENCH_CHAIN_EVENT', writes: 'bench-chain.command' },
  { role: 'component', reads: 'BENCH_CHAIN_COMMAND', writes: 'bench-chain.status' },
  { role: 'projector', reads: 'BENCH_CHAIN_STATUS', writes: 'bench-chain.view' },
];

export const CHAIN_SERVICE = 'bench-chain.request';
export const chainStreams = ['event', 'command', 'status', 'view'].map((name) => ({
  name: `BENCH_CHAIN_${name.toUpperCase()}`,
  subjects: [`bench-chain.${name}.>`],
  storage: 'file',
  allow_direct: true,
}));

const decoder = new TextDecoder();

const runLink = async (role) => {
  const { connectNats } = await import('../../dist/jetstream/connection.js');
  const { createFollower } = await import('../../dist/jetstream/follower.js');
  const { rawHeaders } = await import('../../dist/jetstream/raw-headers.js');
  const { silentLog } = await import('../../dist/program/logger.js');
  const { reads, writes } = chain.find((link) => link.role === role);
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  const connection = await connectNats({ url: process.env.OPSTREAM_NATS_URL, name: `bench-${role}`, log: silentLog });
  let count = 0;
  const passOn = (data, onStored = () => undefined) => {
    count += 1;
    const body = JSON.parse(decoder.decode(data));
    connection.slots.send(`${writes}.${body.name}`, Buffer.from(JSON.stringify(body)), {
      headers: rawHeaders({ 'Nats-Msg-Id': `${role}-${process.pid}-${count}` }),
      onReply: onStored,
      onFault: (fault) => process.stderr.write(`${role}: ${fault.message}\n`),
    });
  };
  if (reads === undefined) {
    connection.nc.subscribe(CHAIN_SERVICE, {
      callback: (_error, { data, reply }) => passOn(data, () => connection.slots.publish(reply, Buffer.from('{}'))),
    });
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  } else {
    const onBatch = (batch) => {
      for (const { data } of batch) passOn(data);
    };
    await createFollower(connection, reads).follow({ fromSequence: 1, signal: stop.signal, onBatch });
  }
  await connection.close();
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runLink(process.argv[2]);
