import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientFor, context, faultOf, startServer } from './support.ts';

describe('one operation as a request', () => {
  it('has its url, query, headers and body from templates', async () => {
    const { url, asked } = await startServer();
    const client = clientFor(`${url}/v1/`, { headers: { 'X-All': 'all', 'x-both': 'all' } });
    const input = { spec: { id: 'a/../b?x', count: 2, none: null, list: ['ü'] } };
    await client.send(
      {
        ...{ method: 'POST', url: '/things/{{ .spec.id }}' },
        query: { count: '{{ .spec.count }}', none: '{{ .spec.none }}', list: '{{ .spec.list }}', sly: 'a&b=c' },
        headers: { 'X-Both': 'n{{ .spec.count }}', 'X-None': '{{ .spec.none }}' },
        body: { count: '{{ .spec.count }}', text: '"{{ .spec.id }}"' },
      },
      input,
      context,
    );
    const [one] = asked;
    assert.equal(one?.path, '/v1/things/a%2F..%2Fb%3Fx');
    assert.deepEqual(
      [...one.query],
      [
        ['count', '2'],
        ['list', '["ü"]'],
        ['sly', 'a&b=c'],
      ],
    );
    assert.deepEqual([one.headers['x-all'], one.headers['x-both'], one.headers['x-none']], ['all', 'n2', undefined]);
    assert.equal(one.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(one.body), { count: 2, text: '"a/../b?x"' });
  });

  it('is not sent with a header that is another one in truth', async () => {
    const { url, asked } = await startServer();
    const client = clientFor(url);
    for (const value of ['a\r\nX-Admin: 1', 'a\nb', 'a\0b', 'a\rb', '日本', 'a\u007fb']) {
      const fault = await faultOf(() =>
        client.send({ url: '/', headers: { 'x-name': '{{ .v }}' } }, { v: value }, context),
      );
      assert.deepEqual([fault.retry, fault.details['outcome']], ['never', 'none']);
      assert.match(fault.message, /header x-name/);
      assert.ok(!fault.message.includes('Admin'), 'without the value');
    }
    for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'a b', 'a:b', 'x\r\ny']) {
      const fault = await faultOf(() => client.send({ url: '/', headers: { [name]: 'x' } }, {}, context));
      assert.equal(fault.retry, 'never', name);
    }
    for (const token of ['a\nb', 'ключ']) {
      const fault = await faultOf(() =>
        clientFor(url, { auth: { type: 'bearer', token } }).send({ url: '/' }, {}, context),
      );
      assert.equal(fault.retry, 'never');
      assert.ok(!fault.message.includes(token));
    }
    assert.equal(asked.length, 0);
    await clientFor(url, { auth: { type: 'bearer', token: 'from-a-file\n' } }).send({ url: '/' }, {}, context);
    assert.equal(asked[0]?.headers.authorization, 'Bearer from-a-file', 'a line end after a secret is no part of it');
  });

  it('is not sent when it is a GET with a body', async () => {
    const { url, asked } = await startServer();
    const fault = await faultOf(() => clientFor(url).send({ url: '/x', body: {} }, {}, context));
    assert.deepEqual([fault.retry, fault.details['outcome'], asked.length], ['never', 'none', 0]);
  });

  it('never follows a redirect with its credentials', async () => {
    const other = await startServer();
    const { url } = await startServer(() => ({ status: 302, headers: { location: other.url } }));
    const fault = await faultOf(() =>
      clientFor(url, { auth: { type: 'bearer', token: 't' } }).send({ url: '/' }, {}, context),
    );
    assert.equal(fault.details['status'], 302);
    assert.deepEqual(other.asked, []);
  });

  it('that is answered with an error says whether it can have had an effect, and the API’s words', async () => {
    let status = 200;
    const { url } = await startServer(() => ({ status, body: { error: { message: 'the\n words' } } }));
    const client = clientFor(url, { retry: { statuses: [500, 409] } });
    for (const [given, retry, outcome] of [
      [400, 'never', 'none'],
      [403, 'never', 'none'],
      [409, 'later', 'none'],
      [500, 'later', 'unknown'],
      [503, 'never', 'unknown'],
    ] as const) {
      status = given;
      const fault = await faultOf(() => client.send({ url: '/x' }, {}, context));
      assert.deepEqual([fault.retry, fault.details['outcome'], fault.details['status']], [retry, outcome, given]);
      assert.equal(fault.message, `GET ${url}/x: ${given}: the words`);
    }
    status = 404;
    assert.equal((await client.send({ url: '/x', accept: [404] }, {}, context)).response.status, 404);
  });
});

describe('credentials', () => {
  const oauth = (tokenUrl: string) =>
    ({ type: 'oauth2ClientCredentials', tokenUrl, clientId: 'me', clientSecret: 'p+w&=' }) as const;

  it('are fetched again once when they are refused, and then it is over', async () => {
    let issued = 0;
    let good = 'token-2';
    const { url, asked } = await startServer(({ path, headers }) => {
      if (path === '/token') return { body: { access_token: `token-${(issued += 1)}`, expires_in: 3600 } };
      return { status: headers.authorization === `Bearer ${good}` ? 200 : 401 };
    });
    const client = clientFor(url, { auth: oauth(`${url}/token`) });
    assert.equal((await client.send({ method: 'POST', url: '/x', body: {} }, {}, context)).response.status, 200);
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/token', '/x', '/token', '/x'],
    );
    assert.equal(new URLSearchParams(asked[0]?.body).get('client_secret'), 'p+w&=');
    good = 'none';
    asked.length = 0;
    const fault = await faultOf(() => client.send({ url: '/x' }, {}, context));
    assert.deepEqual([fault.details['status'], fault.retry, fault.details['outcome']], [401, 'never', 'none']);
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/x', '/token', '/x'],
    );
  });

  it('are fetched once however many ask', async () => {
    const { url, asked } = await startServer(({ path }) =>
      path === '/token' ? { body: { access_token: 't', expires_in: 60 } } : {},
    );
    const client = clientFor(url, { auth: oauth(`${url}/token`) });
    await Promise.all(Array.from({ length: 20 }, () => client.send({ url: '/x' }, {}, context)));
    assert.equal(asked.filter(({ path }) => path === '/token').length, 1);
  });

  it('that cannot be refreshed are not tried twice', async () => {
    const { url, asked } = await startServer(() => ({ status: 401 }));
    for (const auth of [
      { type: 'bearer', token: 'secret-a' },
      { type: 'basic', username: 'u', password: 'secret-b' },
      { type: 'header', name: 'X-Key', value: 'secret-c' },
    ] as const) {
      const fault = await faultOf(() => clientFor(url, { auth }).send({ url: '/' }, {}, context));
      assert.ok(!fault.message.includes('secret'));
    }
    assert.deepEqual(
      asked.map(({ headers }) => headers.authorization ?? headers['x-key']),
      ['Bearer secret-a', `Basic ${Buffer.from('u:secret-b').toString('base64')}`, 'secret-c'],
    );
  });
});

describe('throttling', () => {
  it('closes the door for all after 429, for Retry-After or the pause', async () => {
    let nowMs = 0;
    let headers: Record<string, string> = { 'retry-after': '3' };
    let status = 429;
    const { url, asked } = await startServer(() => ({ status, headers }));
    const client = clientFor(url, { now: () => nowMs });
    const fault = await faultOf(() => client.send({ url: '/x' }, {}, context));
    assert.deepEqual([fault.retry, fault.details['outcome']], [{ afterMs: 3000, scope: 'operator' }, 'none']);
    assert.deepEqual((await faultOf(() => client.send({ url: '/y' }, {}, context))).retry, {
      afterMs: 3000,
      scope: 'operator',
    });
    assert.ok(await faultOf(() => client.ready()));
    assert.equal(asked.length, 1);
    nowMs = 3000;
    headers = {};
    assert.deepEqual((await faultOf(() => client.send({ url: '/x' }, {}, context))).retry, {
      afterMs: 700,
      scope: 'operator',
    });
    nowMs = 3700;
    status = 200;
    client.ready();
    assert.equal((await client.send({ url: '/x' }, {}, context)).response.status, 200);
  });

  it('by our own limit sends nothing beyond it', async () => {
    const { url, asked } = await startServer();
    const client = clientFor(url, { limit: { requests: 3, perMs: 1000 }, now: () => 0 });
    for (let count = 0; count < 3; count += 1) await client.send({ url: '/x' }, {}, context);
    assert.deepEqual((await faultOf(() => client.send({ url: '/x' }, {}, context))).retry, { afterMs: 334 });
    assert.equal(asked.length, 3);
  });
});

describe('the clock of the API', () => {
  it('is that of its answers, also for the first search', async () => {
    const hour = 3_600_000;
    const { url, asked } = await startServer(() => ({
      ...{ headers: { date: new Date(Date.now() - hour).toUTCString() }, body: [{ id: 1 }] },
    }));
    const find = {
      url: '/x',
      query: { at: '{{ .clockOffset }}' },
      items: '.response.body',
      match: '.clockOffset < -3000',
    };
    const client = clientFor(url);
    assert.equal((await client.find({ ...find, externalId: '.item.id' }, {}, context)).length, 1);
    const [first, second, ...others] = asked.map(({ query }) => Number(query.get('at')));
    assert.deepEqual([first, others], [0, []]);
    assert.ok(Math.abs((second ?? 0) + 3600) < 60, String(second));
    await client.find({ ...find, externalId: '.item.id' }, {}, context);
    assert.equal(asked.length, 3);
  });
});

describe('a program on an answer', () => {
  it('that is wrong does not make what was done undone', async () => {
    const { url } = await startServer();
    const client = clientFor(url);
    const answer = await client.send({ method: 'POST', url: '/start' }, {}, context);
    const fault = await faultOf(() => client.read('.response.body.id | error("x")', {}, answer));
    assert.deepEqual([fault.retry, fault.details['outcome']], ['never', 'unknown']);
  });
});

describe('numbers beyond 2^53', () => {
  it('keep their digits from an answer to a url, a query and a body', async () => {
    const { url, asked } = await startServer(() => ({ text: '{"id": 9007199254740993}' }));
    const client = clientFor(url);
    const answer = await client.send({ url: '/' }, {}, context);
    assert.equal(await client.read('.response.body.id', {}, answer), '9007199254740993');
    assert.equal(await client.read('.response.body | .id', {}, answer), '9007199254740993');
    await client.send(
      {
        ...{ method: 'POST', url: '/{{ .id }}/{{ .id | tonumber }}' },
        query: { as: '{{ .id | tonumber }}' },
        body: { path: '{{ .id }}', text: 'n {{ .id | tonumber }}', number: '{{ .id | tonumber }}', 'a"b': [1, null] },
      },
      { id: '9007199254740993' },
      context,
    );
    const id = '9007199254740993';
    assert.deepEqual([asked[1]?.path, asked[1]?.query.get('as')], [`/${id}/${id}`, id]);
    assert.equal(asked[1]?.body, `{"path":"${id}","text":"n ${id}","number":${id},"a\\"b":[1,null]}`);
  });
});
