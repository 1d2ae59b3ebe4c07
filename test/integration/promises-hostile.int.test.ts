// P10 on a real server: whatever is sent to a door, the processes stay the same ones and nothing is stored but what was accepted.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/core/decode.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createRequester } from '../../src/jetstream/requester.ts';
import { datasetOf, mustApply, operatorNamed, together } from '../support/manifests.ts';
import { leakGuard } from '../support/processes.ts';
import type { RunningInstance } from '../support/running-instance.ts';
import { startUnshaken, type Unshaken } from '../support/unshaken-instance.ts';

leakGuard();

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
let unshaken: Unshaken;
let instance: RunningInstance;
before(async () => {
  unshaken = await startUnshaken();
  instance = unshaken.instance;
});
after(() => unshaken.stop());
afterEach(() => unshaken.mustWork());

describe('P10 what a client sends', () => {
  const storedCount = async (): Promise<number> => (await instance.messages(instance.names.streams.events)).length;
  /** Sent, refused (or not answered), and nothing of it stored. */
  const mustRefuse = async (verb: string, body: Uint8Array, what: string): Promise<void> => {
    const before = await storedCount();
    const reply = await createRequester(instance.connection).request(`opstream.rpc.${verb}`, body, {
      timeoutMs: 10_000,
    });
    const receipt = JSON.parse(new TextDecoder().decode(reply.data)) as {
      accepted?: boolean;
      rejection?: { code: string; message: string };
    };
    assert.equal(receipt.accepted, false, `${what}: ${JSON.stringify(receipt).slice(0, 300)}`);
    assert.ok((receipt.rejection?.message ?? '') !== '');
    // Somebody who looks for such a thing has already taken the name for one.
    assert.notEqual(receipt.rejection?.code, 'NOT_FOUND', what);
    assert.equal(await storedCount(), before, what);
  };
  const manifest = (changes: JsonObject): Uint8Array => encodeJson({ ...datasetOf('op', 'hostile', {}), ...changes });

  it('P10 random bytes to every verb and every query', async () => {
    let seed = 42;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const printable = '{}[]":,-\n\t &*!|>%@`abc123';
    for (let round = 0; round < 150; round += 1) {
      const size = Math.floor(random() * 200);
      const bytes = Uint8Array.from({ length: size }, () =>
        round % 2 === 0 ? Math.floor(random() * 256) : printable.charCodeAt(Math.floor(random() * printable.length)),
      );
      const verb = ['apply', 'create', 'patch', 'delete', 'run', 'cancel', 'finalize', 'suspend'][round % 8] ?? 'apply';
      await mustRefuse(verb, bytes, `round ${round}`);
      const query = ['get', 'list', 'status', 'history', 'outcome'][round % 5] ?? 'get';
      if (size > 0)
        await createRequester(instance.connection).request(`opstream.query.${query}`, bytes, { timeoutMs: 10_000 });
    }
  });

  it('P10 names that would be protocol or wildcards', async () => {
    for (const name of [
      'a\r\nPUB x 0',
      'a b',
      'a.b',
      '*',
      '>',
      '',
      'A',
      '-a',
      'a'.repeat(65),
      '__proto__',
      'ü',
      7,
      null,
    ]) {
      await mustRefuse('apply', manifest({ name }), `name ${String(name)}`);
      await mustRefuse('apply', manifest({ workspace: name === '' ? 'x y' : name }), `workspace ${String(name)}`);
      await mustRefuse('delete', encodeJson({ name }), `target ${String(name)}`);
    }
  });

  it('P10 depth, size, aliases that explode', async () => {
    await mustRefuse('apply', text(`${'['.repeat(100_000)}`), 'open brackets');
    await mustRefuse('apply', text(`{"a":`.repeat(5000) + '1' + '}'.repeat(5000)), 'deep object');
    await mustRefuse('apply', text('- '.repeat(50_000)), 'deep sequence');
    await mustRefuse('apply', new Uint8Array(1024 * 1024 - 4096).fill(97), 'a mebibyte');
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let level = 1; level < 9; level += 1) {
      const [to, from] = ['abcdefghij'[level] ?? '', 'abcdefghij'[level - 1] ?? ''];
      bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(',')}]`);
    }
    await mustRefuse('apply', text(bomb.join('\n')), 'alias bomb');
  });

  it('P10 patches to __proto__ and constructor', async () => {
    await mustApply(instance.client, datasetOf('op', 'patched', { value: 1 }));
    for (const path of [
      '/__proto__/polluted',
      '/constructor/prototype/polluted',
      '/resource/spec/__proto__/polluted',
    ]) {
      await mustRefuse('patch', encodeJson({ name: 'patched', patch: [{ op: 'add', path, value: true }] }), path);
    }
    await mustRefuse(
      'patch',
      text('{"name":"patched","patch":[{"op":"add","path":"/resource/spec/x","value":{"__proto__":{"a":1}}}]}'),
      'value',
    );
  });

  it('P10 schemas that would never end, and specs against them', async () => {
    const withSchema = (name: string, jsonSchema: string): JsonObject => {
      const operator = operatorNamed(name) as { operator: { resources: { name: string; specSchema?: unknown }[] } };
      for (const type of operator.operator.resources) type.specSchema = { jsonSchema };
      return operator as unknown as JsonObject;
    };
    const chain: JsonObject = { d25: { type: 'string' } };
    for (let index = 0; index < 25; index += 1) {
      const next = { $ref: `#/$defs/d${index + 1}` };
      Object.assign(chain, { [`d${index}`]: { allOf: [next, next] } });
    }
    const schemas = {
      regex: { type: 'object', properties: { value: { type: 'string', pattern: '^(a+)+$' } } },
      recursive: { $defs: { x: { allOf: [{ $ref: '#/$defs/x' }] } }, $ref: '#/$defs/x' },
      remote: { $ref: 'http://127.0.0.1:1/schema.json' },
      wide: {
        $defs: chain,
        properties: { value: { $ref: '#/$defs/d0' } },
      },
    };
    for (const [name, schema] of Object.entries(schemas)) {
      const operator = `schema-${name}`;
      const startedMs = performance.now();
      const receipt = await instance.client.send('apply', withSchema(operator, JSON.stringify(schema)));
      if (receipt.accepted) {
        const spec = { value: `${'a'.repeat(5000)}!` };
        const checked = await instance.client.send('apply', datasetOf(operator, `${operator}-1`, spec));
        assert.equal(checked.accepted, false, name);
      }
      assert.ok(performance.now() - startedMs < 4000, `${name} took ${performance.now() - startedMs} ms`);
    }
  });

  it('P10 a reply subject that is no inbox: not served, so nothing is written with our rights', async () => {
    const { nc } = instance.connection;
    const before = await storedCount();
    for (const reply of [
      'opstream.event.00.resource.public.injected',
      'opstream.status.00.op.public.injected',
      '$JS.API.STREAM.DELETE.OPSTREAM_EVENTS',
    ]) {
      nc.publish('opstream.rpc.apply', encodeJson(datasetOf('op', 'injected', {})), { reply });
      nc.publish('opstream.query.list', text('{}'), { reply });
    }
    nc.publish('opstream.rpc.apply', encodeJson(datasetOf('op', 'injected', {})));
    await nc.flush();
    await mustApply(instance.client, datasetOf('op', 'after-injection', {}));
    const stored = await instance.messages(instance.names.streams.events);
    assert.equal(stored.length, before + 1);
    assert.ok(!stored.some(({ subject }) => subject.endsWith('.injected')));
    assert.deepEqual(
      await instance.messages(instance.names.streams.status, ['opstream.status.*.op.public.injected']),
      [],
    );
  });

  it('P10 half of a command is never stored', async () => {
    const half = together([datasetOf('op', 'first-half', {}), { ...datasetOf('op', 'x', {}), name: 'a\r\nb' }]);
    await mustRefuse('apply', half, 'half');
  });
});
