// What resource types declare, through the real command executor on streams in memory: external names, actions, and schemas that change
// under resources. The same with processes and components is in test/integration/resource-types.int.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Census } from '../../../../src/engine/evolution/census.ts';
import { breakagesOf } from '../../../../src/engine/evolution/schema-evolution.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import type { Entity } from '../../../../src/messages/entity.ts';
import type { OperatorManifest } from '../../../../src/messages/manifest-types.ts';
import { compileSpecSchema } from '../../../../src/manifest/spec-schema.ts';
import { memoryEvents, memoryHandler } from '../../../support/memory-handler.ts';
import { together } from '../../../support/manifests.ts';

const schemaOf = (schema: JsonObject) => ({ jsonSchema: JSON.stringify(schema) });
const withPort = (port: JsonObject): JsonObject => ({ type: 'object', properties: { port }, required: ['port'] });

const operatorWith = (type: JsonObject, rest: JsonObject = {}): JsonObject => ({
  name: 'shop',
  version: 'v1alpha',
  type: 'operator',
  operator: {
    components: [{ name: 'controller', type: 'worker', compute: 'external', image: 'none', replicas: 1 }],
    resources: [{ name: 'db', ...type }],
    enabledWorkspaces: ['public', 'sandbox'],
    ...rest,
  },
});
const db = (name: string, spec: JsonObject, workspace = 'public'): JsonObject => ({
  name,
  version: 'v1alpha',
  type: 'resource',
  workspace,
  resource: { operator: 'shop', type: 'db', spec },
});

const shop = async (type: JsonObject) => {
  const events = memoryEvents();
  const handler = memoryHandler(events);
  const applied = await handler.send('apply', operatorWith(type));
  return { events, handler, applied };
};
const lastData = (events: ReturnType<typeof memoryEvents>) => events.json().at(-1)?.['data'] as JsonObject;

describe('nameJqFilter', () => {
  it('names a resource when it is declared, changed and patched', async () => {
    const { events, handler } = await shop({ nameJqFilter: '"\\(.workspace)/\\(.resource.spec.title // .name)"' });
    await handler.send('apply', db('a', {}));
    assert.equal(lastData(events)['externalName'], 'public/a');
    await handler.send('apply', db('a', { title: 'Ä 1' }));
    assert.equal(lastData(events)['externalName'], 'public/Ä 1');
    const patch = [{ op: 'replace', path: '/resource/spec/title', value: 'two' }];
    await handler.send('patch', { name: 'a', patch });
    assert.equal(lastData(events)['externalName'], 'public/two');
    await handler.send('apply', db('a', { title: 'two', other: 1 }));
    assert.equal(lastData(events)['externalName'], undefined, 'the same name is not said again');
  });

  it('that does not compile is refused with the operator', async () => {
    const { applied } = await shop({ nameJqFilter: '.name |' });
    assert.equal(applied.rejection?.code, 'JQ_INVALID');
    assert.equal(applied.rejection?.details[0]?.pointer, '/operator/resources/0/nameJqFilter');
  });

  it('must give one name', async () => {
    for (const filter of ['.resource.spec.none', '.name, .name', 'empty', '""', '"x" * 600', 'error("no")', '{}']) {
      const { events, handler } = await shop({ nameJqFilter: filter });
      const stored = events.kept.length;
      const { rejection } = await handler.send('apply', db('a', {}));
      assert.equal(rejection?.code, 'JQ_INVALID', filter);
      assert.equal(rejection?.details[0]?.pointer, '/resource/spec');
      assert.equal(events.kept.length, stored);
    }
  });

  it('is forgotten when the type has none any more', async () => {
    const { events, handler } = await shop({ nameJqFilter: '.name' });
    await handler.send('apply', db('a', {}));
    await handler.send('apply', operatorWith({}));
    await handler.send('apply', db('a', { x: 1 }));
    assert.equal(lastData(events)['externalName'], null);
  });
});

const backup = {
  name: 'backup',
  specSchema: schemaOf({ type: 'object', properties: { to: { type: 'string' } }, required: ['to'] }),
};

describe('actions', () => {
  it('are run with parameters that their schema accepts, on a type that has no normal run', async () => {
    const { events, handler } = await shop({ actions: [backup, { name: 'restore' }] });
    await handler.send('apply', db('a', {}));
    const receipt = await handler.send('run', { name: 'a', action: 'backup', parameters: { to: 's3' } });
    assert.equal(receipt.accepted, true, JSON.stringify(receipt));
    const run = lastData(events)['run'] as JsonObject;
    assert.equal(run['action'], 'backup');
    assert.deepEqual(run['parameters'], { to: 's3' });
    assert.equal(run['number'], 1);
    assert.equal((await handler.send('cancel', { name: 'a' })).accepted, true);
    assert.equal((await handler.send('run', { name: 'a', action: 'restore' })).accepted, true);
    assert.equal((lastData(events)['run'] as JsonObject)['number'], 2);
  });

  it('are refused when they are unknown, do not fit or are not named', async () => {
    const { events, handler } = await shop({ actions: [backup] });
    await handler.send('apply', db('a', {}));
    const stored = events.kept.length;
    const refused = async (body: JsonObject) => (await handler.send('run', { name: 'a', ...body })).rejection;
    const unknown = await refused({ action: 'backpu' });
    assert.equal(unknown?.code, 'ACTION_NOT_FOUND');
    assert.match(unknown?.message ?? '', /has the actions backup; .*did you mean "backup"/);
    const misfit = await refused({ action: 'backup', parameters: { to: 7 } });
    assert.equal(misfit?.code, 'ACTION_INVALID');
    assert.equal(misfit?.details[0]?.pointer, '/parameters/to');
    assert.equal((await refused({ action: 'backup' }))?.code, 'ACTION_INVALID');
    const plain = await refused({});
    assert.equal(plain?.code, 'NOT_RUNNABLE');
    assert.match(plain?.message ?? '', /only actions: backup/);
    assert.equal((await handler.send('cancel', { name: 'a' })).rejection?.code, 'NOT_RUNNABLE');
    assert.equal(events.kept.length, stored);
  });

  it('are declared with names that differ and schemas that compile', async () => {
    const twice = await shop({ actions: [backup, backup] });
    assert.match(twice.applied.rejection?.message ?? '', /action names must differ/);
    const broken = await shop({ actions: [{ name: 'x', specSchema: { jsonSchema: '{"type": 7}' } }] });
    assert.equal(broken.applied.rejection?.code, 'SCHEMA_INVALID');
    assert.match(
      broken.applied.rejection?.details[0]?.pointer ?? '',
      /^\/operator\/resources\/0\/actions\/0\/specSchema/,
    );
  });

  it('do not mix with the normal run', async () => {
    const { events, handler } = await shop({ isRunnable: true, actions: [backup] });
    await handler.send('apply', db('a', {}));
    assert.equal((await handler.send('run', { name: 'a', parameters: {} })).rejection?.code, 'COMMAND_INVALID');
    await handler.send('run', { name: 'a', action: 'backup', parameters: { to: 'x' } });
    await handler.send('apply', db('a', { changed: 1 }));
    const run = lastData(events)['run'] as JsonObject;
    assert.equal(run['number'], 3);
    assert.equal(run['action'], undefined, 'a changed spec is a normal run');
  });
});

const entityOf = (manifest: JsonObject, more: Partial<Entity> = {}): Entity =>
  ({ key: `${String(manifest['workspace'])}.${String(manifest['name'])}`, manifest, ...more }) as unknown as Entity;
const censusOf = (entities: readonly Entity[]): Census & { asked: number } => ({
  asked: 0,
  async judgeAll(_operator, judge) {
    this.asked += 1;
    return entities.flatMap((entity) => {
      const found = judge(entity);
      return found === undefined ? [] : [{ entity, found }];
    });
  },
});
const manifestWith = (type: JsonObject, rest: JsonObject = {}): OperatorManifest =>
  operatorWith(type, rest) as unknown as OperatorManifest;

describe('a changed operator', () => {
  const before = manifestWith({ specSchema: schemaOf(withPort({ type: 'integer' })) });
  const none = () => false;

  it('is refused when a resource breaks its new schema, also as a dry run', async () => {
    const census = censusOf([entityOf(db('good', { port: 80 })), entityOf(db('bad', { port: 8 }))]);
    const handler = memoryHandler(memoryEvents(), memoryEvents(), {}, census);
    await handler.send('apply', operatorWith({ specSchema: schemaOf(withPort({ type: 'integer' })) }));
    const tighter = operatorWith({ specSchema: schemaOf(withPort({ type: 'integer', minimum: 80 })) });
    for (const isDryRun of [false, true]) {
      const { rejection } = await handler.send('apply', tighter, { isDryRun });
      assert.equal(rejection?.code, 'SCHEMA_BREAKS_RESOURCES');
      assert.equal(rejection?.details.length, 1);
      assert.match(rejection?.details[0]?.message ?? '', /resource public\/bad: \/resource\/spec\/port: .*80/);
    }
    const together_ = together([tighter, db('bad', { port: 81 })]);
    assert.equal((await handler.send('apply', together_)).accepted, true, 'with the resource made to fit it is taken');
  });

  it('may not take away the type or workspace of a resource', async () => {
    const census = censusOf([entityOf(db('a', { port: 1 }, 'sandbox')), entityOf(db('b', { port: 1 }))]);
    const smaller = await breakagesOf(before, manifestWith({ name: 'cache' }), census, none);
    assert.deepEqual(
      smaller?.details.map(({ code }) => code),
      ['TYPE_NOT_FOUND', 'TYPE_NOT_FOUND'],
    );
    const narrower = manifestWith(
      { specSchema: schemaOf(withPort({ type: 'integer' })) },
      { enabledWorkspaces: ['public'] },
    );
    const closed = await breakagesOf(before, narrower, census, none);
    assert.deepEqual(
      closed?.details.map(({ code }) => code),
      ['WORKSPACE_NOT_ENABLED'],
    );
  });

  it('leaves alone what is on its way out, and costs nothing when nothing can break', async () => {
    const leaving = entityOf(db('a', { port: 'x' }), { deletionRequestedAt: '2026-01-01T00:00:00Z' });
    const census = censusOf([leaving]);
    const after = manifestWith({ specSchema: schemaOf(withPort({ type: 'integer', minimum: 5 })) });
    assert.equal(await breakagesOf(before, after, census, none), undefined);
    assert.equal(census.asked, 1);
    const described = { ...before, description: 'new', version: 'v2' };
    assert.equal(await breakagesOf(before, described, census, none), undefined);
    assert.equal(census.asked, 1);
  });

  it('lists at most 50 problems and counts the rest', async () => {
    const census = censusOf(Array.from({ length: 80 }, (_, index) => entityOf(db(`r${index}`, { port: 1 }))));
    const after = manifestWith({ specSchema: schemaOf(withPort({ type: 'integer', minimum: 5 })) });
    const refused = await breakagesOf(before, after, census, none);
    assert.equal(refused?.details.length, 51);
    assert.match(refused?.details.at(-1)?.message ?? '', /and 30 more/);
  });

  it('is refused exactly when some resource does not fit the new schema', async () => {
    const port = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(null), fc.constant('x'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(port, { maxLength: 8 }),
        fc.record({
          type: fc.constantFrom('integer', 'string'),
          minimum: fc.integer({ min: 0, max: 20 }),
          nullable: fc.boolean(),
        }),
        async (ports, schema) => {
          const text = JSON.stringify(withPort(schema));
          const compiled = compileSpecSchema(text, '');
          assert.ok(compiled.ok);
          const isBroken = ports.some((value) => compiled.value.validate({ port: value }, '').length > 0);
          const census = censusOf(ports.map((value, index) => entityOf(db(`r${index}`, { port: value }))));
          const after = manifestWith({ specSchema: { jsonSchema: text } });
          const refused = await breakagesOf(before, after, census, none);
          assert.equal(refused !== undefined, isBroken);
        },
      ),
      { numRuns: 60 },
    );
  });
});
