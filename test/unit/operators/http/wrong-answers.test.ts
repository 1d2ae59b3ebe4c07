// Answers that are not what the manifest says: a login page, a typo in a program, text where JSON is expected. None of them is taken for "nothing is
// there" or for "done".

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpFind } from '../../../../src/sdk/index.ts';
import { waitFor } from '../../../support/wait-for.ts';
import { component, object, thing } from './object-component.ts';
import { clientFor, context, faultOf, startServer, type Says } from './support.ts';

const page: Says = {
  text: '<!doctype html><html><body>Sign in</body></html>',
  headers: { 'content-type': 'text/html' },
};

describe('an answer that is not what the manifest says', () => {
  it('to a search makes nothing', async () => {
    const wrong: readonly (readonly [Partial<HttpFind>, Says, RegExp])[] = [
      [{}, page, /GET \S+\/things: 200 with a page of HTML/],
      [{}, { text: 'please wait' }, /200 with text that is not JSON/],
      [
        { items: '.response.body.nots' },
        { body: { notes: [], total: 0 } },
        /expected a list .*found null; .*notes, total/,
      ],
      [{ items: '.response.body.notes' }, { body: { notes: { a: 1 } } }, /expected a list .*found an object with a/],
      [{ items: '.response.body.notes', next: '.response.body.next' }, { body: { notes: [], next: 'x' } }, /from next/],
    ];
    for (const [find, says, words] of wrong) {
      const { url, asked } = await startServer(() => says);
      const fault = await faultOf(() => clientFor(url).find({ ...object.find, ...find }, {}, context));
      assert.equal(fault.code, 'COMPONENT_RETRYABLE');
      assert.match(fault.message, words);
      assert.equal(asked.length, 1);
    }
  });

  it('to a search is asked again, and nothing is made meanwhile', async () => {
    let isLoggedIn = false;
    const it = await component({ object }, { search: (list) => (isLoggedIn ? { body: list } : page) });
    await it.declare(thing(1, 1, 'one'));
    await waitFor(() => it.asked('GET').length > 2, { what: 'some searches' });
    assert.equal(it.asked('POST').length, 0);
    isLoggedIn = true;
    await it.at(1);
    assert.equal(it.asked('POST').length, 1);
  });

  it('to a change is not taken for done', async () => {
    let answers: Says = page;
    const it = await component({ object }, { change: () => answers });
    await it.declare(thing(1, 1, 'one'));
    await it.at(1);
    await it.declare(thing(2, 2, 'two'));
    await waitFor(() => it.asked('PUT').length > 2, { what: 'more than one try' });
    assert.equal(it.history.at(-1)?.properties['appliedGeneration'], 1);
    answers = {};
    const status = await it.at(2);
    assert.equal(status.properties['appliedGeneration'], 2);
  });

  it('is fine as text where nothing reads it', async () => {
    const { url } = await startServer(() => ({
      text: 'OK',
      headers: { 'content-type': 'text/html', location: '/things/7' },
    }));
    const client = clientFor(url);
    const answer = await client.send({ method: 'PUT', url: '/x', body: {} }, {}, context);
    assert.equal(await client.read('.response.headers.location | split("/")[2]', {}, answer), '7');
    const fault = await faultOf(() => client.read('.response.body.id', {}, answer));
    assert.deepEqual([fault.code, fault.details['outcome']], ['COMPONENT_RETRYABLE', 'unknown']);
  });
});
