import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  booleanEntry,
  configFault,
  describeConfig,
  durationEntry,
  integerEntry,
  loadConfig,
  optional,
  textEntry,
} from '../../../src/program/config-table.ts';
import { formatDurationMs, parseDurationMs } from '../../../src/program/duration.ts';
import { instanceTable } from '../../../src/program/instance-config.ts';

const table = {
  url: textEntry({ env: ['APP_URL', 'URL'], flag: 'url', about: 'where', fallback: 'nats://127.0.0.1:4222' }),
  count: integerEntry({ env: 'APP_COUNT', about: 'how many', fallback: '1', min: 1, max: 10 }),
  every: durationEntry({
    env: 'APP_EVERY',
    flag: 'every',
    about: 'how often',
    fallback: '10s',
    minMs: 1,
    maxMs: 60_000,
  }),
  loud: booleanEntry({ env: 'APP_LOUD', flag: 'loud', about: 'noise', fallback: 'false' }),
  key: optional(textEntry({ env: 'APP_KEY', about: 'a key', pattern: /^k/, expected: 'a key', secret: true })),
  name: textEntry({ env: 'APP_NAME', about: 'the name' }),
} as const;

test('defaults, environment and flags, the flag winning', () => {
  const loaded = loadConfig(table, { APP_NAME: 'n', URL: 'nats://b', APP_COUNT: '' }, [
    'run',
    '--every=500ms',
    '--loud',
    '--url',
    'nats://a',
    'me',
  ]);
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.value, {
    config: { url: 'nats://a', count: 1, every: 500, loud: true, name: 'n' },
    positionals: ['run', 'me'],
  });
});

test('all problems are reported at once, without the secret', () => {
  const loaded = loadConfig(table, { APP_COUNT: '11', APP_EVERY: '10', APP_LOUD: 'maybe', APP_KEY: 'hunter2' }, [
    '--what',
    '--url',
  ]);
  assert.ok(!loaded.ok);
  assert.deepEqual(
    loaded.error.map(({ source }) => source),
    ['--what', '--url', 'APP_COUNT', 'APP_EVERY', 'APP_LOUD', 'APP_KEY', 'APP_NAME'],
  );
  const fault = configFault(loaded.error);
  assert.equal(fault.code, 'CONFIG_INVALID');
  assert.match(fault.message, /APP_COUNT expected a whole number from 1 to 10; found "11"/);
  assert.doesNotMatch(JSON.stringify([fault.message, fault.details]), /hunter2/);
});

test('flags of others are ignored where asked', () => {
  const loaded = loadConfig(table, { APP_NAME: 'n' }, ['--electionStateFile', '/tmp/x'], { unknownFlags: 'ignore' });
  assert.ok(loaded.ok);
});

test('the help has every entry', () => {
  const help = describeConfig(table);
  for (const part of ['--url', 'APP_URL, URL', 'default 10s', 'required', 'optional'])
    assert.ok(help.includes(part), part);
  assert.equal(help.split('\n').length, 6);
});

test('durations', () => {
  const cases = {
    '500ms': 500,
    '10s': 10_000,
    '1m': 60_000,
    '1h30m': 5_400_000,
    '1.5s': 1500,
    '0': 0,
    ' 2d ': 172_800_000,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms, text);
  for (const text of ['', '10', 's', '-1s', '1 s', '1s!', 'Infinity', '1e3s'])
    assert.equal(parseDurationMs(text), undefined, text);
  assert.deepEqual([90_000, 60_000, 1500, 0].map(formatDurationMs), ['90s', '1m', '1500ms', '0ms']);
});

test('addresses of servers are those that the NATS client can read', () => {
  const isTaken = (url: string): boolean => loadConfig(instanceTable, { OPSTREAM_NATS_URL: url }).ok;
  for (const url of ['host', 'host:4222', 'nats://me:secret@host:1', 'tls://[::1]:4222', 'nats://a:1,nats://b:2/'])
    assert.ok(isTaken(url), url);
  for (const url of ['nats://host:99999', 'nats://', 'http://host:1', 'a,,b', 'nats://host/path', 'nats://a b', 'h:x'])
    assert.ok(!isTaken(url), url);
});

test('the table of an instance has its defaults', () => {
  const loaded = loadConfig(instanceTable, {});
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.value.config, {
    natsUrl: 'nats://127.0.0.1:4222',
    prefix: 'opstream',
    logLevel: 'info',
    leaseTtlMs: 5000,
  });
});
