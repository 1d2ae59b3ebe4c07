import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/fault.ts';
import { createLogger } from '../../../src/program/logger.ts';

const logged = (fields: Record<string, unknown>): string => {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level: 'info', write: (line) => lines.push(line) });
  log.child({ apiKey: 'plain-0' }).info(fields, 'message');
  return lines.join('');
};

test('fields named like secrets are blanked at any depth, numbers stay', () => {
  const line = logged({
    password: 'plain-1',
    nested: {
      list: [{ clientSecret: 'plain-2' }],
      AZURE_CLIENT_SECRET: 'plain-3',
      headers: { Authorization: 'plain-4' },
    },
    env: { HOME: 'plain-5' },
    natsUrl: 'nats://user:plain-6@host:4222',
    err: new Fault('JS_REFUSED', 'at nats://u:plain-7@host', { details: { token: 'plain-8' } }),
    token: 7,
  });
  assert.doesNotMatch(line, /plain-\d/);
  const entry = JSON.parse(line) as Record<string, unknown>;
  assert.equal(entry['token'], 7);
  assert.equal(entry['level'], 'info');
  assert.equal(entry['msg'], 'message');
  assert.equal((entry['err'] as Record<string, unknown>)['code'], 'JS_REFUSED');
});

test('a field that contains itself does not break the log', () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  assert.match(logged({ loop }), /message/);
});
