import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { observeLeadership } from '../../../../src/engine/loops/leadership.ts';
import { measuredFollower } from '../../../../src/engine/loops/measured-follower.ts';
import { metricsOf } from '../../../../src/messages/metric-catalogue.ts';
import { createMetrics } from '../../../../src/program/metrics.ts';
import type { Lease } from '../../../../src/engine/ports/leases.ts';
import type { StreamFollower } from '../../../../src/engine/ports/streams.ts';
import { arrayFollower, stored } from '../../../support/memory-ports.ts';

const HELD = 'opstream_lease_held{lease="projector"}';

describe('leadership', () => {
  it('is seen from the side: standing by, leading, lost, released', async () => {
    const metrics = createMetrics(metricsOf('projector'));
    let give: (lease: Lease | undefined) => void = () => {};
    let lost = new AbortController();
    const leadership = observeLeadership({ acquire: () => new Promise((resolve) => (give = resolve)) }, metrics);
    const { signal } = new AbortController();
    const acquire = () => leadership.leases.acquire('projector', { holder: 'me', signal });
    const lease = (): Lease => ({ name: 'projector', token: 7, lost: lost.signal, release: async () => {} });

    const first = acquire();
    assert.deepEqual(leadership.roles(), { projector: 'standing-by' });
    give(lease());
    assert.equal((await first)?.token, 7);
    assert.deepEqual(leadership.roles(), { projector: 'leading' });
    assert.equal((await metrics.values())[HELD], 1);
    lost.abort();
    assert.deepEqual(leadership.roles(), {});
    assert.equal((await metrics.values())[HELD], 0);

    lost = new AbortController();
    const second = acquire();
    give(lease());
    await (await second)?.release();
    assert.deepEqual(leadership.roles(), {});

    const third = acquire();
    give(undefined);
    assert.equal(await third, undefined);
    assert.deepEqual(leadership.roles(), {});
  });
});

describe('a measured follower', () => {
  const meterOf = (seen: number[], taken: { count: number }) => ({
    taken: { add: (count = 1) => void (taken.count += count) },
    lag: { set: (value: number) => void seen.push(value) },
  });
  const messages = [1, 2, 3, 4, 5].map((sequence) => stored(sequence, 's', {}));
  const { signal } = new AbortController();

  it('says how many messages are not taken in yet', async () => {
    const [seen, taken] = [[] as number[], { count: 0 }];
    const follower = measuredFollower(arrayFollower(messages, 3), meterOf(seen, taken), () => 0);
    await follower.follow({ fromSequence: 1, signal, onBatch: () => {} });
    assert.deepEqual(seen, [5, 2, 2, 0, 0]);
    assert.equal(taken.count, 5);
  });

  it('is behind while its reader hangs or fails, and not any more when it reads no longer', async () => {
    const [seen, taken] = [[] as number[], { count: 0 }];
    const failing: StreamFollower = measuredFollower(arrayFollower(messages, 5), meterOf(seen, taken), () => 0);
    const onBatch = () => Promise.reject(new Error('store is away'));
    await assert.rejects(failing.follow({ fromSequence: 1, signal, onBatch }), /store is away/);
    assert.deepEqual(seen, [5, 0]);
    assert.equal(taken.count, 0);
  });
});
