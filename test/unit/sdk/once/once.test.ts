// Runs that are started once, with the SDK's own loop on stores in memory: what an author gets from `createOnce`.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../../../support/wait-for.ts';
import {
  condition,
  deletionRequestedAt,
  intentIn,
  jobOperator,
  noAnswer,
  refusedWith,
  wanting,
} from './job-operator.ts';

const timeout = 15_000;

describe('a run', { timeout }, () => {
  it('is intended in the status before it is started, and followed to its end', async () => {
    const one = jobOperator();
    let intended: unknown;
    one.api.onCall = async () => {
      intended = one.history.at(-1)?.properties['intent'];
    };
    await one.declare(wanting(1));
    const status = await one.succeeded();
    assert.equal((intended as { readonly runId: string }).runId, 'run-1-1');
    assert.deepEqual([status.externalId, status.properties['job'], one.jobs.length], ['job-1', 'job-1', 1]);
    assert.equal(condition(status, 'LastChange')?.reason, 'Created');
    assert.match(condition(status, 'LastChange')?.message ?? '', /job job-1$/);
    assert.equal(condition(status, 'Ready')?.reason, 'RunSucceeded');
  });

  it('whose answer was lost is taken over, not started again', async () => {
    const one = jobOperator();
    one.api.onMade = () => Promise.reject(noAnswer());
    await one.declare(wanting(1));
    const status = await one.succeeded();
    assert.deepEqual([status.externalId, one.calls()], ['job-1', 1]);
    assert.equal(condition(status, 'LastChange')?.reason, 'Adopted');
    assert.ok(one.reasons().includes('ConfirmingStart'));
  });

  it('that is not found is started again after the grace, and the next intent goes back to the first', async () => {
    const one = jobOperator();
    one.api.onCall = () => Promise.reject(one.calls() === 1 ? noAnswer() : refusedWith(409, 'later'));
    await one.declare(wanting(1));
    await waitFor(() => one.calls() >= 2, { what: 'the second start' });
    const intents = one.history.filter(({ properties }) => properties['intent'] !== undefined).map(intentIn);
    const [first, second] = [intents[0], intents.find(({ at }) => at !== intents[0]?.at)];
    assert.ok(first && second);
    assert.equal(second.since, first.at);
    assert.ok(Date.parse(second.at) - Date.parse(first.at) >= 400);
    one.api.onCall = () => Promise.resolve();
    await one.succeeded();
    assert.equal(one.jobs.length, 1);
  });

  it('that was started and not recorded before a crash is found by the next process', async () => {
    let isCrashed = false;
    const one = jobOperator(
      {},
      {
        onPut: ({ run }) => {
          if (run?.externalId === undefined) return;
          isCrashed = true;
          throw new Error('crash');
        },
      },
    );
    await one.declare(wanting(1));
    await waitFor(() => isCrashed, { what: 'the crash' });
    await one.restart({ onPut: () => {} });
    assert.equal((await one.succeeded()).externalId, 'job-1');
    assert.equal(one.calls(), 1);
  });

  it('that is refused for good has failed; a new one is started', async () => {
    const one = jobOperator();
    one.api.onCall = () => Promise.reject(refusedWith(400, 'never'));
    await one.declare(wanting(1));
    const failed = await one.until(({ runtime }) => runtime === 'failed', 'the refusal');
    assert.deepEqual([failed.status, condition(failed, 'Stalled')?.reason], ['error', 'StartRefused']);
    assert.equal(failed.run?.message, 'refused with 400');
    one.api.onCall = () => Promise.resolve();
    await one.declare(wanting(2));
    await one.succeeded(2);
    assert.equal(one.calls(), 2);
  });

  it('that is refused for who asks has not failed, and nothing is looked for', async () => {
    const one = jobOperator({ search: () => assert.fail('nothing was started') });
    one.api.onCall = () => Promise.reject(refusedWith(401, 'never'));
    await one.declare(wanting(1));
    const status = await one.until((found) => condition(found, 'Stalled') !== undefined, 'the refusal');
    assert.deepEqual([status.runtime, intentIn(status).isWithdrawn], ['pending', true]);
  });

  it('that nobody can look for is not started again', async () => {
    for (const search of [undefined, () => Promise.resolve('absent' as const)]) {
      const one = jobOperator(search === undefined ? {} : { search });
      const bare = search === undefined ? jobOperatorWithoutSearch() : one;
      bare.api.onCall = () => Promise.reject(noAnswer());
      await bare.declare(wanting(1));
      const status = await bare.until(({ runtime }) => runtime === 'failed', 'word of it');
      assert.equal(condition(status, 'Ready')?.reason, 'StartUnconfirmed');
      assert.match(status.message ?? '', /may be left at the job server/);
      await bare.declare(wanting(1, { sequence: 11, deletionRequestedAt }));
      const end = await bare.until((found) => found.status === 'deleted', 'the end');
      assert.match(condition(end, 'LastChange')?.message ?? '', /may be left at the job server/);
      assert.equal(bare.calls(), 1);
    }
  });

  it('that is not to be seen is waited for, then lost, and never started again', async () => {
    const one = jobOperator();
    one.api.stateOf = () => undefined;
    await one.declare(wanting(1));
    const lost = await one.until(({ runtime }) => runtime === 'failed', 'the end');
    assert.equal(condition(lost, 'Ready')?.reason, 'RunLost');
    assert.ok(one.reasons().includes('NotSeenYet') && !one.reasons().includes('NotSeen'));
    assert.equal(one.calls(), 1);
  });

  it('that was seen and is not any more is waited for', async () => {
    const one = jobOperator();
    let looks = 0;
    one.api.stateOf = () => {
      looks += 1;
      return looks === 2 ? undefined : looks < 4 ? 'inprogress' : 'succeeded';
    };
    await one.declare(wanting(1));
    await one.succeeded();
    assert.ok(one.reasons().includes('NotSeen'));
  });

  it('without an id has ended with the answer', async () => {
    const one = jobOperator({ start: () => Promise.resolve(undefined) });
    await one.declare(wanting(1));
    const { run } = await one.succeeded();
    assert.equal(run?.externalId, undefined);
    assert.ok(run?.finishedAt);
  });
});

const jobOperatorWithoutSearch = () => {
  const made = jobOperator({ search: undefined } as unknown as Parameters<typeof jobOperator>[0]);
  return made;
};

describe('the runs of two resources that look the same', { timeout }, () => {
  it('are one each, when the answers to both were lost and the process dies', async () => {
    const one = jobOperator();
    one.api.onMade = () => Promise.reject(noAnswer());
    await one.declare(wanting(1, { name: 'a' }));
    await one.declare(wanting(1, { name: 'b' }));
    await waitFor(() => one.jobs.length === 2, { what: 'both' });
    await one.restart();
    const taken = [await one.succeeded(1, 'a'), await one.succeeded(1, 'b')].map(({ externalId }) => externalId);
    assert.deepEqual(taken.toSorted(), ['job-1', 'job-2']);
    assert.equal(one.calls(), 2);
  });

  it('are not mixed up while one of them is being started', async () => {
    const one = jobOperator();
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    one.api.onCall = () => (one.calls() === 1 ? Promise.reject(noAnswer()) : Promise.resolve());
    one.api.onMade = (job) => (job.resource === 'public.b' ? answered : Promise.resolve());
    await one.declare(wanting(1, { name: 'a' }));
    await waitFor(() => one.calls() === 1, { what: 'the first start' });
    await one.declare(wanting(1, { name: 'b' }));
    await waitFor(() => one.jobs.length === 1, { what: 'the second' });
    // By then nobody else has anything to say any more: only the start that is under way keeps it from being taken.
    await new Promise((resolve) => setTimeout(resolve, 600));
    answer();
    assert.equal((await one.succeeded(1, 'b')).externalId, 'job-1');
    assert.equal((await one.succeeded(1, 'a')).externalId, 'job-2');
  });

  it('of a term that has just begun, a run of the other is not taken before that one was looked at', async () => {
    const one = jobOperator();
    await one.declare(wanting(1, { name: 'a' }));
    await one.succeeded(1, 'a');
    one.api.onCall = () => Promise.reject(noAnswer());
    await one.declare(wanting(1, { name: 'b' }));
    await waitFor(() => one.calls() === 2, { what: 'the start' });
    one.api.onCall = () => Promise.resolve();
    await one.restart();
    assert.equal((await one.succeeded(1, 'b')).externalId, 'job-2');
  });
});

describe('what ends a run', { timeout }, () => {
  const cancelling = () => {
    const cancelled = new Set<string>();
    const one = jobOperator({
      cancel: async (_work, { record }) => {
        cancelled.add(record.externalId);
      },
    });
    one.api.stateOf = ({ id }) => (cancelled.has(id) ? 'cancelled' : 'inprogress');
    return one;
  };

  it('a cancel reaches the API', async () => {
    const one = cancelling();
    await one.declare(wanting(1));
    await one.until(({ runtime }) => runtime === 'inprogress', 'progress');
    await one.declare(wanting(1, { sequence: 11, cancelRequested: true }));
    await one.until(({ runtime }) => runtime === 'cancelled', 'the end');
  });

  it('a deletion ends it first', async () => {
    const one = cancelling();
    await one.declare(wanting(1));
    await one.until(({ runtime }) => runtime === 'inprogress', 'progress');
    await one.declare(wanting(1, { sequence: 11, deletionRequestedAt }));
    const end = await one.until(({ status }) => status === 'deleted', 'the end');
    assert.equal(end.run?.state, 'cancelled');
    assert.match(condition(end, 'LastChange')?.message ?? '', /nothing of it runs any more$/);
  });

  it('what cannot be cancelled says so, and a deletion says that it goes on', async () => {
    const one = jobOperator();
    one.api.stateOf = () => 'inprogress';
    await one.declare(wanting(1));
    await one.until(({ runtime }) => runtime === 'inprogress', 'progress');
    await one.declare(wanting(1, { sequence: 11, cancelRequested: true }));
    await one.until((status) => condition(status, 'CancelUnsupported') !== undefined, 'word of it');
    await one.declare(wanting(1, { sequence: 12, deletionRequestedAt }));
    const end = await one.until(({ status }) => status === 'deleted', 'the end');
    assert.match(condition(end, 'LastChange')?.message ?? '', /run job-1 may still be under way/);
  });

  it('a newer run waits for the end of the one before', async () => {
    const one = jobOperator();
    one.api.stateOf = () => 'inprogress';
    await one.declare(wanting(1));
    await one.until(({ runtime }) => runtime === 'inprogress', 'progress');
    await one.declare(wanting(2));
    await one.until(({ observedSequence }) => observedSequence === 20, 'a look');
    assert.equal(one.calls(), 1);
    one.api.stateOf = () => 'succeeded';
    await one.succeeded(2);
    assert.equal(one.calls(), 2);
  });

  it('what is suspended or cancelled before it started is not started', async () => {
    const one = jobOperator();
    await one.declare(wanting(1, { suspended: true }));
    await one.declare(wanting(1, { name: 'other', cancelRequested: true }));
    await one.until(({ runtime }) => runtime === 'cancelled', 'the end', 'other');
    assert.equal(one.calls(), 0);
  });
});
