// What the lint says of YAML that other readers understand otherwise.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lintResource } from '../../../../../src/messages/manifest/lint/lint.ts';
import { oneDocument } from '../../support.ts';

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
