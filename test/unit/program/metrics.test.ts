import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Histogram, Registry } from 'prom-client';
import type { MetricDefinition } from '../../../src/messages/metric-catalogue.ts';
import { createMetrics } from '../../../src/program/metrics.ts';

const define = (kind: MetricDefinition['kind'], name: string, ...labels: string[]): MetricDefinition => ({
  ...{ kind, name, labels },
  programs: [],
  help: `about ${name}`,
});

const calls = define('counter', 'calls_total', 'verb', 'code');
const plain = define('counter', 'plain_total');
const took = define('histogram', 'took_seconds', 'verb');
const bare = define('histogram', 'bare_seconds');
const level = define('gauge', 'level', 'name');
const metrics = () => createMetrics([calls, plain, took, bare, level]);

describe('metrics', () => {
  it('are all exposed from the start, with their kind and what they are about', async () => {
    const text = await metrics().expose();
    for (const { name, kind, help } of [calls, plain, took, bare, level]) {
      assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}`), name);
    }
    assert.match(text, /^plain_total 0$/m);
    assert.match(text, /^bare_seconds_count 0$/m);
  });

  it('are called _total when they are counters, and only then, also those of the process', async () => {
    const text = await createMetrics([], { withProcess: true }).expose();
    const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind = '']) => [name, kind] as const);
    assert.ok(kinds.length > 15, `${kinds.length} metrics`);
    assert.deepEqual(
      kinds.filter(([name, kind]) => name.endsWith('_total') !== (kind === 'counter')),
      [],
    );
  });

  it('count per series, and never twice what was scraped before', async () => {
    const all = metrics();
    const series = all.counter(calls, 'apply', '');
    series.add();
    series.add(2);
    assert.match(await all.expose(), /^calls_total\{verb="apply",code=""\} 3$/m);
    all.counter(calls, 'apply', '').add();
    assert.match(await all.expose(), /^calls_total\{verb="apply",code=""\} 4$/m);
    assert.match(await all.expose(), /^calls_total\{verb="apply",code=""\} 4$/m);
  });

  it('show a series at zero as soon as it is named', async () => {
    const all = metrics();
    all.counter(calls, 'run', 'X');
    assert.match(await all.expose(), /^calls_total\{verb="run",code="X"\} 0$/m);
  });

  it('have the histograms that prom-client itself would have', async () => {
    const all = metrics();
    const registry = new Registry();
    const text = await all.expose();
    const buckets = [...text.matchAll(/^bare_seconds_bucket\{le="([0-9.]+)"\}/gm)].map((match) => Number(match[1]));
    assert.ok(buckets.length > 10);
    const theirs = new Histogram({
      ...{ name: took.name, help: took.help, labelNames: ['verb'], buckets },
      registers: [registry],
    });
    for (const [verb, value] of [
      ['a', 0],
      ['a', 0.001],
      ['a', 0.0011],
      ['b', 3],
      ['b', 1000],
    ] as const) {
      all.histogram(took, verb).observe(value);
      theirs.observe({ verb }, value);
    }
    const rows = (whole: string): readonly string[] =>
      whole.split('\n').filter((line) => line.startsWith('took_seconds'));
    const sorted = (line: string): string => [...line].sort().join('');
    assert.deepEqual(rows(await all.expose()).map(sorted), rows(await registry.metrics()).map(sorted));
    assert.equal(rows(await registry.metrics()).length, 2 * (buckets.length + 3));
  });

  it('read gauges when asked, the newest reading of a series', async () => {
    const all = metrics();
    all.gauge(level, 'set').set(3);
    let now = 1;
    all.reading(level, () => 99, 'read');
    all.reading(level, () => now, 'read');
    now = 7;
    assert.deepEqual(await all.values(), { plain_total: 0, 'level{name="set"}': 3, 'level{name="read"}': 7 });
  });

  it('keep the number of series bounded', async () => {
    const all = metrics();
    for (let index = 0; index < 1000; index += 1) all.counter(calls, `verb${index}`, 'x').add();
    const text = await all.expose();
    assert.match(text, /^calls_total\{verb="other",code="other"\} 800$/m);
    assert.equal(text.split('\n').filter((line) => line.startsWith('calls_total{')).length, 201);
  });

  it('count nowhere what the program does not expose, and refuse labels that do not fit', async () => {
    const all = metrics();
    all.counter(define('counter', 'unknown_total', 'a'), 'b').add();
    assert.ok(!(await all.expose()).includes('unknown_total'));
    assert.throws(() => all.counter(calls, 'apply'), TypeError);
  });
});
