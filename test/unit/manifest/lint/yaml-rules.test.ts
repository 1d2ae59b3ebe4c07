// What the lint says of YAML that other readers understand otherwise.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adviceOnDocument, lintDocuments, lintResource } from '../../../../src/manifest/lint/lint.ts';
import { parseManifests } from '../../../../src/manifest/parse.ts';
import { accepted, bytes, oneDocument } from '../../messages/support.ts';

const HEAD = 'name: a\nversion: v1\ntype: resource\nresource:\n  operator: o\n  type: t\n  spec:\n';

describe('numbers in YAML', () => {
  it('with a leading zero are noted where they stand, and read as decimal ones', () => {
    const document = oneDocument(`${HEAD}    mode: 017\n    octal: 0o17\n    text: "017"\n    list: [0, -08, 0.5]\n`);
    assert.deepEqual(
      lintResource(document).map(({ code, severity, pointer, line }) => [code, severity, pointer, line]),
      [
        ['NUMBER_LEADING_ZERO', 'note', '/resource/spec/mode', 8],
        ['NUMBER_LEADING_ZERO', 'note', '/resource/spec/list/1', 11],
      ],
    );
    const { resource } = document.value as { readonly resource: { readonly spec: unknown } };
    assert.deepEqual(resource.spec, { mode: 17, octal: 15, text: '017', list: [0, -8, 0.5] });
  });
});

const leftIn = (text: string) =>
  lintDocuments(accepted(parseManifests(bytes(text))), { defaultWorkspace: 'public', actor: 'x' })
    .filter(({ code }) => code === 'PLACEHOLDER_LEFT')
    .map(({ severity, pointer, line, document }) => [severity, pointer, line, document]);

describe('placeholders', () => {
  const spec = `    secret: \${{azure client secret}}\n    name: \${{my-factory}}\n    list: ['a \${{the second}}']\n`;
  it('of several words were left, but in a description', () => {
    const text = `description: \${{what it is for}}\n${HEAD}${spec}    description: \${{more of it}}\n`;
    assert.deepEqual(leftIn(text), [
      ['warning', '/resource/spec/secret', 9, undefined],
      ['warning', '/resource/spec/list/0', 11, undefined],
    ]);
  });

  it('of any kind were left in a secret, whose values nobody sees again', () => {
    const head = 'name: a\nversion: v1\ntype: secret\nsecret:\n  type: key-value\n  data:\n';
    assert.deepEqual(leftIn(`${head}    token: \${{token}}\n    user: plain\n`), [
      ['warning', '/secret/data/token', 7, undefined],
    ]);
  });

  it('were left in JSON as well, each in its document', () => {
    const one = { name: 'a', version: 'v1', type: 'resource', resource: { operator: 'o', type: 't', spec: {} } };
    const left = { ...one, resource: { ...one.resource, spec: { key: '${{put it here}}' } } };
    assert.deepEqual(leftIn(JSON.stringify(left)), [['warning', '/resource/spec/key', undefined, undefined]]);
    assert.deepEqual(leftIn(JSON.stringify([{ ...one, name: 'b' }, left])), [
      ['warning', '/resource/spec/key', undefined, 1],
    ]);
  });

  it('are told to whoever applies, without their text', () => {
    for (const kind of ['resource', 'operator', 'secret']) {
      const document = oneDocument(`name: a\nversion: v1\ntype: ${kind}\n${kind}:\n  x: \${{azure client secret}}\n`);
      const left = adviceOnDocument(kind, document).filter(({ code }) => code === 'PLACEHOLDER_LEFT');
      assert.deepEqual(
        left.map(({ pointer }) => pointer),
        [`/${kind}/x`],
      );
      assert.doesNotMatch(JSON.stringify(left), /azure/);
    }
  });
});

describe('YAML', () => {
  it('repeats what an anchor names, also in flow notation', () => {
    assert.deepEqual(oneDocument('labels: {a: &x red, b: *x}\n').value, { labels: { a: 'red', b: 'red' } });
  });

  it('moves no field to another level when a block scalar has a line of only a tab', () => {
    for (const tab of ['\t', '  \t', '    \t', '\t\t', '\t  ']) {
      const lines = ['spec:', '  script: |', '    a: 1', '    b: 2', '  other: 1', 'owner: me', ''];
      for (let at = 1; at < lines.length; at += 1) {
        const text = [...lines.slice(0, at), tab, ...lines.slice(at)].join('\n');
        const { value } = ((): { readonly value?: unknown } => {
          try {
            return oneDocument(text);
          } catch {
            return {};
          }
        })();
        if (value === undefined) continue;
        const { spec, owner } = value as { readonly spec: Record<string, unknown>; readonly owner: unknown };
        assert.deepEqual(
          [Object.keys(value as object), Object.keys(spec), owner],
          [['spec', 'owner'], ['script', 'other'], 'me'],
          text,
        );
      }
    }
  });
});
