// Looking for what is there already: pages, matches, ids.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpFind, JsonValue } from '../../../../src/sdk/index.ts';
import { clientFor, context, faultOf, startServer } from './support.ts';

describe('looking for something', () => {
  const find: HttpFind = {
    ...{ url: '/list', query: { size: 2, at: 0 }, items: '.response.body.items', match: '.item.name == .spec.name' },
    ...{
      externalId: '.item.id',
      next: 'if .response.body.more then { query: { at: ((.page + 1) * 2) } } else null end',
    },
  };
  const listing = (items: readonly JsonValue[]) =>
    startServer(({ query }) => {
      const at = Number(query.get('at'));
      return { body: { items: items.slice(at, at + 2), more: at + 2 < items.length } };
    });

  it('goes through the pages and takes ids of numbers and text', async () => {
    const { url, asked } = await listing([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 'three', name: 'a' },
    ]);
    const client = clientFor(url);
    const ids = async (name: string) =>
      (await client.find(find, { spec: { name } }, context)).map(({ externalId }) => externalId);
    assert.deepEqual(await ids('a'), ['1', 'three']);
    assert.deepEqual(await ids('c'), []);
    assert.deepEqual((await client.find(find, { spec: { name: 'a' } }, context, (id) => id !== '1')).length, 1);
    assert.deepEqual(
      asked.slice(0, 2).map(({ query }) => query.get('at')),
      ['0', '2'],
    );
  });

  it('takes only what is true, and looks at the id only of that', async () => {
    const { url } = await listing([{ id: 1, name: 'a' }]);
    for (const match of ['1', '"true"', 'null', 'empty', 'false, true']) {
      const found = await clientFor(url).find(
        { ...find, match, externalId: 'error("not to be asked for")' },
        {},
        context,
      );
      assert.deepEqual(found, [], match);
    }
    for (const externalId of ['null', '""', 'empty', '{}']) {
      const fault = await faultOf(() => clientFor(url).find({ ...find, match: 'true', externalId }, {}, context));
      assert.equal(fault.retry, 'never', externalId);
    }
  });

  it('does not say that there is none when there are more pages than it looks at', async () => {
    const { url, asked } = await startServer(({ query }) => ({
      body: { items: [{ id: 1, name: query.get('at') }], more: true },
    }));
    const client = clientFor(url);
    const fault = await faultOf(() => client.find(find, { spec: { name: 'nobody' } }, context));
    assert.deepEqual([fault.code, fault.retry], ['COMPONENT_TERMINAL', 'never']);
    assert.match(fault.message, /more than 50 pages/);
    assert.equal(asked.length, 50);
    assert.equal((await client.find(find, { spec: { name: '4' } }, context)).length, 1, 'what is found is found');
  });
});
