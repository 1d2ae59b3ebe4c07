// JSON Patch from anybody: applied whole or not at all, never into a prototype, never without bound.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonValue } from '../../../src/core/json.ts';
import { applyStored, diff } from '../../../src/messages/patch.ts';
import { applyPatch } from '../../../src/messages/sent-patch.ts';
import { accepted, refused, withinSeconds } from './support.ts';

const document = { name: 'a', tags: ['x'], spec: { a: { b: 1 } } };
const pointers = (patch: unknown) => {
  const rejection = refused(applyPatch(document, patch));
  assert.equal(rejection.code, 'PATCH_INVALID');
  return rejection.details.map((detail) => detail.pointer);
};

describe('a patch', () => {
  it('is applied to a copy', () => {
    const value = { c: [1] };
    const patch = [
      { op: 'add', path: '/spec/v', value },
      { op: 'add', path: '/spec/v/c/-', value: 2 },
      { op: 'copy', from: '/spec/a', path: '/spec/z' },
      { op: 'move', from: '/tags/0', path: '/first' },
      { op: 'replace', path: '/spec/a/b', value: 3 },
      { op: 'remove', path: '/name' },
    ];
    const before = structuredClone({ document, patch });
    assert.deepEqual(accepted(applyPatch(document, patch)), {
      tags: [],
      spec: { a: { b: 3 }, v: { c: [1, 2] }, z: { b: 1 } },
      first: 'x',
    });
    assert.deepEqual({ document, patch }, before);
  });
  it('is refused where it is malformed, with a pointer to each operation', () =>
    assert.deepEqual(
      pointers([
        { op: 'ad', path: '/a' },
        { op: 'add', path: 'a', value: 1 },
        { op: 'add', path: '/a' },
        { op: 'move', path: '/a' },
      ]),
      ['/patch/0/op', '/patch/1/path', '/patch/2/value', '/patch/3/from'],
    ));
  it('does not move a value into itself', () => {
    assert.deepEqual(pointers([{ op: 'move', from: '/spec', path: '/spec/a' }]), ['/patch/0/path']);
    assert.deepEqual(pointers([{ op: 'move', from: '', path: '/x' }]), ['/patch/0/path']);
    assert.deepEqual(accepted(applyPatch(document, [{ op: 'move', from: '/spec', path: '/specs' }])), {
      name: 'a',
      tags: ['x'],
      specs: { a: { b: 1 } },
    });
  });
  it('does not reach a prototype', () => {
    for (const path of ['/__proto__/x', '/spec/constructor/prototype/x', '/spec/__proto__']) {
      assert.deepEqual(pointers([{ op: 'add', path, value: 1 }]), ['/patch/0/path']);
    }
    assert.deepEqual(pointers([{ op: 'copy', from: '/__proto__', path: '/a' }]), ['/patch/0/from']);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });
  it('is refused where it does not apply', () => {
    assert.deepEqual(
      pointers([
        { op: 'remove', path: '' },
        { op: 'add', path: '/a', value: 1 },
      ]),
      ['/patch/1'],
    );
    assert.deepEqual(pointers([{ op: 'remove', path: '/nothing' }]), ['/patch/0']);
    assert.deepEqual(pointers([{ op: 'copy', from: '/nothing', path: '/a' }]), ['/patch/0']);
    assert.deepEqual(pointers([{ op: 'test', path: '/name', value: 'b' }]), ['/patch/0']);
    assert.deepEqual(pointers({}), ['/patch']);
  });
  it('takes no index but 0 and digits without a leading zero', () => {
    const list = { tags: ['x', 'y'] };
    for (const index of ['', '00', '01', '+1', '1.0', '1e0', ' 1', '-1', '-0', 'length', '2', '4294967296']) {
      for (const op of ['replace', 'remove', 'test'] as const) {
        const { code } = refused(applyPatch(list, [{ op, path: `/tags/${index}`, value: 'y' }]));
        assert.equal(code, 'PATCH_INVALID', `${op} ${index}`);
      }
      refused(applyPatch(list, [{ op: 'copy', from: `/tags/${index}`, path: '/copy' }]));
      if (index !== '2') refused(applyPatch(list, [{ op: 'add', path: `/tags/${index}`, value: 'z' }]));
    }
    refused(applyPatch(list, [{ op: 'remove', path: '/tags/-' }]));
    refused(applyPatch(list, [{ op: 'copy', from: '/tags/-', path: '/copy' }]));
    assert.deepEqual(accepted(applyPatch(list, [{ op: 'add', path: '/tags/2', value: 'z' }])), {
      tags: ['x', 'y', 'z'],
    });
  });
  it('reads and copies own members alone', () => {
    for (const from of ['/toString', '/spec/hasOwnProperty', '/name/length', '/tags/length', '/tags/map']) {
      refused(applyPatch(document, [{ op: 'copy', from, path: '/copy' }]));
      refused(applyPatch(document, [{ op: 'move', from, path: '/copy' }]));
      refused(applyPatch(document, [{ op: 'test', path: from, value: 1 }]));
      refused(applyPatch(document, [{ op: 'replace', path: from, value: 1 }]));
    }
    assert.deepEqual(accepted(applyPatch({}, [{ op: 'add', path: '/toString', value: 1 }])), { toString: 1 });
  });
  it('copies by value', () => {
    const patch = [
      { op: 'copy', from: '/spec', path: '/two' },
      { op: 'replace', path: '/two/a/b', value: 2 },
    ];
    assert.deepEqual(accepted(applyPatch(document, patch)), { ...document, two: { a: { b: 2 } } });
  });
  it('says what is there and what was found', () => {
    const messages = (patch: unknown) => refused(applyPatch(document, patch)).details.map(({ message }) => message);
    const cases: readonly (readonly [unknown, string])[] = [
      [{ op: 'remove', path: '/spec/x' }, 'the mapping at "/spec" has no field "x"'],
      [{ op: 'add', path: '/no/x', value: 1 }, 'the mapping at the manifest has no field "no"'],
      [{ op: 'remove', path: '/tags/1' }, 'the list at "/tags" has 1 item, so there is no item "1"'],
      [
        { op: 'remove', path: '/tags/00' },
        'expected an index of the list at "/tags" (0 or digits without a leading zero), found "00"',
      ],
      [{ op: 'add', path: '/name/x', value: 1 }, 'expected a mapping or a list at "/name", found some text'],
      [
        { op: 'test', path: '/name', value: 1 },
        'expected a number at "/name", found some text, and they are not equal',
      ],
      [{ op: 'add', path: '/a~2', value: 1 }, 'expected "~0" for "~" and "~1" for "/" in a JSON Pointer'],
    ];
    for (const [operation, message] of cases) assert.deepEqual(messages([operation]), [message]);
  });
  it('does not grow without bound', () => {
    const doubling = Array.from({ length: 1000 }, (_, index) => ({ op: 'copy', from: '', path: `/x${index}` }));
    const [pointer] = withinSeconds(5, () => pointers(doubling));
    assert.match(pointer ?? '', /^\/patch\/\d+$/);
  });
  it('is carried out or refused when it nests without end', () => {
    const level = `${'{"a":'.repeat(60)}{}${'}'.repeat(60)}`;
    const patch = Array.from({ length: 120 }, (_, index) => ({
      op: 'add',
      path: `${'/a'.repeat(60 * index)}/a`,
      value: JSON.parse(level) as JsonValue,
    }));
    withinSeconds(5, () => applyPatch({}, patch));
  });
  it('does what it says: diff and applyStored are inverse', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (before, after) => {
          fc.pre(!JSON.stringify([before, after]).includes('__proto__'));
          const plain = JSON.parse(JSON.stringify([before, after])) as [JsonValue, JsonValue];
          assert.deepEqual(applyStored(plain[0], diff(plain[0], plain[1])), plain[1]);
        },
      ),
    );
  });
  it('answers and does not throw', () => {
    const path = fc.constantFrom(
      '',
      '/',
      '/name',
      '/tags/0',
      '/tags/-',
      '/tags/01',
      '/spec/a',
      '/spec/a/b/c',
      '/~2',
      '/x',
      'x',
    );
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', '_get', 'x'),
        path,
        from: path,
        value: fc.jsonValue(),
      },
      { requiredKeys: ['op', 'path'] },
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.array(operation, { maxLength: 6 })),
        (patch) => void applyPatch(document, patch),
      ),
      { numRuns: 3000 },
    );
  });

  it('that was stored turns one document into the other, shares what it leaves alone, and changes neither input', () => {
    const value = fc.object({
      maxDepth: 3,
      withNullPrototype: false,
      key: fc.constantFrom('a', 'b', 'c', 'd/e', 'f~g', '0'),
    });
    fc.assert(
      fc.property(value, value, (left, right) => {
        const before = JSON.parse(JSON.stringify({ left, kept: { deep: [1] } })) as JsonValue;
        const after = JSON.parse(JSON.stringify({ left: right, kept: { deep: [1] } })) as JsonValue;
        const patch = diff(before, after);
        const inputs = structuredClone({ before, patch });
        const result = applyStored(before as { readonly kept: JsonValue }, patch);
        assert.deepEqual(result, after);
        assert.deepEqual({ before, patch }, inputs);
        assert.equal(result.kept, (before as { readonly kept: JsonValue }).kept);
      }),
      { numRuns: 500 },
    );
  });

  it('that was stored and does not fit is a fault, whatever it names', () => {
    const base = { list: [1], map: { a: 1 }, text: 'x' };
    for (const path of [
      '/list/2',
      '/list/-1',
      '/list/x',
      '/list/',
      '/list/00',
      '/list/+0',
      '/map/b',
      '/none/a',
      '/text/0',
      '/map/__proto__',
    ]) {
      for (const op of ['replace', 'remove'] as const) {
        const operation = op === 'remove' ? { op, path } : { op, path, value: 1 };
        assert.throws(() => applyStored(base, [operation]), { code: 'DOCUMENT_INVALID' }, `${op} ${path}`);
      }
    }
    assert.throws(() => applyStored(base, [{ op: 'add', path: '/map/__proto__', value: {} }]), {
      code: 'DOCUMENT_INVALID',
    });
    assert.throws(() => applyStored(base, [{ op: 'add', path: '/list/3', value: 1 }]), { code: 'DOCUMENT_INVALID' });
  });
});
