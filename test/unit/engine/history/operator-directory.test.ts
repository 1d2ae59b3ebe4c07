// The operators as they are folded from their events: doubled events change nothing, also of operators that are gone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOperatorDirectory } from '../../../../src/engine/history/operator-directory.ts';
import { namesFor } from '../../../../src/messages/subjects.ts';
import { operatorNamed } from '../../../support/manifests.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';

describe('the directory of operators', () => {
  it('does not bring back an operator that is gone when its first event comes again', async () => {
    const events = memoryEvents();
    const handler = memoryHandler(events);
    await handler.send('apply', operatorNamed('op'));
    const directory = createOperatorDirectory(namesFor('opstream'));
    const [registered] = events.kept;
    assert.ok(registered);
    directory.absorb(registered);
    const uid = directory.get('op')?.uid;
    await handler.send('delete', { type: 'operator', name: 'op' });
    handler.clock.advance(60_000);
    assert.equal((await handler.send('finalize', { type: 'operator', name: 'op', uid })).accepted, true);
    for (const message of events.kept) directory.absorb(message);
    assert.equal(directory.get('op'), undefined);
    directory.absorb(registered);
    assert.equal(directory.get('op'), undefined);
    assert.deepEqual(
      directory.gone().map(({ last, storage }) => [last.name, storage[0]?.name]),
      [['op', 'op-channel']],
    );
  });
});
