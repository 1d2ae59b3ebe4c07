// P1 and P3 on the build, with a server that syncs every write: whatever is killed with -9 under load, what a receipt says is stored, once,
// where the receipt says, and no command is half there.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { isFault } from '../../src/core/fault.ts';
import type { Receipt } from '../../src/messages/commands.ts';
import { datasetOf, mustApply, operatorNamed, together } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import { eventIn, programs, startInstance, type RunningInstance } from '../support/running-instance.ts';
import { waitFor } from '../support/wait-for.ts';

leakGuard();

let instance: RunningInstance;
before(async () => {
  instance = await startInstance({ from: 'dist', server: { syncAlways: true } });
  await mustApply(instance.client, operatorNamed('op'));
});
after(() => instance.stop());

type Load = {
  readonly receipts: Receipt[];
  /** Ids that were given up without a receipt: stored or not, but never twice. */
  readonly unknown: string[];
  /** Resolves when so many receipts have come. */
  reached(count: number): Promise<void>;
  /** Sends no more and waits for what is under way. */
  stop(): Promise<void>;
};

const isSettled = (error: unknown): boolean =>
  isFault(error, 'NATS_TIMEOUT') || isFault(error, 'NATS_NO_RESPONDERS') || isFault(error, 'NATS_UNREACHABLE');

/** Applies under way all the time, each of a new resource, most of one document and some of several. */
const startLoad = (name: string, inFlight = 24): Load => {
  const receipts: Receipt[] = [];
  const unknown: string[] = [];
  let isStopped = false;
  let count = 0;
  const work = async (): Promise<void> => {
    while (!isStopped) {
      count += 1;
      const commandId = `${name}-${count}`;
      const body =
        count % 10 === 0
          ? together([0, 1, 2].map((index) => datasetOf('op', `${commandId}-${index}`, { index })))
          : datasetOf('op', commandId, { count });
      try {
        receipts.push(await instance.client.send('apply', body, { commandId }));
      } catch (error) {
        if (!isSettled(error)) throw error;
        unknown.push(commandId);
      }
    }
  };
  const workers = Array.from({ length: inFlight }, work);
  return {
    receipts,
    unknown,
    reached: async (wanted) => {
      await waitFor(() => receipts.length >= wanted, { what: `${wanted} receipts of ${name}`, timeoutMs: 40_000 });
    },
    stop: async () => {
      isStopped = true;
      await Promise.all(workers);
    },
  };
};

/** What P1 says of every receipt, and P2 and P3 of every command, against the stream itself. */
const check = async (load: Load, name: string): Promise<void> => {
  const byCommand = new Map<string, { readonly id: string; readonly sequence: number; readonly subject: string }[]>();
  for (const message of await instance.messages(instance.names.streams.events)) {
    const { id, commandid } = eventIn(message);
    const known = byCommand.get(String(commandid)) ?? [];
    byCommand.set(String(commandid), [
      ...known,
      { id: String(id), sequence: message.sequence, subject: message.subject },
    ]);
  }
  for (const { commandId, accepted, events } of load.receipts) {
    assert.equal(accepted, true);
    const told = events.map(({ id, sequence, subject }) => ({ id, sequence, subject }));
    assert.deepEqual(byCommand.get(commandId), told, `events of ${commandId}`);
    assert.ok(told.length > 0);
  }
  for (const [commandId, events] of byCommand) {
    if (!commandId.startsWith(`${name}-`)) continue;
    assert.equal(events.length, Number(commandId.split('-').at(-1)) % 10 === 0 ? 3 : 1, `whole: ${commandId}`);
    assert.equal(new Set(events.map(({ subject }) => subject)).size, events.length, `once: ${commandId}`);
  }
};

describe('kill -9 under load', () => {
  let load: Load | undefined;
  afterEach(async () => load?.stop());

  it('P1 P3 of the command-handler, three times', async () => {
    load = startLoad('handler');
    for (let kills = 1; kills <= 3; kills += 1) {
      await load.reached(kills * 60);
      await instance.replace('command-handler');
    }
    await load.reached(240);
    await load.stop();
    await check(load, 'handler');
  });

  it('P1 P3 of the server, three times, on the same store', async () => {
    load = startLoad('server');
    for (let kills = 1; kills <= 3; kills += 1) {
      await load.reached(kills * 60);
      await instance.server.kill9();
      await instance.server.restart();
    }
    await load.reached(260);
    await load.stop();
    await check(load, 'server');
  });

  it('P1 P3 of everything at once, twice', async () => {
    load = startLoad('all');
    for (let kills = 1; kills <= 2; kills += 1) {
      await load.reached(kills * 60);
      await Promise.all([instance.server.kill9(), ...programs.map((program) => instance.kill9(program))]);
      await instance.server.restart();
      await Promise.all(programs.map((program) => instance.start(program)));
    }
    await load.reached(200);
    await load.stop();
    await check(load, 'all');
    // And the views get there: nothing of it was only in the memory of what was killed.
    const last = load.receipts.at(-1)?.events[0];
    const answer = await instance.client.query('list', {
      type: 'resource',
      operator: 'op',
      minSequence: last?.sequence ?? 0,
      waitMs: 8000,
    });
    assert.ok(answer.ok && answer.value.stale !== true);
    const stored = await instance.messages(instance.names.streams.events, ['opstream.event.*.resource.>']);
    assert.ok(answer.value.total >= new Set(load.receipts.map(({ commandId }) => commandId)).size);
    assert.equal(answer.value.total, new Set(stored.map(({ subject }) => subject)).size);
  });

  it('P3 in the middle of a hundred documents: all of them or none', async () => {
    let stored = 0;
    const unanswered: Promise<unknown>[] = [];
    for (let round = 0; round < 8; round += 1) {
      const names = Array.from({ length: 100 }, (_, index) => `many-${round}-${index}`);
      const commandId = `many-${round}`;
      const body = together(names.map((name) => datasetOf('op', name, { round })));
      const send = () => instance.client.send('apply', body, { commandId });
      unanswered.push(
        send().catch((error: unknown) => {
          if (!isSettled(error)) throw error;
        }),
      );
      // At another moment of its work each time: some are killed before the batch, some in it, some behind it.
      const untilMs = performance.now() + round * 7;
      await waitFor(() => performance.now() >= untilMs, { intervalMs: 1, what: 'the moment' });
      await instance.kill9('command-handler');
      const eventsOf = async () =>
        (await instance.messages(instance.names.streams.events)).filter(
          (message) => eventIn(message)['commandid'] === commandId,
        );
      const atOnce = (await eventsOf()).length;
      assert.ok(atOnce === 0 || atOnce === 100, `round ${round}: ${atOnce} of 100`);
      if (atOnce === 100) stored += 1;
      await instance.start('command-handler');
      const receipt = await send();
      const afterwards = await eventsOf();
      assert.deepEqual(
        receipt.events.map(({ sequence }) => sequence),
        afterwards.map(({ sequence }) => sequence),
      );
      assert.equal(afterwards.length, 100);
    }
    await Promise.all(unanswered);
    assert.ok(stored < 8, 'a kill came before a batch at least once');
  });
});
