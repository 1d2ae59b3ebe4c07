import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assembleReconciler } from '../../../../src/operators/http/assemble.ts';
import { readDefinition } from '../../../../src/operators/http/definition.ts';
import { isFault } from '../../../../src/sdk/index.ts';
import { temporaryFolder } from '../../../support/children.ts';
import { operatorManifest } from '../../../support/fixtures.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const natsApi = (name: string) => ({
  command: { stream: 'rest', subject: `rest.${name}` },
  query: { subject: `rest.${name}.query`, replySubject: 'rest.reply' },
});
const http = {
  baseUrl: '{{ .env.API_URL }}',
  auth: { type: 'bearer', token: '{{ .env.API_KEY }}' },
  run: {
    start: { method: 'POST', url: '/start', externalId: '.response.body.id' },
    read: { url: '/{{ .externalId }}', state: '.response.body.state', states: { succeeded: ['done'] } },
  },
};
const manifestFile = (name: string, sections: Readonly<Record<string, unknown>> = { thing: http }): string => {
  const resources = Object.entries(sections).map(([type, section]) => ({
    ...{ name: type, isRunnable: true, natsApi: natsApi(type) },
    ...(section === undefined ? {} : { http: section }),
  }));
  const { operator, ...rest } = operatorManifest({ name: 'rest' });
  const path = join(folder.path, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...rest, operator: { ...operator, resources } }));
  return path;
};
const env = { API_URL: 'https://api.example.com', API_KEY: 'the-key', OTHER_SECRET: 'hush-hush' };
const subject = (name: string) => ({ ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT: `rest.${name}` });
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isFault(error, 'CONFIG_INVALID')) return error.message;
    throw error;
  }
  return assert.fail('expected CONFIG_INVALID');
};

describe('what a component without code is told to do', () => {
  it('is the section of the type whose commands it gets, with the variables that are named and no others', () => {
    const path = manifestFile('two', { thing: http, other: { ...http, pollInterval: '2m' }, plain: undefined });
    const definition = readDefinition({ env: { ...env, ...subject('other') }, argv: ['--manifest', path] });
    assert.deepEqual([definition.operator, definition.type, definition.pollIntervalMs], ['rest', 'other', 120_000]);
    assert.deepEqual(definition.env, { API_URL: 'https://api.example.com', API_KEY: 'the-key' });
    const inFolder = join(folder.path, 'operator.json');
    copyFileSync(path, inFolder);
    assert.equal(
      readDefinition({ env: { ...env, ...subject('thing'), DATAOS_SECRET_DIR: folder.path }, argv: [] }).type,
      'thing',
    );
    assert.equal(readDefinition({ env: { ...env, ...subject('thing') }, argv: [`--manifest=${path}`] }).type, 'thing');
  });

  it('says what is missing', () => {
    const path = manifestFile('one');
    assert.match(
      refusal(() => readDefinition({ env, argv: [] })),
      /--manifest FILE/,
    );
    assert.match(
      refusal(() => readDefinition({ env, argv: ['--manifest', join(folder.path, 'none')] })),
      /cannot be read/,
    );
    const missing = refusal(() => readDefinition({ env: { OTHER_SECRET: 'hush-hush' }, argv: ['--manifest', path] }));
    assert.match(missing, /API_URL[^]*API_KEY/);
    assert.ok(!missing.includes('hush'));
    const wrongSubject = refusal(() =>
      readDefinition({ env: { ...env, ...subject('nowhere') }, argv: ['--manifest', path] }),
    );
    assert.match(wrongSubject, /"rest\.nowhere"[^]*thing \(rest\.thing\)/);
    const both = manifestFile('both', { thing: http, other: http });
    assert.match(
      refusal(() => readDefinition({ env, argv: ['--manifest', both] })),
      /thing \(rest\.thing\), other/,
    );
  });

  it('never looks at a run without a pause between', () => {
    const path = manifestFile('fast', { thing: { ...http, pollInterval: '0.001ms' } });
    assert.equal(readDefinition({ env, argv: ['--manifest', path] }).pollIntervalMs, 50);
  });

  it('sends secrets to https or to this machine, and to nothing else', async () => {
    const assemble = (url: string) =>
      assembleReconciler({ env: { ...env, API_URL: url }, argv: ['--manifest', manifestFile('address')] });
    for (const url of ['https://api.example.com/v1', 'http://127.0.0.1:80', 'http://localhost']) await assemble(url);
    for (const url of [
      'http://api.example.com',
      'https://user@host',
      'https://host?x',
      'https://host#x',
      'file:///etc',
      'http://127.0.0.1.example.com',
    ])
      await assert.rejects(assemble(url), (error) => isFault(error, 'CONFIG_INVALID'), url);
  });
});
