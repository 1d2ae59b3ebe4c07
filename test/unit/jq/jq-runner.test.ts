import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { createJqRunner } from '../../../src/jq/jq-runner.ts';
import type { JsonValue } from '../../../src/core/json.ts';

// jq programs of strangers: what they give, and that none of them can hold up, exhaust or look into this process.

const runner = createJqRunner();
after(() => runner.close());

const outputsOf = async (program: string, input: JsonValue = null, options = {}) => {
  const result = await runner.run(program, input, options);
  assert.ok(result.ok, result.ok ? '' : result.error.message);
  return result.value;
};
const messageOf = async (program: string, input: JsonValue = null, options = {}): Promise<string> => {
  const result = await runner.run(program, input, options);
  assert.ok(!result.ok, `expected a refusal, got ${JSON.stringify(result)}`);
  assert.equal(result.error.code, 'JQ_INVALID');
  return result.error.message;
};

describe('jq programs', () => {
  it('give all their outputs', async () => {
    assert.deepEqual(await outputsOf('.a[], {b: .a | length}', { a: [1, 'zwei', null] }), [1, 'zwei', null, { b: 3 }]);
    assert.deepEqual(await outputsOf('empty', {}), []);
    assert.deepEqual(await outputsOf('def f($n): $n + 1; f(.)', 1), [2]);
    assert.deepEqual(await outputsOf('"\\(.name)-\\(.tags | join("-"))"', { name: 'ü\n€', tags: ['a', 'b'] }), [
      'ü\n€-a-b',
    ]);
  });

  it('may use variables', async () => {
    assert.deepEqual(await outputsOf('[$who, .a]', { a: 1 }, { variables: { who: { x: 'y' } } }), [[{ x: 'y' }, 1]]);
    assert.match(await messageOf('.', null, { variables: { 'a b': 1 } }), /letters, digits and "_"/);
  });

  it('say where they do not compile and why they fail', async () => {
    assert.match(await messageOf('.a |'), /does not compile: syntax error.* line 1, column/);
    assert.match(await messageOf('.a + $nobody', {}), /\$nobody is not defined/);
    assert.match(await messageOf('error("no \\(.)")', 7), /failed: no 7$/);
    assert.match(await messageOf('.a.b', { a: 1 }), /Cannot index number/);
    assert.match(await messageOf('debug | error("really")', 1), /failed: really$/);
    assert.match(await messageOf(' '), /empty/);
    assert.match(await messageOf('1\0.'), /NUL/);
  });

  it('are compiled by a check and not run', async () => {
    assert.ok((await runner.check('error("run")')).ok);
    assert.ok((await runner.check('def f: f; f')).ok);
    assert.ok((await runner.check('$x.a', { variables: ['x'] })).ok);
    assert.equal((await runner.check('$x.a')).ok, false);
    assert.equal((await runner.check('.a ||')).ok, false);
  });

  it('cannot pass flags to jq', async () => {
    assert.match(await messageOf('--version'), /does not compile|failed/);
    assert.match(await messageOf('-n'), /does not compile/);
    assert.deepEqual(await outputsOf('-1'), [-1]);
  });
});

describe('hostile jq programs', () => {
  it('see nothing of the environment, of files or of modules', async () => {
    process.env['OPSTREAM_TEST_JQ_SECRET'] = 'geheim-4711';
    const own = createJqRunner();
    const seen = await own.run('[env, $ENV, input_filename]', null);
    await own.close();
    delete process.env['OPSTREAM_TEST_JQ_SECRET'];
    assert.ok(seen.ok);
    const text = JSON.stringify(seen.value);
    assert.ok(!text.includes('geheim-4711') && !text.includes(process.cwd()));
    assert.equal(text.includes('"PATH":"/"'), true, 'jq has an environment of its own');
    assert.match(await messageOf('import "/etc/passwd" as $x; $x'), /module not found/);
    assert.match(await messageOf('include "/etc/passwd"; .'), /module not found/);
  });

  it('are ended when they do not end, and the next one works', async () => {
    const before = performance.now();
    assert.match(await messageOf('def f: f; f', null, { timeoutMs: 200 }), /takes longer than 200 ms/);
    assert.match(await messageOf('[limit(1e9; repeat(1))] | length', null, { timeoutMs: 200 }), /longer/);
    assert.ok(performance.now() - before < 8000);
    assert.deepEqual(await outputsOf('.a', { a: 1 }), [1]);
  });

  it('cannot flood the caller', async () => {
    assert.match(await messageOf('range(400000)'), /more than 1048576 characters|longer than/);
    assert.match(await messageOf('"x" * 2000000', null, { timeoutMs: 5000 }), /more than 1048576/);
    assert.match(await messageOf('repeat("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")', null, { timeoutMs: 300 }), /longer than/);
    assert.deepEqual(await outputsOf('1'), [1]);
  });

  it('cannot use up the memory', async () => {
    const before = process.memoryUsage().rss;
    const refused = await messageOf('reduce range(40) as $i ("aaaaaaaaaaaaaaaa"; . + .) | length', null, {
      timeoutMs: 10_000,
    });
    assert.match(refused, /memory|failed/);
    assert.match(await messageOf(`${'('.repeat(30_000)}1${')'.repeat(30_000)}`), /memory|compile|failed/);
    assert.match(await messageOf('def f: 1 + f; f', null, { timeoutMs: 3000 }), /memory|longer|failed/);
    assert.deepEqual(await outputsOf('.', [1]), [[1]]);
    assert.ok(process.memoryUsage().rss - before < 700 * 1024 * 1024);
  });

  it('do not hold up the event loop or each other', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10).unref();
    const [slow, quick] = await Promise.all([
      messageOf('def f: f; f', null, { timeoutMs: 600 }),
      outputsOf('2'),
      ...Array.from({ length: 20 }, (_, index) => outputsOf('. + 1', index)),
    ]);
    clearInterval(timer);
    assert.match(slow, /longer/);
    assert.deepEqual(quick, [2]);
    assert.ok(ticks > 10, `only ${ticks} turns`);
  });

  it('of many callers are all answered, each with its own', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => outputsOf('. * 2', index)));
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, index) => [index * 2]),
    );
  });
});

describe('an idle runner', () => {
  it('keeps no program alive', async () => {
    const program = `import { createJqRunner } from './src/jq/jq-runner.ts';
      const { value } = await createJqRunner().run('.a + 1', { a: 1 });
      process.stdout.write(JSON.stringify(value));`;
    const child = execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      timeout: 20_000,
    });
    let out = '';
    child.stdout?.on('data', (text: string) => (out += text));
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.deepEqual([code, signal, out], [0, null, '[2]']);
  });
});

describe('a closed runner', () => {
  it('refuses what waits and what comes', async () => {
    const own = createJqRunner({ maxWorkers: 1 });
    const running = [own.run('def f: f; f', null, { timeoutMs: 60_000 }), own.run('1', null)];
    await own.close();
    for (const result of await Promise.all(running)) assert.equal(result.ok, false);
    assert.equal((await own.run('1', null)).ok, false);
  });
});
