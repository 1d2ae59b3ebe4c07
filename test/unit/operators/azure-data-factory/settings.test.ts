import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../../../src/operators/azure-data-factory/settings.ts';
import { isFault } from '../../../../src/sdk/index.ts';
import { environmentFor } from './support.ts';

const standIn = { url: 'http://127.0.0.1:4000', loginUrl: 'http://127.0.0.1:4000' };

describe('the settings', () => {
  it('are the real Azure with the seed’s four variables', () => {
    const { AZURE_AUTHORITY_HOST, AZURE_MANAGEMENT_URL, AZURE_POLL_INTERVAL, ...env } = environmentFor(standIn);
    const settings = readSettings({ env });
    assert.equal(settings.authorityUrl, 'https://login.microsoftonline.com');
    assert.equal(settings.managementUrl, 'https://management.azure.com');
    assert.equal(settings.tokenScope, 'https://management.azure.com/.default');
    assert.equal(settings.pollIntervalMs, 5000);
    assert.equal(settings.correlationParameter, undefined);
  });

  it('name every problem at once, and no secret', () => {
    const env = {
      AZURE_TENANT_ID: '../other',
      AZURE_CLIENT_SECRET: 'hush-hush',
      AZURE_MANAGEMENT_URL: 'http://management.example.com',
      AZURE_POLL_INTERVAL: '5',
    };
    assert.throws(
      () => readSettings({ env }),
      (error) => {
        assert.ok(isFault(error, 'CONFIG_INVALID'));
        for (const name of [
          ...['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_SUBSCRIPTION_ID'],
          ...['AZURE_MANAGEMENT_URL', 'AZURE_POLL_INTERVAL'],
        ]) {
          assert.ok(error.message.includes(name), name);
        }
        assert.doesNotMatch(error.message, /hush/);
        return true;
      },
    );
  });

  it('send secrets over HTTPS, except to this machine', () => {
    const at = (url: string) => () => readSettings({ env: { ...environmentFor(standIn), AZURE_AUTHORITY_HOST: url } });
    for (const url of ['http://localhost:1', 'http://[::1]:1', 'https://login.example.com/'])
      assert.doesNotThrow(at(url));
    for (const url of ['http://localhost.example.com', 'https://user@host', 'ftp://127.0.0.1', 'https://h/path']) {
      assert.throws(at(url), url);
    }
  });
});
