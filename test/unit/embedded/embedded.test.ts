import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { metricPort, processNames, programOf } from '../../../src/embedded/embedded.ts';
import { exampleManifests, exampleOf } from '../../../src/embedded/example.ts';

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

describe('what an instance starts', () => {
  it('is where it is looked for', async () => {
    const { files, processes } = await exampleOf({ directory: '.', environment: {} });
    const images = JSON.parse(files['local-images.json'] ?? '{}') as Record<string, { readonly command: string[] }>;
    const commands = Object.values(images).map(({ command }) => command.at(-1) ?? '');
    const wanted = [
      ...processNames.map(programOf),
      ...processes.map(({ program }) => program),
      ...commands,
      join(exampleManifests, 'operator.yaml'),
    ];
    assert.equal(wanted.length, processNames.length + 3);
    assert.deepEqual(
      wanted.filter((path) => !existsSync(path)),
      [],
    );
  });
});
