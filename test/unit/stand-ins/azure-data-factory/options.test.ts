import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultOptions, parseOptions, UsageError } from '../../../../src/stand-ins/azure-data-factory/options.ts';

test('nothing given: the sample manifest runs unchanged', () => {
  assert.deepEqual(parseOptions([], {}), defaultOptions);
  assert.deepEqual(defaultOptions.factories, [
    { name: 'datafactoryoz3un3trdpaa', resourceGroup: 'Engineering', pipelines: ['ArmtemplateSampleCopyPipeline'] },
  ]);
});

test('a flag wins over its variable', () => {
  const options = parseOptions(['--run-ms', '5', '--factory', 'one:groupA:p1,p2', '--factory', 'two:groupB'], {
    ADF_STAND_IN_RUN_MS: '9',
    ADF_STAND_IN_QUEUED_MS: '7',
    ADF_STAND_IN_FACTORY: 'three:groupC',
  });
  assert.deepEqual([options.runMs, options.queuedMs], [5, 7]);
  assert.deepEqual(options.factories, [
    { name: 'one', resourceGroup: 'groupA', pipelines: ['p1', 'p2'] },
    { name: 'two', resourceGroup: 'groupB', pipelines: [] },
  ]);
  const fromEnvironment = parseOptions([], { ADF_STAND_IN_FACTORY: 'one:g:p;two:g' });
  assert.deepEqual(
    fromEnvironment.factories.map((factory) => factory.name),
    ['one', 'two'],
  );
});

for (const argv of [
  ['--prot', '1'],
  ['--port', 'x'],
  ['--port', '70000'],
  ['--factory', 'nogroup'],
  ['--token-lifetime-seconds', '0'],
  ['--finished-cancel', 'maybe'],
]) {
  test(`refuses ${argv.join(' ')}`, () => {
    assert.throws(() => parseOptions(argv, {}), UsageError);
  });
}
