// What a call makes of an answer: digits, what is not JSON, what is too long, the clock of the other side.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { callHttp, Fault, isNotThere, outcomeOf } from '../../../src/sdk/index.ts';

type Said = { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string | Buffer };

const asking = async (said: Said) => {
  const server = createServer((_request, response) => {
    response.writeHead(said.status ?? 200, said.headers).end(said.body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return callHttp({ method: 'GET', url, headers: {}, timeoutMs: 5000, signal: new AbortController().signal });
};

describe('an answer of an external API', () => {
  it('keeps the digits of its numbers', async () => {
    const { body } = await asking({ body: '{"id": 9007199254740993, "list": [{"id": 12}], "ratio": 0.5}' });
    assert.deepEqual(body, { id: '9007199254740993', list: [{ id: 12 }], ratio: 0.5 });
  });

  it('that is not JSON is told from one that is empty', async () => {
    const cases: readonly (readonly [string, unknown])[] = [
      ['', undefined],
      [' \n', undefined],
      ['OK', 'text'],
      ['<root/>', 'text'],
      ['<!DOCTYPE html><html>', 'html'],
      ['\n<!-- x --><html lang="en">', 'html'],
    ];
    for (const [text, unreadable] of cases) {
      const reply = await asking({ body: text, headers: { 'content-type': 'text/html' } });
      assert.deepEqual([reply.body, reply.unreadable], [undefined, unreadable], text);
    }
    assert.deepEqual((await asking({ body: '"fine"', headers: { 'content-type': 'text/html' } })).body, 'fine');
  });

  it('says what time it is there', async () => {
    const at = async (aheadMs: number) => {
      const date = new Date(Date.now() + aheadMs).toUTCString();
      const { dateMs, clockOffsetMs = Number.NaN } = await asking({ body: '{}', headers: { date } });
      assert.equal(dateMs, Date.parse(date));
      return clockOffsetMs;
    };
    assert.equal(await at(0), 0);
    for (const aheadMs of [-600_000, 600_000]) assert.ok(Math.abs((await at(aheadMs)) - aheadMs) < 60_000);
    const said = await asking({ body: '{}', headers: { date: 'soon' } });
    assert.deepEqual([said.dateMs, said.clockOffsetMs], [undefined, undefined]);
  });

  it('is not read to its end when it is too long', async () => {
    await assert.rejects(asking({ body: Buffer.alloc(33 * 1024 * 1024, 'x') }), (error) => {
      assert.match(String(error), /longer than 32 MiB/);
      return outcomeOf(error) === 'unknown';
    });
  });
});

it('404 and 410 both say that it is not there', () => {
  const faultWith = (status: number): Fault => new Fault('COMPONENT_TERMINAL', 'x', { details: { status } });
  const found = [404, 410, 403, 409, 500].filter((status) => isNotThere(faultWith(status)));
  assert.deepEqual(found, [404, 410]);
  assert.equal(isNotThere(new Error('404')), false);
});
