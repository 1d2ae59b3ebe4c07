import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { decodeStatusEvent } from '../../src/messages/stored-event.ts';
import { namesFor } from '../../src/messages/subjects.ts';
import { parseEntityCommand, parseEntityQuery } from '../../src/sdk/entity-command.ts';
import { channelMessages, comparable, type ChannelMessages } from '../support/channel-messages.ts';
import { leakGuard, root } from '../support/processes.ts';
import { startInstance, type RunningInstance } from '../support/running-instance.ts';

// The README's page about the channel: each example is held against the message that the programs make of the same resource and run.

leakGuard();

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = new Map<string, JsonValue>(
  [...readme.matchAll(/<!-- channel: ([a-z-]+) -->\n```json\n([\s\S]*?)```/g)].map(([, name = '', text = '']) => [
    name,
    JSON.parse(text) as JsonValue,
  ]),
);

describe('the page about the channel', () => {
  let instance: RunningInstance;
  let real: ChannelMessages;
  before(async () => {
    instance = await startInstance();
    real = await channelMessages(instance);
  });
  after(async () => {
    await instance.stop();
  });

  it('has an example of each kind', () => {
    assert.deepEqual([...examples.keys()].sort(), ['answer', 'command', 'dead-letter', 'query', 'status']);
  });

  for (const name of ['command', 'status', 'query', 'answer', 'dead-letter'] as const) {
    it(`shows the ${name} as it is`, () => {
      assert.deepEqual(comparable(examples.get(name) ?? null), comparable(real[name]));
    });
  }

  it('has examples that the programs accept', () => {
    const bytesOf = (name: string): Uint8Array => encodeJson(examples.get(name) ?? null);
    assert.equal(parseEntityCommand(bytesOf('command')).ok, true);
    assert.equal(parseEntityQuery(bytesOf('query')).ok, true);
    assert.equal('event' in decodeStatusEvent(bytesOf('status')), true);
  });

  it('tells how the shard is made', () => {
    const status = namesFor('opstream').status({ operator: 'notes-operator', workspace: 'public', name: 'visitors' });
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode('resource.public.visitors'))
      hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    assert.equal(status, `opstream.status.${String(hash % 16).padStart(2, '0')}.notes-operator.public.visitors`);
  });
});
