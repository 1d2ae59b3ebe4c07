// What may not be compressed and replicated, as provisioning and doctor ask it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compressionProblem, endsCompression, markedMetadata } from '../../../src/jetstream/compression.ts';

const once = (replicas: number) => ({ name: 'S', num_replicas: replicas, metadata: markedMetadata({}) });

describe('compressed and replicated', () => {
  it('is refused, and one of the two is not', () => {
    for (const config of [
      { compression: 's2' },
      { compression: 's2', num_replicas: 1 },
      { compression: 'none', num_replicas: 3 },
      { num_replicas: 3 },
      { num_replicas: 3, metadata: { team: 'x' } },
      once(1),
    ])
      assert.equal(compressionProblem(config), undefined, JSON.stringify(config));
    for (const config of [{ compression: 's2', num_replicas: 3 }, once(3)]) {
      const problem = compressionProblem(config) ?? '';
      for (const part of ['3 replicas', 'Keep 1 replica', 'opstream backup DIR', 'opstream restore DIR --replicas 3'])
        assert.ok(problem.includes(part), problem);
    }
  });

  it('leaves a mark where it was switched off, beside what the metadata held', () => {
    const before = { compression: 's2', metadata: { team: 'x' } };
    assert.equal(endsCompression(before, { compression: 'none' }), true);
    assert.equal(endsCompression({ compression: 'none' }, { compression: 'none' }), false);
    assert.equal(endsCompression({}, { compression: 's2' }), false);
    assert.deepEqual(markedMetadata(before), { team: 'x', 'opstream.compressed': 'its older blocks are' });
  });
});
