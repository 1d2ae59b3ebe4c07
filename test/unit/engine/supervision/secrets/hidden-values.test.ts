// What is taken out of the logs of a component.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMask, hiddenValuesOf } from '../../../../../src/engine/supervision/secrets/hidden-values.ts';

describe('hidden values', () => {
  it('are the values of variables and files, line by line, and passwords', () => {
    const files = [
      { name: 'db.properties', content: 'USER=sally\nPASSWORD=p=4567\n' },
      { name: 'key.pem', content: '-----BEGIN KEY-----\nMIIabc123\n-----END KEY-----\n' },
    ];
    const hidden = hiddenValuesOf(
      { environment: { A: 'aaaa', SHORT: '1' }, files },
      { OPSTREAM_NATS_USER: 'component', OPSTREAM_NATS_PASSWORD: 'nats-pass' },
      'api-key-1',
    );
    assert.deepEqual([...hidden].sort(), [
      ...['MIIabc123', 'PASSWORD=p=4567', 'USER=sally', 'aaaa', 'api-key-1', 'nats-pass', 'p=4567', 'sally'],
    ]);
  });

  it('are found in the disguises that they are printed in', () => {
    const secret = 'pa"ss/wo rd+1';
    const mask = createMask([secret, 'pa"ss']);
    for (const text of [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64'),
    ])
      assert.equal(mask(`<${text}>`), '<***>');
    assert.equal(createMask([])('a.*b'), 'a.*b');
    assert.equal(createMask(['a.*b'])('axxb a.*b'), 'axxb ***');
  });
});
