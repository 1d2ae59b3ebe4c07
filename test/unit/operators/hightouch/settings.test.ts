import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../../../src/operators/hightouch/settings.ts';
import { isFault } from '../../../../src/sdk/index.ts';

describe('the settings', () => {
  it('are the real Hightouch with the seed’s variables', () => {
    const settings = readSettings({ env: { HIGHTOUCH_SECRET: 'k' } });
    assert.deepEqual([settings.serviceUrl, settings.basePath], ['https://api.hightouch.com', '/api/v1']);
    assert.deepEqual(
      [settings.pollIntervalMs, settings.throttlePauseMs, settings.searchGraceMs],
      [3000, 10_000, 60_000],
    );
    assert.deepEqual([settings.warningIs, settings.driftIntervalMs], ['succeeded', 1_800_000]);
  });

  it('name every problem at once, and no secret', () => {
    const env = {
      HIGHTOUCH_SERVICE_URL: 'http://api.example.com',
      HIGHTOUCH_BASE_PATH: 'api/../v1',
      HIGHTOUCH_WARNING_IS: 'maybe',
      HIGHTOUCH_POLL_INTERVAL: '1ms',
      HIGHTOUCH_DRIFT_INTERVAL: '30',
    };
    assert.throws(
      () => readSettings({ env }),
      (error) => {
        assert.ok(isFault(error, 'CONFIG_INVALID'));
        for (const name of ['SERVICE_URL', 'BASE_PATH', 'WARNING_IS', 'POLL_INTERVAL', 'DRIFT_INTERVAL', 'SECRET'])
          assert.match(error.message, new RegExp(`HIGHTOUCH_${name}`));
        return true;
      },
    );
  });

  it('take plain HTTP for loopback only, and no path in the address', () => {
    const address = (url: string) => () => readSettings({ env: { HIGHTOUCH_SECRET: 'k', HIGHTOUCH_SERVICE_URL: url } });
    for (const good of ['http://127.0.0.1:4000', 'http://localhost', 'http://[::1]:1/', 'https://eu.example.com'])
      assert.doesNotThrow(address(good), good);
    for (const bad of ['http://127.0.0.1.evil.example', 'https://user@host', 'https://host/path', 'ftp://host'])
      assert.throws(address(bad), bad);
  });
});
