// What an operator's own server is told of becomes part of OPSTREAM_STATUS once, whoever relays it and however often.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/core/fault.ts';
import { encodeJson } from '../../../../src/core/decode.ts';
import type { OwnServer, ServerSide } from '../../../../src/engine/own-server/ports.ts';
import { relayDeadLetters, relayStatuses } from '../../../../src/engine/own-server/relay.ts';
import type { StoredMessage } from '../../../../src/engine/ports/streams.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { silentLog } from '../../../../src/program/logger.ts';
import { memoryStream } from '../../../support/memory-component.ts';
import { arrayFollower, manualClock, memoryStore } from '../../../support/memory-ports.ts';

const names = namesFor('opstream');
const subjectOf = (operator: string, name: string, workspace = 'public'): string =>
  names.status({ operator, workspace, name });

const reported = (sequence: number, subject: string, origin?: string): StoredMessage => ({
  ...{ sequence, subject, timeMs: 0, data: encodeJson({ report: sequence }) },
  header: (name) => (name === 'Nats-Msg-Id' ? `id-${sequence}` : name === 'Opstream-Origin' ? origin : undefined),
});

const bench = () => {
  const status = memoryStream();
  const dead = memoryStream();
  const positions = memoryStore();
  const foreign: string[] = [];
  const places: string[] = [];
  const shared = { statuses: status.appender, statusReader: status.reader, dead: dead.appender, positions };
  const relay = async (messages: readonly StoredMessage[], what = relayStatuses, incarnation = 'one') => {
    const follower = arrayFollower(messages);
    await what({
      ...{ names, operator: 'adf', incarnation, clock: manualClock(), log: silentLog },
      own: { statusFollower: follower, deadFollower: follower } as unknown as OwnServer,
      shared: shared as unknown as ServerSide,
      deadLetters: async ({ code, stream }, { subject, sequence }) => {
        foreign.push(`${code} ${subject}`);
        places.push(`${stream} ${sequence}`);
      },
      signal: new AbortController().signal,
    });
  };
  return { status, dead, positions, foreign, places, relay };
};
const reports = ({ status }: ReturnType<typeof bench>) =>
  status.json().map((one) => (one as { report: number }).report);

describe('the relay of statuses', () => {
  it('keeps ids and data, and the order of each resource', async () => {
    const one = bench();
    const [a, b] = [subjectOf('adf', 'a'), subjectOf('adf', 'b')];
    await one.relay([reported(1, a), reported(2, b), reported(3, a)]);
    assert.deepEqual(
      one.status.kept.map(({ message }) => [message.subject, message.id]).filter(([subject]) => subject === a),
      [
        [a, 'id-1'],
        [a, 'id-3'],
      ],
    );
    assert.deepEqual([...reports(one)].sort(), [1, 2, 3]);
  });

  it('adds nothing twice, also when where it had got to is not known', async () => {
    const one = bench();
    const a = subjectOf('adf', 'a');
    await one.relay([reported(1, a), reported(2, a)]);
    one.positions.entries.clear();
    await one.relay([reported(1, a), reported(2, a), reported(3, a)]);
    assert.deepEqual(reports(one), [1, 2, 3]);
  });

  it('looks again when somebody else wrote in between', async () => {
    const one = bench();
    const a = subjectOf('adf', 'a');
    one.status.failures.push(new Fault('JS_CONFLICT', 'not the last'), new Fault('NATS_TIMEOUT', 'no answer'));
    await one.relay([reported(1, a)]);
    assert.deepEqual(reports(one), [1]);
  });

  it('takes a server that began anew for another one', async () => {
    const one = bench();
    const a = subjectOf('adf', 'a');
    await one.relay([reported(1, a), reported(2, a)]);
    await one.relay([reported(1, a)], relayStatuses, 'two');
    assert.deepEqual(reports(one), [1, 2, 1]);
  });

  it('sets aside what the shared server will never take, and goes on', async () => {
    const one = bench();
    const [fat, a] = [subjectOf('adf', 'fat'), subjectOf('adf', 'a')];
    one.status.failures.push(new Fault('JS_TOO_LARGE', 'larger than the server takes', { retry: 'never' }));
    await one.relay([reported(1, fat), reported(2, a)]);
    assert.deepEqual(one.foreign, [`STATUS_TOO_LARGE ${fat}`]);
    assert.deepEqual(reports(one), [2]);
  });

  it('keeps what is set aside of two servers at the same sequence apart', async () => {
    const one = bench();
    const other = subjectOf('hightouch', 'a');
    await one.relay([reported(1, other)]);
    await one.relay([reported(1, other)], relayStatuses, 'two');
    assert.equal(new Set(one.places).size, 2);
  });

  it('leaves where it is what came from the shared server, and sets aside what is not of the operator', async () => {
    const one = bench();
    const other = subjectOf('hightouch', 'a');
    const itself = names.status({ operator: 'adf', workspace: '_', name: 'adf' });
    await one.relay([reported(1, subjectOf('adf', 'a'), 'shared 7'), reported(2, other), reported(3, itself)]);
    assert.deepEqual(reports(one), []);
    assert.deepEqual(one.foreign, [`STATUS_FOREIGN ${other}`, `STATUS_FOREIGN ${itself}`]);
  });
});

it('the relay of dead letters takes those of components', async () => {
  const one = bench();
  const letter = (sequence: number, source: string): StoredMessage => reported(sequence, names.dead(source));
  await one.relay([letter(1, 'component'), letter(2, 'projector')], relayDeadLetters);
  assert.deepEqual(
    one.dead.kept.map(({ message }) => message.subject),
    [names.dead('component')],
  );
});
