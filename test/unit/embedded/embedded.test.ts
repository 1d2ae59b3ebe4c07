import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metricPort, processNames } from '../../../src/embedded/embedded.ts';

const portsOf = (environment: Readonly<Record<string, string | undefined>>): readonly unknown[] =>
  processNames.map((name) => metricPort(environment, name)['METRIC_PORT']);

describe('the ports of metrics of an instance', () => {
  it('are one for each process, from the configured one on', () => {
    assert.deepEqual(portsOf({ METRIC_PORT: '9100' }), ['9100', '9101', '9102', '9103']);
    assert.deepEqual(portsOf({ METRIC_PORT: '', OPSTREAM_METRIC_PORT: '9200' }), ['9200', '9201', '9202', '9203']);
  });

  it('are none when none is configured, or any is meant, or it is for the process to refuse', () => {
    for (const port of ['', '0', 'x'])
      assert.deepEqual(portsOf({ METRIC_PORT: port }), [undefined, undefined, undefined, undefined]);
  });
});
